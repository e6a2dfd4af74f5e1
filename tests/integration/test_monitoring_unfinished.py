"""A window that has not ended is no verdict: it is kept as unfinished, counted, and decided at its end, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.risk import RiskState
from tests.unit.monitoring.harness import MN, NOX, MonitoringHarness, a_limit, at


def statuses(harness: MonitoringHarness) -> list[str]:
    return [row.status for row in harness.decisions()]


def unfinished(harness: MonitoringHarness, averaging: str) -> float:
    return harness.metrics.registry.get_sample_value("yujing_windows_unfinished_total", {"averaging": averaging}) or 0.0


def test_an_hour_reported_before_its_end_is_decided_at_its_end(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 17:20", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    harness.take(harness.packet("2026-11-20 17:00", {NOX: 250}))
    harness.take(harness.packet("2026-11-20 17:00", {NOX: 260}, qn="20261120172500000"))  # the same window again
    harness.tick("2026-11-20 17:59")
    assert (statuses(harness), harness.risks(), unfinished(harness, "hour")) == (["unfinished"], [], 1)
    assert not list(harness.published("risks"))  # no discharge was seen either
    harness.tick("2026-11-20 18:00")
    (risk,) = harness.risks()
    assert (statuses(harness), risk.decided, risk.state) == (["over"], "260", RiskState.OPEN)
    harness.database.close()


def test_a_later_packet_of_the_window_replaces_it(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 17:20", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    harness.take(harness.packet("2026-11-20 17:00", {NOX: 250}))
    harness.now = at("2026-11-20 18:01")
    harness.take(harness.packet("2026-11-20 17:00", {NOX: 90}))
    harness.tick()
    assert (statuses(harness), harness.risks()) == (["compliant"], [])
    harness.database.close()


def test_a_day_with_seven_hours_left_is_no_verdict(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 17:20", url=database_url).a_site(
        a_limit(NOX, "100", "day", o2=None)
    )
    harness.take(harness.packet("2026-11-20 00:00", {NOX: 250}, command="2031"))
    harness.tick("2026-11-20 23:50")
    assert (statuses(harness), harness.risks(), unfinished(harness, "day")) == (["unfinished"], [], 1)
    harness.tick("2026-11-21 00:00")
    assert (statuses(harness), [risk.condition for risk in harness.risks()]) == (["over"], ["repeated"])
    harness.database.close()


@pytest.mark.parametrize(("now", "status"), [("17:54", "unfinished"), ("17:55", "over"), ("18:00", "over")])
def test_a_device_may_be_five_minutes_early(now: str, status: str, database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, f"2026-11-20 {now}", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    harness.take(harness.packet("2026-11-20 17:00", {NOX: 250}))
    assert statuses(harness) == [status]
    harness.database.close()


def test_an_unfinished_window_ends_no_exceedance_and_a_restart_forgets_none(
    database_url: str | None, tmp_path: Path
) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 17:20", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    harness.take(harness.packet("2026-11-20 16:00", {NOX: 150}), harness.packet("2026-11-20 17:00", {NOX: 20}))
    assert [risk.state for risk in harness.risks()] == [RiskState.OPEN]
    harness.database.close()
    again = MonitoringHarness(tmp_path, "2026-11-20 18:00", url=database_url)
    again.tick()
    assert (statuses(again), [risk.state for risk in again.risks()]) == (["over", "compliant"], [RiskState.CLEARED])
    again.database.close()


def test_values_of_two_factors_are_one_window(database_url: str | None, tmp_path: Path) -> None:
    limits = (a_limit(NOX, "100", o2=None), a_limit("a21026", "50", o2=None))
    harness = MonitoringHarness(tmp_path, "2026-11-20 17:20", url=database_url).a_site(*limits)
    harness.take(harness.packet("2026-11-20 17:00", {NOX: 150, "a21026": 20}))
    assert (statuses(harness), unfinished(harness, "hour")) == (["unfinished"] * 2, 1)
    assert {row.mn for row in harness.decisions()} == {MN}
    harness.database.close()
