"""What the embedded log may forget: by age, by size, and what a later value of the same key replaced.

Never past the slowest group's reported position, never the last record of a partition (it carries the next offset). A
group that is not of this process and has been silent for longer than the topic's retention holds nothing back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.eventlog.embedded_file import LogFile, milliseconds
from shared.ports import Partition, TopicShape

CHUNK = 2_000  # records forgotten in one go: a few milliseconds of the writer's time
TOMBSTONE_AGE = timedelta(days=1)  # a deletion stays readable this long
COMPACT_AFTER = 1_000  # new records that make a compaction worth its reading


class Retention:
    """Runs inside a transaction of the writer's thread."""

    def __init__(self, file: LogFile, *, wall_now: Callable[[], datetime], max_bytes: int) -> None:
        self.live: set[str] = set()  # groups of this process: they hold back however long they have been silent
        self._file = file
        self._wall_now = wall_now
        self._max_bytes = max_bytes
        self._compacted_to: dict[Partition, int] = {}

    def run(self, connection: sqlite3.Connection, *, thorough: bool) -> int:
        """Forget what may be forgotten; `thorough` goes on until nothing is left to forget."""
        gone = 0
        while True:
            now = self._round(connection, force=thorough and gone == 0)
            gone += now
            if not thorough or not now:
                return gone

    def _round(self, connection: sqlite3.Connection, *, force: bool) -> int:
        gone = 0
        for topic, shape in self._file.shapes().items():
            for partition in self._file.partitions(topic):
                if shape.compacted:
                    gone += self._compact(connection, partition, shape, force=force)
                else:
                    gone += self._forget_old(connection, partition, shape)
        return gone + self._forget_for_size(connection)

    def _limit(self, connection: sqlite3.Connection, partition: Partition, shape: TopicShape) -> int:
        """Offsets below this may go: what every group has read, and never the last record."""
        since = milliseconds(self._wall_now() - timedelta(days=shape.retention_days))
        positions = connection.execute(
            'SELECT "group", next_offset, reported_at FROM positions WHERE topic = ? AND partition = ?',
            (partition.topic, partition.number),
        )
        read: list[int] = [offset for group, offset, at in positions if at >= since or group in self.live]
        return min([*read, self._file.end(connection, partition) - 1])

    def _forget_old(self, connection: sqlite3.Connection, partition: Partition, shape: TopicShape) -> int:
        table = self._file.table(partition)
        before = milliseconds(self._wall_now() - timedelta(days=shape.retention_days))
        oldest = connection.execute(f"SELECT offset, at FROM {table} ORDER BY offset LIMIT ?", (CHUNK,)).fetchall()
        upto = next((offset for offset, at in oldest if at >= before), oldest[-1][0] + 1 if oldest else 0)
        return self._delete_below(connection, table, min(upto, self._limit(connection, partition, shape)))

    def _forget_for_size(self, connection: sqlite3.Connection) -> int:
        """When the file holds more than allowed, the partition with the oldest record gives a chunk."""
        if _used_bytes(connection) <= self._max_bytes:
            return 0
        oldest: list[tuple[int, int, str, int]] = []
        for topic, shape in self._file.shapes().items():
            for partition in [] if shape.compacted else self._file.partitions(topic):
                table, limit = self._file.table(partition), self._limit(connection, partition, shape)
                first = connection.execute(f"SELECT at, offset FROM {table} ORDER BY offset LIMIT 1").fetchone()
                if first and first[1] < limit:
                    oldest.append((first[0], first[1], table, limit))
        if not oldest:
            return 0
        _at, offset, table, limit = min(oldest)
        return self._delete_below(connection, table, min(offset + CHUNK, limit))

    def _compact(self, connection: sqlite3.Connection, partition: Partition, shape: TopicShape, *, force: bool) -> int:
        end = self._file.end(connection, partition)
        if not force and end - self._compacted_to.get(partition, 0) < COMPACT_AFTER:
            return 0
        self._compacted_to[partition] = end
        table = self._file.table(partition)
        newest = f"(SELECT max(later.offset) FROM {table} AS later WHERE later.key = {table}.key)"
        replaced = connection.execute(f"DELETE FROM {table} WHERE offset < {newest}").rowcount
        deleted = connection.execute(
            f"DELETE FROM {table} WHERE value IS NULL AND at < ? AND offset < ?",
            (milliseconds(self._wall_now() - TOMBSTONE_AGE), self._limit(connection, partition, shape)),
        ).rowcount
        return replaced + deleted

    @staticmethod
    def _delete_below(connection: sqlite3.Connection, table: str, offset: int) -> int:
        return connection.execute(f"DELETE FROM {table} WHERE offset < ?", (offset,)).rowcount


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
