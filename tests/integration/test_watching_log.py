"""Seconds behind grow only while records wait; a partition that nobody moves for a minute is unread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.database import Database
from shared.domain.errors import Unreachable
from shared.eventlog.progress import Move, Progress
from shared.ports import Partition
from shared.runtime.consuming import Consumption
from shared.runtime.metrics import Metrics
from shared.runtime.watching_log import UNREAD_S, LogWatch
from tests.support.lab import LabProgress, open_lab, table_of

START = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
FIRST, SECOND = Partition("packets", 0), Partition("packets", 1)


@dataclass
class Member:
    """A consumer, as far as its lag is asked."""

    behind: dict[Partition, int] = field(default_factory=dict)

    def lag(self) -> Mapping[Partition, int]:
        return self.behind


@dataclass
class Ends:
    """A log, as far as its ends are asked."""

    at: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    away: bool = False

    def ends(self, _topic: str) -> Mapping[int, int]:
        if self.away:
            raise Unreachable("the log is away")
        return self.at


class LagHarness:
    """One group on two partitions; time goes as the test says."""

    def __init__(self, database: Database) -> None:
        self.now, self.member, self.log, self.metrics = START, Member(), Ends(), Metrics()
        self.database, self.progress = database, Progress(table_of(LabProgress))
        log: Any = self.log
        member: Any = self.member
        self.watch = LogWatch(log, self.metrics, lambda: self.now, lambda: self.now.timestamp())
        self.watch.add(
            Consumption("lab", {"packets": lambda _session, _records: None}), member, database, self.progress
        )

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.watch.look()

    def handle(self, partition: Partition, up_to: int) -> None:
        with self.database.transaction() as session:
            _, epoch = self.progress.take(session, "lab", partition)
            self.progress.advance(session, "lab", [Move(partition, epoch, up_to)])

    def value(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"yujing_log_{name}", {"topic": "packets", "group": "lab"})


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[LagHarness]:
    database = open_lab(None, tmp_path)
    yield LagHarness(database)
    database.close()


def test_who_has_read_everything_is_0_seconds_behind_however_long_nothing_came(harness: LagHarness) -> None:
    for _hour in range(3):
        harness.later(3600)
        assert (harness.value("consumer_lag_records"), harness.value("consumer_lag_seconds")) == (0, 0)


def test_a_record_after_a_quiet_night_is_not_a_night_behind(harness: LagHarness) -> None:
    harness.watch.handled("lab", "packets", START)
    harness.later(8 * 3600)
    harness.member.behind = {FIRST: 1}
    harness.later(2)
    assert (harness.value("consumer_lag_records"), harness.value("consumer_lag_seconds")) == (1, 2)


def test_who_handles_old_records_is_as_far_behind_as_the_newest_of_them_is_old(harness: LagHarness) -> None:
    harness.member.behind = {FIRST: 300, SECOND: 200, Partition("risks", 0): 9}
    harness.watch.handled("lab", "packets", START - timedelta(hours=2))
    harness.later(10)
    assert (harness.value("consumer_lag_records"), harness.value("consumer_lag_seconds")) == (500, 7210)


def test_who_never_handled_anything_is_behind_since_it_began(harness: LagHarness) -> None:
    harness.member.behind = {FIRST: 1}
    harness.later(90)
    assert harness.value("consumer_lag_seconds") == 90


def test_a_lost_partition_leaves_no_lag_behind(harness: LagHarness) -> None:
    harness.member.behind = {FIRST: 5}
    harness.later(5)
    harness.member.behind = {}
    harness.later(5)
    assert (harness.value("consumer_lag_records"), harness.value("consumer_lag_seconds")) == (0, 0)


def test_a_partition_that_stands_still_for_a_minute_with_records_waiting_is_unread(harness: LagHarness) -> None:
    harness.log.at = {0: 10, 1: 10}
    harness.handle(FIRST, 10)
    harness.later(15)
    assert harness.value("unread_partitions") == 0
    harness.later(UNREAD_S)
    assert harness.value("unread_partitions") == 1
    harness.handle(SECOND, 10)
    harness.later(15)
    assert harness.value("unread_partitions") == 0


def test_a_slow_reader_is_no_missing_reader(harness: LagHarness) -> None:
    harness.log.at = {0: 1000, 1: 0}
    for read in range(1, 8):
        harness.handle(FIRST, read)
        harness.later(UNREAD_S - 1)
        assert harness.value("unread_partitions") == 0


def test_what_the_log_has_deleted_waits_for_nobody(harness: LagHarness) -> None:
    harness.log.at = {0: 10, 1: 0}
    harness.member.behind = {FIRST: 0}  # its position stands at the end
    harness.later(1)
    harness.later(UNREAD_S * 2)
    assert harness.value("unread_partitions") == 0


def test_while_the_log_is_away_the_last_count_stands(harness: LagHarness) -> None:
    harness.log.at = {0: 10, 1: 10}
    harness.later(0)
    harness.later(UNREAD_S)
    harness.log.away = True
    harness.later(UNREAD_S)
    assert harness.value("unread_partitions") == 2
