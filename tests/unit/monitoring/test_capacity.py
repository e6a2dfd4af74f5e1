"""What a number of points needs follows from the figures that were measured, and names them."""

from __future__ import annotations

import pytest

from services.monitoring.commands import figures
from services.monitoring.domain.capacity import Figure, Load, needs
from shared.domain.tables import rows
from tests.support.commands import printed, run

FIGURES = {
    name: Figure(name, value, "", "2026-11-27", "make bench", "")
    for name, value in {
        "distributed_readings_per_s": 10_000,
        "distributed_cores": 2,
        "distributed_bytes_per_packet": 100,
        "distributed_bytes_per_reading": 20,
        "archive_bytes_per_packet": 10,
        "archive_bytes_per_reading": 5,
        "archive_readings_per_s": 100_000,
        "frame_bytes_per_packet": 30,
        "frame_bytes_per_reading": 6,
        "frames_per_s": 40_000,
        "process_bytes": 1_000_000,
        "bytes_per_series": 100,
    }.items()
}


def test_needs_grow_with_the_load_and_leave_room_to_catch_up() -> None:
    load = Load(points=30_000, interval_s=30, factors=8, days=35)
    found = {need.name: need.value for need in needs(load, FIGURES, distributed=True)}
    assert (found["packets_per_s"], found["readings_per_s"], found["series"]) == (1_000, 8_000, 240_000)
    assert (found["processes"], found["partitions"], found["cores"]) == (2, 12, 4)
    assert found["memory"] == 2 * 1_000_000 + 240_000 * 100
    assert found["database_per_day"] == 1_000 * 86_400 * (100 + 8 * 20)
    assert found["database"] == 36 * found["database_per_day"]
    assert found["archive_per_year"] == 365 * 1_000 * 86_400 * (10 + 8 * 5)
    assert found["archive_hours_per_day"] == pytest.approx(1.92)
    assert found["frames_per_year"] == 365 * found["frames_per_day"] == 365 * 1_000 * 86_400 * (30 + 8 * 6)
    assert found["frame_hours_per_day"] == pytest.approx(0.6)
    without = {need.name: need.value for need in needs(load, FIGURES, distributed=True, frames=False)}
    assert {name: value for name, value in found.items() if "frame" not in name} == without


def test_each_measured_figure_has_its_date_and_command_and_is_used() -> None:
    table = {row["name"]: row for row in rows("capacity_figures")}
    assert all(row["measured_on"] and "make bench" in row["command"] for row in table.values())
    for distributed in (True, False):
        found = needs(Load(100, 30, 8, 35), figures(), distributed=distributed)
        assert all(need.value > 0 for need in found)
        assert all(name in table for need in found for name in need.rests_on)


def test_the_verb_prints_what_is_needed_and_what_it_rests_on() -> None:
    found = printed("capacity", "--points", "1000", "--interval", "30", "--factors", "8")
    assert found["load"] == {"points": 1000, "interval_s": 30, "factors": 8, "days": 35}
    assert {one["name"] for one in found["figures"]} >= {"archive_bytes_per_reading", "bytes_per_series"}
    plain = run("capacity", "--points", "1000").stdout
    assert "每秒数据包 / packets_per_s: 33.33 1/s" in plain
    assert "make bench ARGS=archive" in plain
    shared = printed("capacity", "--points", "100000", "--distributed")
    assert shared["needs"]["partitions"]["value"] >= 12


@pytest.mark.parametrize("arguments", [("--points", "0"), ("--points", "x"), (), ("--points", "5", "--interval", "0")])
def test_bad_numbers_are_refused(arguments: tuple[str, ...]) -> None:
    result = run("capacity", *arguments)
    assert result.exit_code == 2
    assert "--points" in result.stderr or "--interval" in result.stderr
