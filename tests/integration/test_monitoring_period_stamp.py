"""Devices that stamp the end of a period: shifted where the register says so, named where it does not, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from services.alerts.catalogue.loader import load_catalogue
from services.monitoring.domain.windows import instant
from shared.domain.clock import SHANGHAI
from shared.domain.risk import Cleared, RiskState
from tests.unit.monitoring.harness import MN, NOX, O2, MonitoringHarness, a_limit, at

KIND = "data.period_stamp"


def windows(harness: MonitoringHarness) -> list[tuple[str, str]]:
    return [(f"{instant(row.start_s).astimezone(SHANGHAI):%H:%M}", row.status) for row in harness.decisions()]


def a_site(tmp_path: Path, now: str, url: str | None, **point: str) -> MonitoringHarness:
    harness = MonitoringHarness(tmp_path, now, url=url)
    harness.an_enterprise()
    harness.a_point(**point)
    harness.a_permit(a_limit(NOX, "100", o2=None), a_limit(NOX, "90", "day", o2=None))
    return harness


def hours(harness: MonitoringHarness, first: str, count: int, *, after_min: int = 2) -> None:
    """An hour mean each hour, so many minutes after the stamped time."""
    stamped = at(first)
    for _ in range(count):
        harness.now = stamped + timedelta(minutes=after_min)
        harness.take(harness.packet(stamped, {NOX: 50}))
        stamped += timedelta(hours=1)


def test_a_point_registered_so_is_decided_at_once_for_the_hour_that_ended(
    database_url: str | None, tmp_path: Path
) -> None:
    harness = a_site(tmp_path, "2026-11-20 17:02", database_url, period_stamp="end")
    harness.take(harness.packet("2026-11-20 17:00", {NOX: 120}))
    assert windows(harness) == [("16:00", "over")]
    (risk,) = harness.risks()
    assert risk.window and risk.window.start == at("2026-11-20 16:00")
    harness.now = at("2026-11-21 00:02")
    harness.take(harness.packet("2026-11-21 00:00", {NOX: 50}, command="2031"))
    assert windows(harness) == [("00:00", "compliant"), ("16:00", "over")]
    harness.database.close()


def test_minutes_and_their_oxygen_are_shifted_too(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 18:01", url=database_url)
    harness.an_enterprise()
    harness.a_point(period_stamp="end")
    harness.a_permit(a_limit(NOX, "100"))
    for n in range(1, 7):
        stamped = at("2026-11-20 17:00") + timedelta(minutes=10 * n)
        harness.take(harness.packet(stamped, {NOX: 10 * n, O2: 6}, command="2051"))
    harness.tick("2026-11-20 19:01")
    assert [(row.value_kind, row.decided) for row in harness.decisions()] == [("own_converted", 35_000_000)]
    harness.database.close()


def test_a_habit_is_named_and_ends_when_the_register_says_so(database_url: str | None, tmp_path: Path) -> None:
    harness = a_site(tmp_path, "2026-11-20 08:00", database_url)
    hours(harness, "2026-11-20 08:00", 5)
    assert harness.risks(KIND) == []
    hours(harness, "2026-11-20 13:00", 3)
    (risk,) = harness.risks(KIND)
    assert (risk.state, risk.condition, risk.mn, risk.credit_code) == (
        RiskState.OPEN,
        "probably_end",
        MN,
        risk.credit_code,
    )
    assert "疑似以时段结束时刻标记" in risk.why["zh"]
    assert [status for _, status in windows(harness)][-1] == "unfinished"  # nothing was shifted on a guess
    harness.a_point(period_stamp="end")
    hours(harness, "2026-11-20 16:00", 1)
    (risk,) = harness.risks(KIND)
    assert (risk.state, risk.cleared) == (RiskState.CLEARED, Cleared.COVERED)
    assert windows(harness)[-1] == ("15:00", "compliant")  # the hour that was stamped 15:00 before is mended
    harness.database.close()


def test_a_logger_that_is_corrected_ends_it(database_url: str | None, tmp_path: Path) -> None:
    harness = a_site(tmp_path, "2026-11-20 08:00", database_url)
    hours(harness, "2026-11-20 02:00", 6)
    assert [risk.state for risk in harness.risks(KIND)] == [RiskState.OPEN]
    hours(harness, "2026-11-20 08:00", 3, after_min=62)
    assert [risk.state for risk in harness.risks(KIND)] == [RiskState.WITHDRAWN]
    harness.database.close()


def test_a_point_that_stamps_the_start_is_never_named(database_url: str | None, tmp_path: Path) -> None:
    harness = a_site(tmp_path, "2026-11-20 08:00", database_url)
    hours(harness, "2026-11-20 00:00", 12, after_min=62)
    assert harness.risks(KIND) == []
    harness.database.close()


def test_the_catalogue_has_words_for_it() -> None:
    row = load_catalogue().row(KIND, "probably_end", region="150102", day=date(2026, 11, 20))
    assert row.kind == KIND and row.hidden_from_enterprise
