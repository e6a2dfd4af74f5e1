"""DataTime of a mean names the start of its period: a second beside it is mended, anything else is refused with both starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.alignment import MENDED, Alignment, aligned, expected_starts
from services.monitoring.domain.windows import LENGTH_S, instant, seconds, start_s
from shared.domain.clock import SHANGHAI

moments = st.integers(1_577_808_000_000, 2_051_193_600_000).map(
    lambda at_ms: datetime.fromtimestamp(at_ms // 1000, SHANGHAI) + timedelta(milliseconds=at_ms % 1000)
)
periods = st.sampled_from(["minute", "hour", "day"])


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "period", "start", "mended"),
    [
        ("2026-11-20 08:00:00", "hour", "2026-11-20 08:00:00", False),
        ("2026-11-20 08:00:01", "hour", "2026-11-20 08:00:00", True),
        ("2026-11-20 07:59:59", "hour", "2026-11-20 08:00:00", True),
        ("2026-11-20 08:00:00.5", "hour", "2026-11-20 08:00:00", True),
        ("2026-11-20 07:59:59.001", "hour", "2026-11-20 08:00:00", True),
        ("2026-11-20 08:00:02", "hour", None, False),
        ("2026-11-20 07:59:58.999", "hour", None, False),
        ("2026-11-20 08:30:00", "hour", None, False),
        ("2026-11-20 08:31:00", "minute", "2026-11-20 08:31:00", False),
        ("2026-11-20 08:30:59", "minute", "2026-11-20 08:31:00", True),
        ("2026-11-20 08:31:30", "minute", None, False),
        ("2026-11-20 00:00:00", "day", "2026-11-20 00:00:00", False),
        ("2026-11-19 23:59:59", "day", "2026-11-20 00:00:00", True),
        ("2026-11-20 08:00:00", "day", None, False),  # UTC midnight begins no day here
        ("2028-02-29 00:00:00", "day", "2028-02-29 00:00:00", False),
        ("2027-01-01 00:00:00", "day", "2027-01-01 00:00:00", False),
        ("2026-12-31 23:59:59", "day", "2027-01-01 00:00:00", True),
        ("2026-11-20 08:31:07", "instant", "2026-11-20 08:31:07", False),
    ],
)
def test_which_window_is_meant(text: str, period: str, start: str | None, mended: bool) -> None:
    expected = None if start is None else Alignment(seconds(local(start)), mended)
    assert aligned(local(text), period) == expected


@given(moments, periods)
def test_what_is_aligned_is_a_start_and_never_more_than_a_second_away(at: datetime, period: str) -> None:
    found = aligned(at, period)
    if found is not None:
        assert start_s(found.start_s, period) == found.start_s
        assert abs(at - instant(found.start_s)) <= MENDED


@given(moments, periods, st.integers(-1_000_000, 1_000_000))
def test_up_to_a_second_beside_a_start_that_start_is_meant(at: datetime, period: str, beside_us: int) -> None:
    start = start_s(seconds(at), period)
    found = aligned(instant(start) + timedelta(microseconds=beside_us), period)
    assert found == Alignment(start, mended=beside_us != 0)


@given(moments, periods)
def test_aligning_what_is_aligned_changes_nothing(at: datetime, period: str) -> None:
    start = start_s(seconds(at), period)
    assert aligned(instant(start), period) == Alignment(start, mended=False)


@pytest.mark.parametrize(
    ("text", "period", "expected"),
    [
        ("2026-11-20 08:30:00", "hour",
         "the start of an hour, 2026-11-20 08:00:00 or 2026-11-20 09:00:00 expected"),
        ("2026-11-20 08:30:20", "minute",
         "the start of a minute, 2026-11-20 08:30:00 or 2026-11-20 08:31:00 expected"),
        ("2026-12-31 08:00:00", "day",
         "the start of a day, 2026-12-31 00:00:00 or 2027-01-01 00:00:00 expected"),
        ("2028-02-28 23:30:00", "day",
         "the start of a day, 2028-02-28 00:00:00 or 2028-02-29 00:00:00 expected"),
    ],
)  # fmt: skip
def test_whoever_must_mend_it_is_shown_both_starts_in_shanghai_time(text: str, period: str, expected: str) -> None:
    assert expected_starts(local(text), period) == expected


@given(moments, periods)
def test_the_shown_starts_lie_around_the_moment_one_period_apart(at: datetime, period: str) -> None:
    first, _, rest = expected_starts(at, period).partition(", ")[2].partition(" or ")
    before, after = local(first), local(rest.removesuffix(" expected"))
    assert before <= at < after
    assert (after - before).total_seconds() == LENGTH_S[period]
