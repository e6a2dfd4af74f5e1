"""The embedded log's SQLite file: its tables, its connections, its SQL.

One table a partition (records are only ever added at its end), so offsets are dense and a SELECT by offset is a range
of one b-tree. Who writes when is `embedded_writer.py`'s affair.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from shared.domain.errors import NotFound, Unreachable
from shared.ports import NO_HEADERS, Partition, Record, TopicShape
from shared.private_files import make_private_file, make_private_folder

SCHEMA = """
CREATE TABLE IF NOT EXISTS topics(
  name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, compacted INTEGER NOT NULL, retention_days INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS parts(
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL, UNIQUE(topic, number));
CREATE TABLE IF NOT EXISTS positions(
  "group" TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  reported_at INTEGER NOT NULL, PRIMARY KEY("group", topic, partition)) WITHOUT ROWID;
"""
BUSY_TIMEOUT_S = 15.0  # a command beside the host may hold the file this long
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[str, bytes]).decode


def pack_headers(headers: Mapping[str, bytes] | None) -> bytes | None:
    """The headers as stored."""
    return _pack(dict(headers)) if headers else None


def milliseconds(at: datetime) -> int:
    """Since 1970, whole."""
    return (at - EPOCH) // timedelta(milliseconds=1)


class StoredRow(NamedTuple):
    """One row of a partition's table, in the order of its columns; a tuple because SQLite binds one."""

    offset: int
    key: str
    value: bytes | None
    headers: bytes | None
    at_ms: int


class LogFile:
    """Shapes and tables of the file; hands out connections. Topics are fixed at birth, so they are remembered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        make_private_folder(path.parent)
        make_private_file(path)
        self._learning = threading.Lock()
        self._shapes: dict[str, TopicShape] = {}
        self._tables: dict[Partition, str] = {}
        with unreachable_when_broken():
            connection = self.connect()
            connection.executescript(SCHEMA)
            connection.close()
        self.learn()

    def connect(self) -> sqlite3.Connection:
        """A connection for one thread at a time; outside an explicit BEGIN each statement stands alone."""
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-16384"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def learn(self) -> None:
        """Read the topics that are there."""
        with self._learning, unreachable_when_broken():
            connection = self.connect()
            try:
                for name, partitions, compacted, days in connection.execute("SELECT * FROM topics"):
                    self._shapes[name] = TopicShape(partitions, bool(compacted), days)
                for number, topic, part in connection.execute("SELECT id, topic, number FROM parts"):
                    self._tables[Partition(topic, part)] = f"part_{number}"
            finally:
                connection.close()

    def shape(self, topic: str) -> TopicShape:
        """Raises NotFound for a topic that was never created."""
        if topic not in self._shapes:
            self.learn()
        if topic not in self._shapes:
            raise NotFound(f"the log has no topic {topic!r}", code="no-such-topic")
        return self._shapes[topic]

    def shapes(self) -> dict[str, TopicShape]:
        return dict(self._shapes)

    def partitions(self, topic: str) -> list[Partition]:
        return [Partition(topic, n) for n in range(self.shape(topic).partitions)]

    def table(self, partition: Partition) -> str:
        return self._tables[partition]

    def every_partition(self) -> list[Partition]:
        return list(self._tables)

    def read(self, connection: sqlite3.Connection, partition: Partition, offset: int, limit: int) -> list[Record]:
        """Up to `limit` records from `offset` on: one SELECT, nothing stays open."""
        topic, number = partition.topic, partition.number
        columns = "offset, key, value, headers, at"
        sql = f"SELECT {columns} FROM {self.table(partition)} WHERE offset >= ? ORDER BY offset LIMIT ?"
        with unreachable_when_broken():
            rows = connection.execute(sql, (offset, limit)).fetchall()
        of = datetime.fromtimestamp
        return [
            Record(topic, number, at, key, value, _unpack(headers) if headers else NO_HEADERS, of(ms / 1000, UTC))
            for at, key, value, headers, ms in rows
        ]

    def end(self, connection: sqlite3.Connection, partition: Partition) -> int:
        """The next offset; retention always keeps the last record, so it is never forgotten."""
        (last,) = connection.execute(f"SELECT max(offset) FROM {self.table(partition)}").fetchone()
        return 0 if last is None else int(last) + 1

    def insert(self, connection: sqlite3.Connection, partition: Partition, rows: Sequence[StoredRow]) -> None:
        connection.executemany(f"INSERT INTO {self.table(partition)} VALUES(?, ?, ?, ?, ?)", rows)


def create_topic(connection: sqlite3.Connection, topic: str, shape: TopicShape) -> None:
    """Inside a transaction; a topic that is there stays as it is."""
    added = connection.execute(
        "INSERT INTO topics VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (topic, shape.partitions, shape.compacted, shape.retention_days),
    )
    if added.rowcount != 1:
        return
    for number in range(shape.partitions):
        part = connection.execute("INSERT INTO parts(topic, number) VALUES(?, ?)", (topic, number)).lastrowid
        connection.execute(
            f"CREATE TABLE part_{part}("
            "offset INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB, headers BLOB, at INTEGER NOT NULL)"
        )
        if shape.compacted:
            connection.execute(f"CREATE INDEX part_{part}_key ON part_{part}(key, offset)")


def unwell(path: Path) -> str | None:
    """None when the SQLite file at `path` answers, else why not; makes and changes nothing."""
    # without a journal beside it nobody has it open: then it is read as it lies, for an ordinary look would make one
    mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=1.0)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as wrong:
        return str(wrong)
    return None


@contextmanager
def unreachable_when_broken() -> Iterator[None]:
    """SQLite's errors (disk full, file gone, locked too long) as Unreachable."""
    try:
        yield
    except sqlite3.Error as wrong:
        raise Unreachable(f"the embedded log is away: {wrong}", code="log-away") from wrong
