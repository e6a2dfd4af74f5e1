"""Of the reports of one window the value of the greatest rank counts for each factor, among new ones and beside stored ones."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.reading import Reading
from services.monitoring.domain.verdict import Value
from services.monitoring.domain.window_report import Stored, StoredValue, WindowReport, WindowReports
from services.monitoring.domain.windows import WindowKey

FACTORS = ("a19001", "a21002", "a21026")
HOURS = (WindowKey("A1", "hour", 0), WindowKey("A1", "hour", 3_600))


def a_report(number: int, window: WindowKey, factors: Sequence[str], rank: int) -> WindowReport:
    readings = {factor: Reading(number, None, "N", None) for factor in factors}
    return WindowReport(window, f"{rank:02d}", "gateway", number, readings)


drawn = st.lists(
    st.tuples(st.sampled_from(HOURS), st.lists(st.sampled_from(FACTORS), min_size=1, unique=True), st.integers(0, 5)),
    max_size=6,
)
some_reports = drawn.map(lambda all_: [a_report(n, *one) for n, one in enumerate(all_, 1)])


def counting(reports: Sequence[WindowReport]) -> dict[tuple[WindowKey, str], tuple[str, int | None]]:
    """Window and factor → rank and value of the report that counts, one report after the other."""
    found: dict[tuple[WindowKey, str], tuple[str, int | None]] = {}
    for report in reports:
        for factor, reading in report.readings.items():
            known = found.get((report.window, factor))
            if known is None or known[0] < report.rank:
                found[report.window, factor] = (report.rank, reading.micro)
    return found


def stored_from(reports: Sequence[WindowReport]) -> Stored:
    found: dict[WindowKey, dict[str, StoredValue]] = {}
    for (window, factor), (rank, number) in counting(reports).items():
        value = Value(number, None, "N", number or 0)
        found.setdefault(window, {})[factor] = StoredValue(value, rank)
    return found


@given(some_reports, some_reports)
def test_what_is_to_be_stored_and_what_counts_then_is_as_if_the_reports_came_one_by_one(
    earlier: list[WindowReport], later: list[WindowReport]
) -> None:
    stored, batch = stored_from(earlier), WindowReports()
    for report in later:
        batch.add(report)
    found = batch.beside(stored)

    before, after = counting(earlier), counting([*earlier, *later])
    new = {(report.window, factor) for report in found.new for factor in report.readings}
    greater = {(report.window, factor) for report in found.greater for factor in report.readings}
    assert new == after.keys() - before.keys()
    assert greater == {key for key in before if after[key] != before[key] and key in counting(later)}
    assert sum(len(report.readings) for report in (*found.new, *found.greater)) == len(new) + len(greater)
    for report in (*found.new, *found.greater):
        for factor, reading in report.readings.items():
            assert after[report.window, factor] == (report.rank, reading.micro)
    for window in batch.windows():
        values = found.values(window, FACTORS[:2])
        assert {factor: value.micro for factor, value in values.items()} == {
            factor: number for (of, factor), (_, number) in after.items() if of == window and factor in FACTORS[:2]
        }
        assert all(value.received_at_s == value.micro for value in values.values())
