"""Runs of exceeding windows: which row decides a window, where a run is certainly whole, and how grave it is."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.exceedance import (
    DAYS_OVER_WITHIN_S,
    STARTS_WITHIN_S,
    UNKNOWN_AFTER,
    Condition,
    Decided,
    Run,
    condition,
    is_whole_left,
    is_whole_right,
    longest,
    quiet_s,
    runs,
    starts_before,
    worst_of_each_window,
)
from services.monitoring.domain.verdict import Status
from services.monitoring.domain.windows import DAY_S, HOUR_S, LENGTH_S
from shared.domain.risk import Cleared

TENTH, HALF, ONE = Fraction(1, 10), Fraction(1, 2), Fraction(1)


def over(place: int, multiple: Fraction = TENTH, *, length: int = HOUR_S, mn: str = "A1", seen_s: int = 0) -> Decided:
    return Decided(place * length, Status.OVER, multiple, seen_s, mn=mn)


def compliant(place: int, *, length: int = HOUR_S, mn: str = "A1") -> Decided:
    return Decided(place * length, Status.COMPLIANT, mn=mn)


def none(place: int, *, mn: str = "A1") -> Decided:
    return Decided(place * HOUR_S, Status.NONE, mn=mn)


def a_run(*places: int, multiple: Fraction = TENTH, averaging: str = "hour") -> Run:
    length = LENGTH_S[averaging]
    return Run(averaging, tuple(over(place, multiple, length=length) for place in places))


@pytest.mark.parametrize(
    ("rows", "worst"),
    [
        ([over(0), compliant(0, mn="A2")], over(0)),
        ([over(0), over(0, HALF, mn="A2")], over(0, HALF, mn="A2")),
        ([compliant(0), none(0, mn="A2")], compliant(0)),
        ([over(0), none(0, mn="A2")], over(0)),
        ([over(0), over(0, mn="A2")], over(0, mn="A2")),  # alike: by the point's number, so that it is always the same
        ([none(0)], none(0)),
    ],
)
def test_of_several_points_of_an_outlet_the_worst_decides_the_window(rows: list[Decided], worst: Decided) -> None:
    assert worst_of_each_window(rows) == worst_of_each_window(rows[::-1]) == [worst]


rows = st.lists(
    st.builds(
        Decided,
        st.integers(0, 40).map(lambda place: place * HOUR_S),
        st.sampled_from([Status.OVER, Status.COMPLIANT, Status.NONE]),
        st.sampled_from([TENTH, HALF, ONE]),
        st.integers(0, 100),
        st.just(False),
        st.sampled_from(["A1", "A2", "A3"]),
    ),
    max_size=30,
)


@given(rows)
def test_windows_come_in_order_one_each(decided: list[Decided]) -> None:
    starts = [row.start for row in worst_of_each_window(decided)]
    assert starts == sorted({row.start for row in decided})


@given(rows)
def test_every_excess_is_in_exactly_one_run_and_nothing_else_is(decided: list[Decided]) -> None:
    windows = worst_of_each_window(decided)
    in_runs = [window for run in runs(windows, "hour") for window in run.windows]
    assert in_runs == [window for window in windows if window.status is Status.OVER]


@given(rows)
def test_runs_do_not_overlap_and_only_the_last_may_still_last(decided: list[Decided]) -> None:
    found = runs(worst_of_each_window(decided), "hour")
    assert all(run.closed is not None for run in found[:-1])
    for earlier, later in pairwise(found):
        assert earlier.last < later.start
        assert earlier.closed_at_s is not None and earlier.closed_at_s <= later.start


@given(rows, st.integers(0, 100 * HOUR_S))
def test_time_closes_a_run_and_never_opens_one(decided: list[Decided], now_s: int) -> None:
    windows = worst_of_each_window(decided)
    before, after = runs(windows, "hour"), runs(windows, "hour", now_s=now_s)
    assert [run.windows for run in before] == [run.windows for run in after]
    assert all(old.closed is None or old == new for old, new in zip(before, after, strict=True))


@given(rows)
def test_windows_without_a_verdict_change_nothing(decided: list[Decided]) -> None:
    windows = worst_of_each_window(decided)
    assert runs([window for window in windows if window.status.decides], "hour") == runs(windows, "hour")


@pytest.mark.parametrize("averaging", ["hour", "day"])
def test_after_24_windows_without_a_verdict_the_end_is_unknown(averaging: str) -> None:
    length = LENGTH_S[averaging]
    last = over(0, length=length)
    far = over(UNKNOWN_AFTER + 1, length=length)
    first, second = runs([last, far], averaging)
    assert (first.closed, first.closed_at_s) == (Cleared.UNKNOWN, quiet_s(averaging))
    assert second.closed is None
    (one,) = runs([last, over(UNKNOWN_AFTER, length=length)], averaging)
    assert one.closed is None


@pytest.mark.parametrize(
    ("windows", "left", "right"),
    [
        ([], True, True),
        ([compliant(0)], True, True),
        ([over(0)], False, False),
        ([none(0), over(1)], False, False),
        ([compliant(0), over(1)], True, False),
        ([over(0), compliant(1)], False, True),
        ([compliant(0), over(1), compliant(2)], True, True),
        ([none(0), none(1)], True, True),
    ],
)
def test_a_compliant_window_shows_that_a_run_is_whole(windows: list[Decided], left: bool, right: bool) -> None:
    """What was loaded may cut a run: it is whole only where something ends it."""
    assert is_whole_left(windows, 0, "hour") is left
    assert is_whole_right(windows, 2 * HOUR_S, "hour") is right


@pytest.mark.parametrize("averaging", ["hour", "day"])
def test_a_run_is_whole_too_where_more_than_24_windows_before_it_were_looked_at(averaging: str) -> None:
    length = LENGTH_S[averaging]
    for distance, whole in ((UNKNOWN_AFTER + 1, False), (UNKNOWN_AFTER + 2, True)):
        assert is_whole_left([over(distance, length=length)], 0, averaging) is whole
        assert is_whole_right([over(0, length=length)], distance * length, averaging) is whole


@pytest.mark.parametrize(
    ("places", "row"),
    [((0,), 1), ((0, 1), 2), ((0, 2), 1), ((0, 1, 3), 2), ((0, 1, 3, 4, 5), 3), ((0, 1, 2, 4), 3), ((0, 5, 10), 1)],
)
def test_the_longest_row_counts_adjoining_windows_only(places: tuple[int, ...], row: int) -> None:
    assert longest(a_run(*places)) == row


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run(0), Condition.FIRST),
        (a_run(0, 1), Condition.FIRST),
        (a_run(0, 1, 2), Condition.LASTING),  # three hours in a row
        (a_run(0, 2, 4), Condition.FIRST),  # three hours, not in a row
        (a_run(0, multiple=Fraction(49, 100)), Condition.FIRST),
        (a_run(0, multiple=HALF), Condition.LASTING),
        (a_run(0, multiple=Fraction(99, 100)), Condition.LASTING),
        (a_run(0, multiple=ONE), Condition.GRAVE),  # twice the limit
        (a_run(0, averaging="day"), Condition.GRAVE),
        (a_run(0, multiple=Fraction(99, 100), averaging="day"), Condition.GRAVE),
        (a_run(0, multiple=ONE, averaging="day"), Condition.REPEATED),  # a day mean of twice the limit
        (a_run(0, 1, averaging="day"), Condition.REPEATED),  # two days in thirty
    ],
)
def test_the_condition_of_a_run_by_itself(run: Run, expected: Condition) -> None:
    assert condition(run, [run]) is expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ((), Condition.FIRST),
        ((10,), Condition.FIRST),
        ((10, 20), Condition.REPEATED),  # the third start in seven days
        ((200 - STARTS_WITHIN_S // HOUR_S, 20), Condition.FIRST),  # one of them a whole week before
        ((201 - STARTS_WITHIN_S // HOUR_S, 199), Condition.REPEATED),
        ((300, 400), Condition.FIRST),  # later ones say nothing of this one
    ],
)
def test_three_starts_in_seven_days_are_a_repetition(before: tuple[int, ...], expected: Condition) -> None:
    run = a_run(200 if any(abs(place) > 25 for place in before) else 30)
    assert condition(run, [*(a_run(place) for place in before), run]) is expected


@pytest.mark.parametrize(
    ("days_between", "expected"),
    [
        (1, Condition.REPEATED),
        (DAYS_OVER_WITHIN_S // DAY_S - 1, Condition.REPEATED),
        (DAYS_OVER_WITHIN_S // DAY_S, Condition.GRAVE),  # the thirtieth day after is outside
        (60, Condition.GRAVE),
    ],
)
def test_two_days_over_in_thirty_are_a_repetition(days_between: int, expected: Condition) -> None:
    earlier, later = a_run(0, averaging="day"), a_run(days_between, averaging="day")
    assert condition(later, [earlier, later]) is expected
    assert condition(earlier, [earlier, later]) is Condition.GRAVE  # it was the first


def test_starts_are_counted_with_the_run_s_own() -> None:
    run = a_run(100)
    assert starts_before(run, [a_run(90), run, a_run(110)]) == 2


def test_the_worst_window_is_the_earliest_of_the_highest() -> None:
    run = Run("hour", (over(0, TENTH), over(1, HALF), over(2, HALF), over(3, TENTH)))
    assert run.worst == over(1, HALF)
    assert (run.start, run.last, run.end_s) == (0, 3 * HOUR_S, 4 * HOUR_S)


def test_a_run_is_known_by_the_window_that_was_seen_first_not_by_its_first_window() -> None:
    run = Run("hour", (over(0, seen_s=50), over(1, seen_s=10), over(2, seen_s=10)))
    assert run.first_seen.start == HOUR_S


@pytest.mark.parametrize(
    ("late", "historical"), [((True, True), True), ((True, False), False), ((False, False), False)]
)
def test_a_run_is_historical_when_all_of_it_is(late: tuple[bool, bool], historical: bool) -> None:
    windows = tuple(Decided(n * HOUR_S, Status.OVER, TENTH, historical=one) for n, one in enumerate(late))
    assert Run("hour", windows).historical is historical


@given(rows, st.integers(0, 9))
def test_runs_do_not_depend_on_the_order_of_arrival(decided: list[Decided], seed: int) -> None:
    shuffled = Random(seed).sample(decided, len(decided))

    def shape(given_rows: list[Decided]) -> list[tuple[int, int, Fraction | None]]:
        found = runs(worst_of_each_window(given_rows), "hour")
        return [(run.start, run.last, run.worst.multiple) for run in found]

    assert shape(shuffled) == shape(decided)
