"""The embedded log's one writer thread: group commit, and now and then retention.

A lone append is committed at once; under load commits are paced to one in `PACE_S` (or 200 records), so that many share
one fsync. Futures complete after the commit. An error of SQLite fails the futures it hit, never the thread.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Generic, Protocol, TypeVar

import structlog

from shared.domain.errors import Unreachable
from shared.eventlog import failpoints
from shared.eventlog.embedded_file import LogFile, StoredRow, create_topic, milliseconds
from shared.eventlog.embedded_retention import Retention
from shared.eventlog.embedded_waiters import Waiters
from shared.ports import Partition, TopicShape

log = structlog.get_logger(__name__)

PACE_S = 0.002  # under load one commit in 2 ms: 500 fsyncs a second at most, and no frame waits longer for its answer
GROUP = 200  # records that are worth a commit without waiting
MOST = 5_000  # records in one commit, so that one big import holds up no one long
IDLE_S = 0.25  # how often the file is asked whether another process wrote
REPORT_S = 1.0  # reported positions ride on the next commit, or are written after this

Placed = list[tuple[int, int]]
Row = tuple[int, str, bytes | None, bytes | None]  # partition number, key, value, headers
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Append:
    """Records of one topic that wait for the commit."""

    topic: str
    rows: Sequence[Row]
    future: Future[Placed] = field(default_factory=Future)
    placed: Placed = field(default_factory=list)

    def complete(self) -> None:
        self.future.set_result(self.placed)

    def fail(self, wrong: Unreachable) -> None:
        if not self.future.done():
            self.future.set_exception(wrong)


class Errand(Generic[Answer]):
    """Something else to do on the writer's connection, inside a transaction."""

    def __init__(self, work: Callable[[sqlite3.Connection], Answer]) -> None:
        self.future: Future[Answer] = Future()
        self._work = work
        self._answers: list[Answer] = []

    def run(self, connection: sqlite3.Connection) -> None:
        self._answers = [self._work(connection)]

    def complete(self) -> None:
        self.future.set_result(self._answers[0])

    def fail(self, wrong: Unreachable) -> None:
        if not self.future.done():
            self.future.set_exception(wrong)


class RunsInTransaction(Protocol):
    """An errand, whatever its answer."""

    def run(self, connection: sqlite3.Connection) -> None: ...
    def complete(self) -> None: ...
    def fail(self, wrong: Unreachable) -> None: ...


Item = Append | RunsInTransaction


