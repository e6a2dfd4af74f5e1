"""Windows as epoch seconds agree with the calendar of Shanghai: no hour is missing, every second is in one hour and one day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.windows import (
    DAY_S,
    EARLY_S,
    HOUR_S,
    LENGTH_S,
    date_start_s,
    day_start_s,
    end_s,
    hour_start_s,
    instant,
    is_unfinished,
    seconds,
    shanghai_date,
    start_s,
)
from shared.domain.clock import day_start, shanghai_day, window_end, window_start

epoch = st.integers(0, 4_102_444_800)
days = st.dates(date(1992, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("day", "hours_before"),
    [
        (date(2026, 3, 1), 24),  # 28 February was the last of its month
        (date(2028, 3, 1), 24),  # 29 February was
        (date(2027, 1, 1), 24),
        (date(2026, 7, 1), 24),  # no summer time begins
        (date(2026, 10, 25), 24),  # or ends, as it does in Europe on this day
    ],
)
def test_every_day_has_24_hours(day: date, hours_before: int) -> None:
    assert date_start_s(day) - date_start_s(day - timedelta(days=1)) == hours_before * HOUR_S


@given(days)
def test_a_day_begins_at_its_own_midnight(day: date) -> None:
    start = date_start_s(day)
    assert shanghai_date(start) == day
    assert shanghai_date(start - 1) == day - timedelta(days=1)
    assert day_start_s(start) == start == day_start_s(start + DAY_S - 1)


@given(epoch, st.sampled_from(["minute", "hour", "day"]))
def test_a_moment_lies_in_its_window_and_in_no_other(at_s: int, period: str) -> None:
    start = start_s(at_s, period)
    assert start <= at_s < end_s(start, period)
    assert start_s(start, period) == start
    assert start_s(end_s(start, period), period) == end_s(start, period)
    assert start_s(start - 1, period) == start - LENGTH_S[period]


@given(epoch)
def test_an_instantaneous_value_has_no_length(at_s: int) -> None:
    assert start_s(at_s, "instant") == at_s == end_s(at_s, "instant")


@given(epoch)
def test_a_day_is_made_of_whole_hours(at_s: int) -> None:
    assert (hour_start_s(at_s) - day_start_s(at_s)) % HOUR_S == 0
    assert day_start_s(hour_start_s(at_s)) == day_start_s(at_s)


@given(epoch, st.sampled_from(["hour", "day"]))
def test_seconds_and_datetimes_name_the_same_window(at_s: int, averaging: str) -> None:
    """Monitoring counts in seconds, the other services in datetimes: one calendar."""
    start = window_start(instant(at_s), averaging)
    assert seconds(start) == start_s(at_s, averaging)
    assert seconds(window_end(start, averaging)) == end_s(start_s(at_s, averaging), averaging)
    assert shanghai_date(at_s) == shanghai_day(instant(at_s))
    assert date_start_s(shanghai_date(at_s)) == seconds(day_start(shanghai_day(instant(at_s))))


@given(epoch, st.integers(0, 999_999))
def test_parts_of_a_second_are_dropped_never_rounded_up(at_s: int, microsecond: int) -> None:
    assert seconds(instant(at_s).replace(microsecond=microsecond)) == at_s


@pytest.mark.parametrize(
    ("now_s", "unfinished"),
    [
        (0, True),
        (HOUR_S - EARLY_S - 1, True),
        (HOUR_S - EARLY_S, False),  # a device's clock may be five minutes ahead
        (HOUR_S, False),
        (2 * HOUR_S, False),
    ],
)
def test_a_window_is_unfinished_until_five_minutes_before_its_end(now_s: int, unfinished: bool) -> None:
    assert is_unfinished(0, "hour", now_s) is unfinished


@given(epoch, st.integers(0, 10 * DAY_S), st.sampled_from(["hour", "day"]))
def test_a_window_that_is_finished_stays_finished(start: int, later_s: int, averaging: str) -> None:
    finished = end_s(start, averaging) - EARLY_S
    assert not is_unfinished(start, averaging, finished + later_s)
    assert is_unfinished(start, averaging, finished - 1 - later_s)
