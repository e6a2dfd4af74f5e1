"""Own means of minutes by the spacing of their packets, and whether hours show that a device stamps the end of its period."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.nearing import Near, Nearness, Seen, ended_by, latest_run, nearness
from services.monitoring.domain.period_stamp import (
    REPORTS,
    SOON_S,
    WHOLE,
    probably_stamps_end,
    stamps_start,
    window_start_s,
)
from services.monitoring.domain.plausible import ANYTHING, plausible_range
from services.monitoring.domain.validity import (
    INTERVALS,
    MINUTES_OF_AN_HOUR,
    Sample,
    first_impossible,
    measured_of,
    own_hour,
)
from services.monitoring.domain.windows import DAY_S, EARLY_S, HOUR_S, MINUTE_S
from shared.domain.risk import Cleared

SO2 = plausible_range("a21026", "mg/m3")


def packets(interval_min: int, *, count: int | None = None, micro: int = 10, by_end: bool = False) -> list[Sample]:
    many = 60 // interval_min if count is None else count
    shift = interval_min - 1 if by_end else 0
    return [Sample((n * interval_min + shift) * 60, micro, True) for n in range(many)]


@pytest.mark.parametrize("by_end", [False, True], ids=["stamped at the start", "stamped at the end"])
@pytest.mark.parametrize("interval_min", INTERVALS)
def test_every_interval_that_the_standard_allows_fills_an_hour(interval_min: int, by_end: bool) -> None:
    """MinInterval: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 minutes."""
    mean = own_hour(packets(interval_min, by_end=by_end), by_end=by_end)
    assert mean is not None and (mean.count, mean.micro) == (60, 10)


@pytest.mark.parametrize(
    ("interval_min", "count", "minutes"),
    [(10, 4, 40), (10, 5, 50), (15, 3, 45), (5, 8, 40), (5, 9, 45), (20, 2, 40), (1, 44, 44), (1, 45, 45)],
)
def test_45_valid_minutes_are_counted_whatever_the_interval(interval_min: int, count: int, minutes: int) -> None:
    mean = own_hour(packets(interval_min, count=count))
    assert mean is not None and mean.count == minutes
    assert (mean.count >= MINUTES_OF_AN_HOUR) is (minutes >= 45)


def test_a_single_packet_speaks_for_its_own_minute_alone() -> None:
    mean = own_hour([Sample(0, 10, True)])
    assert mean is not None and mean.count == 1


def test_a_missing_packet_does_not_make_the_others_speak_for_longer() -> None:
    mean = own_hour([one for one in packets(10) if one.at_s != 1200])
    assert mean is not None and mean.count == 50


samples = st.lists(
    st.builds(
        Sample,
        st.integers(0, 59).map(lambda minute: minute * 60),
        st.none() | st.integers(-(10**9), 10**9),
        st.booleans(),
    ),
    max_size=40,
    unique_by=lambda one: one.at_s,
)


@given(samples, samples, st.integers(0, 99), st.booleans())
def test_an_hour_does_not_depend_on_the_order_of_arrival(
    minutes: list[Sample], instants: list[Sample], seed: int, by_end: bool
) -> None:
    random = Random(seed)
    shuffled = random.sample(minutes, len(minutes)), random.sample(instants, len(instants))
    assert own_hour(*shuffled, by_end=by_end) == own_hour(minutes, instants, by_end=by_end)


@given(samples, samples)
def test_a_mean_lies_between_its_values_and_counts_60_minutes_at_most(
    minutes: list[Sample], instants: list[Sample]
) -> None:
    mean = own_hour(minutes, instants)
    valid = [one.micro for one in (*minutes, *instants) if one.normal and one.micro is not None]
    if mean is None:
        assert not any(one.normal and one.micro is not None for one in minutes)
    else:
        assert min(valid) <= mean.micro <= max(valid) and 0 < mean.count <= 60


@given(samples, st.integers(0, 59), st.sampled_from(["D", "C", "M"]))
def test_a_value_with_another_mark_never_enters(minutes: list[Sample], minute: int, _mark: str) -> None:
    bad = Sample(minute * 60, 10**12, False)
    mean = own_hour([one for one in minutes if one.at_s != bad.at_s] + [bad])
    assert mean is None or mean.micro <= 10**9


@pytest.mark.parametrize(
    ("micro", "impossible"),
    [(0, None), (35_000_000, None), (-9_999_000_000, -9_999_000_000), (999_990_000, 999_990_000), (None, None)],
)
def test_a_placeholder_with_a_normal_mark_is_found_and_its_minute_stays_without_value(
    micro: int | None, impossible: int | None
) -> None:
    one = Sample(60, micro, True)
    assert first_impossible([one], SO2) == impossible
    assert measured_of([one], SO2) == [one if impossible is None else Sample(60, None, False)]
    assert first_impossible([Sample(60, micro, False)], SO2) is None  # the device says itself that it is none
    assert measured_of([one], ANYTHING) == [one] or micro in (-9_999_000_000, 999_990_000)


@pytest.mark.parametrize(
    ("period", "stamp", "start"),
    [
        ("hour", "start", 10 * HOUR_S),
        ("hour", "end", 9 * HOUR_S),
        ("day", "start", 10 * HOUR_S),
        ("day", "end", 10 * HOUR_S - DAY_S),
        ("minute", "end", 10 * HOUR_S - MINUTE_S),
        ("instant", "end", 10 * HOUR_S),  # a moment has neither start nor end
    ],
)
def test_the_register_alone_says_which_window_a_stamp_names(period: str, stamp: str, start: int) -> None:
    assert window_start_s(10 * HOUR_S, period, stamp) == start


@pytest.mark.parametrize(
    ("delays_s", "probably"),
    [
        ([60] * REPORTS, True),
        ([60] * (REPORTS - 1), False),  # too few to be a habit
        ([SOON_S - 1] * REPORTS, True),
        ([SOON_S] * REPORTS, False),
        ([-EARLY_S] * REPORTS, True),  # a clock that runs ahead
        ([-EARLY_S - 1] * REPORTS, False),
        ([60] * (REPORTS - 1) + [HOUR_S + 60], False),
        ([60] * REPORTS + [HOUR_S + 60], True),  # what was before the newest six does not count
        ([HOUR_S + 60] * REPORTS, False),  # as the standard has it
        ([], False),
    ],
)
def test_six_hours_that_come_before_they_are_over_show_the_end_s_stamp(delays_s: list[int], probably: bool) -> None:
    assert probably_stamps_end(delays_s) is probably


@pytest.mark.parametrize(
    ("delays_s", "start"),
    [
        ([HOUR_S + 60] * WHOLE, True),
        ([HOUR_S - EARLY_S] * WHOLE, True),
        ([HOUR_S - EARLY_S - 1] * WHOLE, False),
        ([HOUR_S + 60] * (WHOLE - 1), False),
        ([HOUR_S + 60] * WHOLE + [60], True),
        ([60, HOUR_S + 60, HOUR_S + 60], False),
    ],
)
def test_three_hours_that_come_after_their_end_show_the_start_s_stamp(delays_s: list[int], start: bool) -> None:
    assert stamps_start(delays_s) is start


@given(st.lists(st.integers(-2 * HOUR_S, 3 * HOUR_S), max_size=12))
def test_no_point_shows_both_habits(delays_s: list[int]) -> None:
    assert not (probably_stamps_end(delays_s) and stamps_start(delays_s))


@pytest.mark.parametrize(
    ("decided", "limit", "closed", "found"),
    [
        (27_999_999, 35_000_000, True, Nearness.FAR),
        (28_000_000, 35_000_000, True, Nearness.NEAR_80),
        (31_499_999, 35_000_000, True, Nearness.NEAR_80),
        (31_500_000, 35_000_000, True, Nearness.NEAR_90),
        (35_000_000, 35_000_000, True, Nearness.NEAR_90),  # equal is no excess
        (35_000_001, 35_000_000, True, Nearness.OVER),
        (35_000_001, 35_000_000, False, Nearness.NEAR_90),  # a mean so far does not exceed yet
        (0, 0, True, Nearness.FAR),
        (1, 0, True, Nearness.OVER),
        (1, 0, False, Nearness.FAR),
        (-5, 35_000_000, True, Nearness.FAR),
    ],
)
def test_a_mean_is_near_from_80_and_from_90_percent_on(decided: int, limit: int, closed: bool, found: Nearness) -> None:
    assert nearness(decided, limit, closed=closed) is found


def seen(text: str) -> list[Seen]:
    """Newest first: `8`, `9` near, `X` over, `.` far."""
    kinds = {"8": Nearness.NEAR_80, "9": Nearness.NEAR_90, "X": Nearness.OVER, ".": Nearness.FAR}
    return [Seen((len(text) - n) * HOUR_S, kinds[sign]) for n, sign in enumerate(text)]


@pytest.mark.parametrize(
    ("newest_first", "first_hour", "last_hour", "condition"),
    [
        ("8", 1, 1, Nearness.NEAR_80),
        ("89", 1, 2, Nearness.NEAR_90),
        ("88.9", 3, 4, Nearness.NEAR_80),  # a far hour ends a run
        ("8X9", 3, 3, Nearness.NEAR_80),
        (".9", None, None, None),
        ("X9", None, None, None),
        ("", None, None, None),
    ],
)
def test_the_newest_run_of_near_windows(
    newest_first: str, first_hour: int | None, last_hour: int, condition: Nearness
) -> None:
    expected = None if first_hour is None else Near(first_hour * HOUR_S, last_hour * HOUR_S, condition)
    assert latest_run(seen(newest_first)) == expected


def test_a_running_window_counts_until_it_is_closed() -> None:
    running = Seen(2 * HOUR_S, Nearness.NEAR_90)
    assert latest_run(seen("8"), running) == Near(HOUR_S, 2 * HOUR_S, Nearness.NEAR_90)
    assert latest_run(seen("88"), running) == Near(HOUR_S, 2 * HOUR_S, Nearness.NEAR_80)  # the closed one replaces it
    assert latest_run([], running) == Near(2 * HOUR_S, 2 * HOUR_S, Nearness.NEAR_90)


@pytest.mark.parametrize(
    ("newest_first", "last_hour", "why"),
    [
        (".8", 1, Cleared.COMPLIANT),
        ("X8", 1, Cleared.EXCEEDED),
        ("X.8", 1, Cleared.COMPLIANT),  # the first that is not near
        (".X8", 1, Cleared.EXCEEDED),
        (".", 1, Cleared.COMPLIANT),  # the window itself was decided anew
        ("8", 1, Cleared.TAKEN_BACK),
        ("", 1, Cleared.TAKEN_BACK),
    ],
)
def test_what_ended_a_run_of_near_windows(newest_first: str, last_hour: int, why: Cleared) -> None:
    assert ended_by(seen(newest_first), last_hour * HOUR_S) is why


def test_a_mean_of_minutes_is_exact() -> None:
    mean = own_hour([Sample(n * 60, micro, True) for n, micro in enumerate((1, 2, 2))])
    assert mean is not None and mean.micro == Fraction(5, 3)
