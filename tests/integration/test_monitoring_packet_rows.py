"""Real-time and minute readings as they are stored and read back, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.monitoring.domain.validity import Sample
from services.monitoring.domain.windows import WindowKey, seconds
from services.monitoring.store.packets import samples_of_hours
from tests.unit.monitoring.harness import MN, NOX, SO2, MonitoringHarness, at

OTHER = "A110000_0002"


@pytest.fixture
def harness(database_url: str | None, tmp_path: Path) -> Iterator[MonitoringHarness]:
    made = MonitoringHarness(tmp_path, "2026-11-20 09:00", url=database_url).a_site()
    made.a_point(OTHER)
    yield made
    made.database.close()


def _hour(mn: str, text: str) -> WindowKey:
    return WindowKey(mn, "hour", seconds(at(text)))


def test_samples_of_many_hours_come_at_once_and_each_stands_in_its_own_hour(harness: MonitoringHarness) -> None:
    harness.take(
        harness.packet("2026-11-20 06:59", {NOX: {"Rtd": 1.0}}, command="2011"),
        harness.packet("2026-11-20 07:00", {NOX: {"Rtd": 2.0, "Flag": "N"}, SO2: {"Rtd": 3.0}}, command="2011"),
        harness.packet("2026-11-20 07:59", {NOX: {"Rtd": 4.0, "Flag": "D"}}, command="2011"),
        harness.packet("2026-11-20 07:30", {NOX: {"Avg": 9.0}}, command="2051"),
        harness.packet("2026-11-20 08:00", {NOX: {"Rtd": 5.0}}, command="2011", mn=OTHER),
        harness.packet("2026-11-20 08:00", {NOX: {"Rtd": 6.0}}, command="2011"),
    )
    seven, eight, empty = _hour(MN, "2026-11-20 07:00"), _hour(OTHER, "2026-11-20 08:00"), _hour(MN, "2026-11-20 05:00")
    with harness.database.read() as session:
        instants = samples_of_hours(session, [seven, eight, empty], "instant")
        minutes = samples_of_hours(session, {seven, eight}, "minute")
        none = samples_of_hours(session, [], "minute")
    of_seven = {factor: sorted(samples) for factor, samples in instants[seven].items()}
    assert of_seven == {
        NOX: [Sample(0, 2_000_000, True), Sample(3540, 4_000_000, False)],
        SO2: [Sample(0, 3_000_000, True)],
    }
    assert instants[eight] == {NOX: [Sample(0, 5_000_000, True)]}
    assert instants.keys() == {seven, eight}
    assert minutes == {seven: {NOX: [Sample(1800, 9_000_000, True)]}}
    assert none == {}


def test_samples_of_more_hours_than_one_list_of_keys_holds(harness: MonitoringHarness) -> None:
    harness.take(harness.packet("2026-11-20 07:10", {NOX: {"Rtd": 2.0}}, command="2011"))
    wanted = [WindowKey(MN, "hour", seconds(at("2026-11-20 08:00")) - n * 3600) for n in range(1_000)]
    with harness.database.read() as session:
        found = samples_of_hours(session, wanted, "instant")
    assert found == {_hour(MN, "2026-11-20 07:00"): {NOX: [Sample(600, 2_000_000, True)]}}
