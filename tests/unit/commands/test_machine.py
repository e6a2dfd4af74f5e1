"""What doctor makes of numbers: space, clocks, lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.commands.health import lag_in
from services.commands.machine import Space, ahead_of, clock_state, disk_state

GB = 1_000_000_000
T0 = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("free", "total", "named"),
    [
        (10 * GB, 100 * GB, None),
        (9.9 * GB, 100 * GB, "9.9%, 9.9 GB"),
        (GB, 5 * GB, None),
        (0.9 * GB, 5 * GB, "18.0%, 0.9 GB"),
    ],
    ids=["10 % of 100 GB", "less than 10 %", "1 GB of 5", "less than 1 GB"],
)
def test_a_disk_with_less_than_a_tenth_or_than_a_gigabyte_is_named(
    free: float, total: float, named: str | None
) -> None:
    state = disk_state(Path("data"), Space(int(free), int(total)))
    assert state == "ok" if named is None else (named in state and "磁盘" in state and "data" in state)


@pytest.mark.parametrize(
    ("theirs_s", "ahead_s"),
    [(0.0, 0), (1.9, 0), (2.0, 0), (9.0, 7), (-0.5, -0.5), (-9.0, -9)],
    ids=["as asked", "as answered", "at the end", "later than the answer", "just before", "before the question"],
)
def test_another_clock_is_as_far_off_as_the_time_of_the_question_cannot_explain(
    theirs_s: float, ahead_s: float
) -> None:
    theirs, answered = T0 + timedelta(seconds=theirs_s), T0 + timedelta(seconds=2)
    assert ahead_of(theirs, T0, answered) == timedelta(seconds=ahead_s)


def test_clocks_that_differ_by_more_than_five_seconds_are_named_with_whose_they_are() -> None:
    near, far = timedelta(seconds=5), timedelta(seconds=-6)
    assert clock_state({}) == clock_state({"host": near, "database": -near}) == "ok"
    state = clock_state({"host": near, "database": far})
    assert "database: -6 s" in state and "host" not in state and "时钟不一致" in state


def test_groups_that_are_behind_or_leave_partitions_unread_are_named() -> None:
    lines = """\
# TYPE yujing_log_consumer_lag_seconds gauge
yujing_log_consumer_lag_seconds{group="alerts",topic="risks"} %s
yujing_log_consumer_lag_seconds{group="monitoring",topic="packets"} 0.0
# TYPE yujing_log_unread_partitions gauge
yujing_log_unread_partitions{group="monitoring",topic="packets"} %s
"""
    assert lag_in(lines % (60, 0)) == "ok"
    state = lag_in(lines % (61, 2))
    assert "alerts on risks: 61 s" in state and "monitoring on packets: 2 partitions unread" in state
