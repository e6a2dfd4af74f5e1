"""When a push is tried again: by its schedule, or by what the receiver asks for between that and a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.alerts.domain.retry import STANDARD, Schedule

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def test_the_standard_schedule_gives_up_after_three_days_and_a_bit() -> None:
    at, waits = NOW, 0
    for step in range(len(STANDARD.waits_s)):
        after = STANDARD.next_attempt_at(step, at)
        if after is not None:
            at, waits = after, waits + 1
    assert (waits, at - NOW) == (9, timedelta(seconds=272_105))
    assert STANDARD.next_attempt_at(9, at) is None


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (None, 300),
        (timedelta(seconds=1), 300),
        (timedelta(hours=2), 7200),
        (timedelta(days=365), 86400),
    ],
    ids=["by schedule", "sooner than the schedule", "two hours", "a year"],
)
def test_what_the_receiver_asks_for_counts_between_the_schedule_and_a_day(
    asked: timedelta | None, seconds: int
) -> None:
    assert Schedule((0, 300, 1800)).next_attempt_at(0, NOW, requested=asked) == NOW + timedelta(seconds=seconds)


def test_a_wait_that_the_schedule_makes_longer_than_a_day_stays() -> None:
    schedule = Schedule((0, 100_000))
    assert schedule.next_attempt_at(0, NOW, requested=timedelta(days=365)) == NOW + timedelta(seconds=100_000)


@pytest.mark.parametrize("spread", [0.8, 1.2])
def test_the_spread_moves_the_wait_of_the_schedule_alone(spread: float) -> None:
    schedule, hour = Schedule((0, 300)), timedelta(hours=1)
    assert schedule.next_attempt_at(0, NOW, spread=spread) == NOW + timedelta(seconds=300 * spread)
    assert schedule.next_attempt_at(0, NOW, requested=hour, spread=spread) == NOW + hour


def test_a_schedule_of_one_attempt_is_used_up_by_it() -> None:
    assert Schedule((0,)).next_attempt_at(0, NOW) is None
