"""Nearing and faults: whatever the order, the batches and the repetitions, what the newest windows say stands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.monitoring.domain.windows import seconds
from shared.domain.risk import RiskState
from tests.unit.monitoring.harness import NOX, O2, SO2, MonitoringHarness, a_limit, at

BEGIN = at("2026-11-20 00:00")
NOW = "2026-11-20 12:30"
LATEST = (
    11  # the newest closed hour; opened by windows that ended at most three hours ago: 9, 10 and 11, and 8 at 09:30
)
FRESH = 9
Report = tuple[int, int, str, bool, int]  # hour, NOX, its mark, whether oxygen is valid, QN

reports = st.lists(
    st.tuples(
        st.one_of(st.integers(0, LATEST), st.integers(FRESH - 1, LATEST)),
        st.sampled_from([50, 79, 80, 85, 90, 100, 101]),
        st.sampled_from(["N", "N", "N", "D", "B", "M"]),
        st.booleans(),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda report: (report[0], report[4]),
)


def truth_of(sent: list[Report]) -> dict[int, Report]:
    truth: dict[int, Report] = {}
    for report in sent:
        if report[0] not in truth or report[4] > truth[report[0]][4]:
            truth[report[0]] = report
    return truth


def near(sent: list[Report]) -> tuple[str, int] | None:
    """Condition and last hour of the nearing of NOX that stands, straight from the rules."""
    valid = sorted((hour, value) for hour, value, mark, _, _ in truth_of(sent).values() if mark == "N")
    run: list[tuple[int, int]] = []
    for hour, value in valid:
        run = [*run, (hour, value)] if 80 <= value <= 100 else []
    if not run or run[-1][0] < FRESH:
        return None
    return ("near_90" if max(value for _, value in run) >= 90 else "near_80"), run[-1][0]


def broken(sent: list[Report]) -> set[tuple[str, tuple[str, ...]]]:
    """What is broken, and which factors suffer from it."""
    found: dict[str, set[str]] = {}
    nox: tuple[int, str | None] | None = None
    so2: tuple[int, str | None] | None = None
    for hour, _, mark, oxygen, _ in sorted(truth_of(sent).values()):
        if mark in ("N", "D", "B"):
            nox = hour, mark if mark != "N" else None
        so2 = hour, None if oxygen else "oxygen_missing"
    for factor, last in ((NOX, nox), (SO2, so2)):
        if last and last[1] and last[0] >= FRESH:
            found.setdefault(last[1], set()).add(factor)
    return {(what, tuple(sorted(factors))) for what, factors in found.items()}


def run(sent: list[Report], batch: int) -> tuple[Any, Any, list[tuple[int, ...]]]:
    with TemporaryDirectory() as folder:
        harness = MonitoringHarness(Path(folder), NOW).a_site(a_limit(NOX, "100", o2=None), a_limit(SO2, "35"))
        harness.take(*(report_packet(harness, report) for report in sent), batch=batch)
        open_near = [risk for risk in harness.risks("emission.nearing") if risk.state is RiskState.OPEN]
        faults = [risk for risk in harness.risks("data.fault") if risk.state is RiskState.OPEN]
        by_risk: dict[str, list[int]] = {}
        for event in harness.published():
            by_risk.setdefault(event.subject, []).append(event.revision)
        harness.database.close()
    assert len(open_near) <= 1
    stands = None
    for risk in open_near:
        assert risk.window is not None
        stands = risk.condition, (seconds(risk.window.start) - seconds(BEGIN)) // 3600
    return (
        stands,
        {(risk.facts["fault"], tuple(risk.facts["factors"])) for risk in faults},
        [tuple(revisions) for revisions in by_risk.values() if revisions != list(range(1, len(revisions) + 1))],
    )


def report_packet(harness: MonitoringHarness, report: Report) -> Any:
    hour, value, mark, oxygen, qn = report
    factors = {
        NOX: {"Avg": value, "Flag": mark},
        SO2: {"Avg": 5, "Flag": "N"},
        O2: {"Avg": 7.9, "Flag": "N" if oxygen else "D"},
    }
    return harness.packet(BEGIN + timedelta(hours=hour), factors, qn=f"2026112012000{qn:04d}")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=reports, data=st.data())
def test_any_order_leaves_what_the_newest_windows_show(sent: list[Report], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(sent))
    again = [*shuffled, *data.draw(st.lists(st.sampled_from(sent), max_size=5))]
    assert run(again, data.draw(st.sampled_from([1, 3, 500]))) == (near(sent), broken(sent), [])


def test_a_late_broken_hour_does_not_reopen_what_a_newer_one_ended(tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 09:05").a_site()
    harness.take(harness.packet("2026-11-20 08:00", {SO2: 10}))  # its oxygen is awaited until 10:00
    harness.now = at("2026-11-20 09:30")
    harness.take(harness.packet("2026-11-20 07:00", {SO2: {"Avg": 10, "Flag": "D"}}))
    assert [risk.state for risk in harness.risks("data.fault")] == [RiskState.OPEN]
    harness.now = at("2026-11-20 10:00")
    harness.take(harness.packet("2026-11-20 09:00", {SO2: 10, O2: 7.9}))
    harness.tick("2026-11-20 10:01")
    assert [row.reason for row in harness.decisions()] == ["invalid_mark", "oxygen_missing", None]
    (risk,) = harness.risks("data.fault")
    assert (risk.state, risk.revision) == (RiskState.CLEARED, 2)
    harness.database.close()


def test_a_point_without_oxygen_is_one_fault_that_names_its_factors(tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 09:05").a_site(
        a_limit(SO2), a_limit(NOX, "100"), a_limit("a34013", "10")
    )
    harness.take(harness.packet("2026-11-20 08:00", {SO2: 10, NOX: 20, "a34013": 5}))
    harness.tick("2026-11-20 10:00")
    (fault,) = harness.risks("data.fault")
    assert (fault.facts["factors"], fault.factor, fault.revision) == ([NOX, SO2, "a34013"], O2, 1)
    assert fault.why["zh"].startswith("氮氧化物、二氧化硫、")
    harness.take(harness.packet("2026-11-20 09:00", {SO2: 10, O2: 7.9}))  # the others are awaited
    (fault,) = harness.risks("data.fault")
    assert (fault.state, fault.facts["factors"]) == (RiskState.OPEN, [NOX, "a34013"])
    harness.database.close()


def test_a_days_mean_so_far_comes_near_after_six_deciding_hours(tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 05:30").a_site(a_limit(NOX, "100", "day", o2=None))
    for hour in range(5):
        harness.take(harness.packet(f"2026-11-20 0{hour}:00", {NOX: 85}))
    harness.tick("2026-11-20 05:45")
    assert harness.risks("emission.nearing") == []
    harness.now = at("2026-11-20 06:05")
    harness.take(harness.packet("2026-11-20 05:00", {NOX: 85}))
    harness.tick("2026-11-20 06:10")
    (risk,) = harness.risks("emission.nearing")
    assert (risk.condition, risk.decided, risk.facts["closed"]) == ("near_80", "85", False)
    assert risk.window is not None and risk.window.averaging == "day"
    harness.now = at("2026-11-21 00:05")
    harness.take(harness.packet("2026-11-20 00:00", {NOX: 101}, command="2031"))
    (risk,) = harness.risks("emission.nearing")
    assert (risk.state, risk.cleared) == (RiskState.CLEARED, "exceeded")
    harness.database.close()


def test_a_near_window_that_is_taken_back_leaves_no_risk_of_a_run_of_long_ago() -> None:
    """Hour 10 was near and turns out broken; hour 1, near too, is no news any more."""
    sent = [(1, 100, "N", True, 9), (10, 80, "N", True, 0), (10, 80, "D", True, 6)]
    assert near(sent) is None
    assert run(sent, 1) == (None, broken(sent), [])