class Writer:
    """Owns the only writing connection of this process and the ends of all partitions."""

    def __init__(
        self, file: LogFile, *, wall_now: Callable[[], datetime], max_bytes: int, retention_every_s: float
    ) -> None:
        self._file = file
        self._wall_now = wall_now
        self._connection = file.connect()
        self._retention = Retention(file, wall_now=wall_now, max_bytes=max_bytes)
        self._retention_every_s = retention_every_s
        self._retain_at = monotonic() + retention_every_s
        self._wake = threading.Condition()
        self._queue: deque[Item] = deque()
        self._in_hand: list[Item] = []
        self._waiting = 0
        self._paced = False
        self._closing = False
        self._last_commit = 0.0
        self._version = -1
        self._reports: dict[tuple[str, Partition], int] = {}
        self._reported_at = 0.0
        self.waiters = Waiters()
        self.ends: dict[Partition, int] = {}
        self._notice_others()
        self.thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self.thread.start()

    def append(self, topic: str, rows: Sequence[Row]) -> Future[Placed]:
        """Queue the rows; the future cannot be cancelled, for the commit cannot either."""
        wanted = Append(topic, rows)
        wanted.future.set_running_or_notify_cancel()
        self._put(wanted, len(rows))
        return wanted.future

    def do(self, work: Callable[[sqlite3.Connection], Answer]) -> Future[Answer]:
        """Run `work` in a transaction of the writer's thread."""
        errand = Errand(work)
        errand.future.set_running_or_notify_cancel()
        self._put(errand, 0)
        return errand.future

    def create(self, topics: Mapping[str, TopicShape]) -> None:
        """Make what is missing."""

        def make(connection: sqlite3.Connection) -> None:
            for topic, shape in topics.items():
                create_topic(connection, topic, shape)

        self.do(make).result()
        self._file.learn()
        self.do(self._learn_ends).result()

    def retain(self) -> int:
        """Apply retention and compaction now; how many records went."""
        return int(self.do(lambda connection: self._retention.run(connection, thorough=True)).result())

    def report(self, group: str, positions: Mapping[Partition, int]) -> None:
        """Remember how far a group is; written with the next commit or within a second."""
        with self._wake:
            for partition, offset in positions.items():
                self._reports[(group, partition)] = offset

    def register(self, group: str, topics: Sequence[str]) -> None:
        """A group that has read nothing yet holds retention back from its first record on."""
        self._retention.live.add(group)
        now = milliseconds(self._wall_now())
        rows = [(group, p.topic, p.number, now) for topic in topics for p in self._file.partitions(topic)]
        sql = "INSERT INTO positions VALUES(?, ?, ?, 0, ?) ON CONFLICT DO UPDATE SET reported_at = excluded.reported_at"
        self.do(lambda connection: connection.executemany(sql, rows) and None).result()

    def close(self) -> None:
        """Commit what waits, then stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self.thread.join()

    def _put(self, item: Item, records: int) -> None:
        with self._wake:
            if self._closing:
                item.fail(Unreachable("the log is closed", code="log-away"))
                return
            self._queue.append(item)
            self._waiting += records
            if len(self._queue) == 1 or (self._paced and self._waiting >= GROUP):
                self._wake.notify()

    def _run(self) -> None:
        try:
            while True:
                batch = self._gather()
                if batch:
                    self._commit(batch)
                elif self._closing:
                    break
                self._housekeeping()
        finally:
            self._stop()

    def _gather(self) -> list[Item]:
        """What to commit next; empty when nothing came for a while."""
        with self._wake:
            if not self._queue and not self._closing:
                self._wake.wait(IDLE_S)
            if not self._queue:
                return []
            early = self._last_commit + PACE_S - monotonic()
            if early > 0 and self._waiting < GROUP and not self._closing:
                self._paced = True
                self._wake.wait(early)
                self._paced = False
            return self._take()

    def _take(self) -> list[Item]:
        batch: list[Item] = []
        records = 0
        while self._queue and records < MOST:
            item = self._queue.popleft()
            records += len(item.rows) if isinstance(item, Append) else 0
            batch.append(item)
        self._waiting -= records
        return batch

    def _commit(self, batch: list[Item]) -> None:
        grown: dict[Partition, int] = {}
        self._in_hand = batch
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._notice_others()
            self._write(batch, grown)
            self._write_reports()
            failpoints.reach("before-commit")
            self._connection.execute("COMMIT")
        except sqlite3.Error as wrong:
            self._undo(batch, wrong)
            return
        self._last_commit = monotonic()
        self.ends.update(grown)
        failpoints.reach("after-log-commit")
        for item in batch:
            item.complete()
        self.waiters.notify({partition.topic for partition in grown})

    def _write(self, batch: list[Item], grown: dict[Partition, int]) -> None:
        now = milliseconds(self._wall_now())
        rows: dict[Partition, list[StoredRow]] = {}
        for item in batch:
            if not isinstance(item, Append):
                item.run(self._connection)
                continue
            parts: dict[int, tuple[list[StoredRow], Partition]] = {}
            for number, key, value, headers in item.rows:
                if number not in parts:
                    partition = Partition(item.topic, number)
                    parts[number] = rows.setdefault(partition, []), partition
                kept, partition = parts[number]
                offset = grown[partition] if partition in grown else self.ends[partition]
                kept.append(StoredRow(offset, key, value, headers, now))
                item.placed.append((number, offset))
                grown[partition] = offset + 1
        for partition, new in rows.items():
            self._file.insert(self._connection, partition, new)

    def _undo(self, batch: list[Item], wrong: sqlite3.Error) -> None:
        log.warning("the embedded log could not write", error=str(wrong))
        self._last_commit = monotonic()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        for item in batch:
            item.fail(Unreachable(f"the embedded log could not write: {wrong}", code="log-away"))

    def _write_reports(self) -> None:
        with self._wake:
            reports, self._reports = self._reports, {}
        self._reported_at = monotonic()
        if not reports:
            return
        now = milliseconds(self._wall_now())
        self._connection.executemany(
            "INSERT INTO positions VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET next_offset = excluded.next_offset, reported_at = excluded.reported_at",
            [(group, p.topic, p.number, offset, now) for (group, p), offset in reports.items()],
        )

    def _notice_others(self) -> None:
        """When another process wrote, the ends are read anew and its readers here are woken."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version = version
            self._learn_ends(self._connection)

    def _learn_ends(self, connection: sqlite3.Connection) -> None:
        if any(topic not in self._file.shapes() for (topic,) in connection.execute("SELECT name FROM topics")):
            self._file.learn()
        before = dict(self.ends)
        for partition in self._file.every_partition():
            self.ends[partition] = self._file.end(connection, partition)
        self.waiters.notify({partition.topic for partition, end in self.ends.items() if before.get(partition) != end})

    def _housekeeping(self) -> None:
        try:
            self._notice_others()
            if self._reports and monotonic() - self._reported_at >= REPORT_S:
                self._transaction(lambda _connection: self._write_reports())
            if monotonic() >= self._retain_at:
                self._retain_at = monotonic() + self._retention_every_s
                self._transaction(lambda connection: self._retention.run(connection, thorough=False))
        except sqlite3.Error as wrong:
            log.warning("the embedded log could not tidy up", error=str(wrong))
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _transaction(self, work: Callable[[sqlite3.Connection], object]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        work(self._connection)
        self._connection.execute("COMMIT")

    def _stop(self) -> None:
        """Nobody waits for ever on a writer that is gone."""
        with self._wake:
            self._closing = True
            left = [*self._in_hand, *self._queue]
            self._queue.clear()
        for item in left:
            item.fail(Unreachable("the log is closed", code="log-away"))
        self._reported_at = 0.0  # what was reported is written now
        self._housekeeping()
        self._connection.close()
