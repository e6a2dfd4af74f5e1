"""Days and hours are Shanghai's; naive times are refused; field time never passes wall time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.domain import clock
from shared.domain.errors import Invalid


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 11, 20, 15, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 16, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2028, 2, 28, 16, 0, tzinfo=UTC), date(2028, 2, 29)),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
    ids=["a second before midnight", "Shanghai midnight", "leap day", "year's end"],
)
def test_a_day_is_a_day_in_shanghai(at: datetime, day: date) -> None:
    assert clock.shanghai_day(at) == day
    assert clock.day_start(day) <= at < clock.day_start(day) + clock.DAY


def test_a_naive_time_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="no offset"):
        clock.parse_rfc3339("2026-11-20T08:00:00", "data_time")


def test_times_are_shown_with_shanghai_s_offset() -> None:
    assert clock.rfc3339(datetime(2026, 11, 20, 0, 0, tzinfo=UTC)) == "2026-11-20T08:00:00+08:00"


def test_a_day_window_begins_at_shanghai_midnight_and_an_hour_on_the_hour() -> None:
    at = clock.parse_rfc3339("2026-11-20T08:31:00+08:00")
    assert clock.rfc3339(clock.window_start(at, "day")) == "2026-11-20T00:00:00+08:00"
    assert clock.rfc3339(clock.window_start(at, "hour")) == "2026-11-20T08:00:00+08:00"


def test_field_time_runs_fast_and_never_passes_wall_time() -> None:
    now = datetime.now(UTC)
    fast = clock.field_clock(
        f"{(now - timedelta(hours=48)).isoformat()}@1440@{(now - timedelta(seconds=60)).isoformat()}"
    )
    # 60 s at 1440 = 24 h of the 48 h
    assert abs((fast.field_now() - (now - timedelta(hours=24))).total_seconds()) < 60 * 24
    late = clock.field_clock(f"{(now - timedelta(hours=1)).isoformat()}@1440@{(now - timedelta(hours=1)).isoformat()}")
    assert late.field_now() <= late.wall_now()


@pytest.mark.parametrize("setting", ["", "2026-01-01T00:00:00Z@2", "x@1@y"])
def test_a_field_clock_that_is_none_is_refused(setting: str) -> None:
    with pytest.raises(Invalid):
        clock.field_clock(setting)
