"""The event log in one SQLite file beside the services: same promises as Kafka, nothing to install.

One host owns the file (a lock says so); commands may open it beside the host (`exclusive=False`) to append and follow.
"""

from __future__ import annotations

import fcntl
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import IO
from zlib import crc32

from shared.domain.errors import Conflict, Unreachable
from shared.eventlog.embedded_file import LogFile, pack_headers, unreachable_when_broken
from shared.eventlog.embedded_readers import Follower, Group, Member
from shared.eventlog.embedded_writer import Writer
from shared.ports import Following, NewRecord, Partition, Sharing, TopicShape
from shared.private_files import make_private_file, make_private_folder

LEAST_FREE = 0.05  # of the disk; below it appends are refused, so that what was acknowledged stays safe
MAX_BYTES = 20 * 1024**3
RETENTION_EVERY_S = 60.0


def free_share(path: Path) -> float:
    """The part of the disk under `path` that is free."""
    usage = shutil.disk_usage(path)
    return usage.free / usage.total


class EmbeddedLog:
    """EventLog over the file at `path`."""

    def __init__(
        self,
        path: Path,
        *,
        wall_now: Callable[[], datetime],
        exclusive: bool = True,
        free: Callable[[Path], float] = free_share,
        max_bytes: int = MAX_BYTES,
        retention_every_s: float = RETENTION_EVERY_S,
    ) -> None:
        make_private_folder(path.parent)
        self._path = path
        self._free = free
        self._lock = _own(path) if exclusive else None
        self._file = LogFile(path)
        with unreachable_when_broken():
            self._writer = Writer(
                self._file, wall_now=wall_now, max_bytes=max_bytes, retention_every_s=retention_every_s
            )
        self._groups: dict[str, Group] = {}
        self._grouping = threading.Lock()

    def append(self, topic: str, records: Sequence[NewRecord]) -> Future[list[tuple[int, int]]]:
        """Completes after the commit; a disk nearly full or a dead writer fails the future with Unreachable."""
        count = self._file.shape(topic).partitions
        unwell = self.healthy()
        if unwell is not None:
            refused: Future[list[tuple[int, int]]] = Future()
            refused.set_exception(Unreachable(unwell, code="log-away"))
            return refused
        return self._writer.append(
            topic, [(crc32(r.key.encode()) % count, r.key, r.value, pack_headers(r.headers)) for r in records]
        )

    def share(self, group: str, topics: Sequence[str]) -> Sharing:
        if self._lock is None:
            raise Conflict("only the host that owns the log's file may share its topics", code="log-not-owned")
        with self._grouping:
            members = self._groups.setdefault(group, Group(group))
        self._writer.register(group, topics)
        with unreachable_when_broken():
            return Member(members, topics, file=self._file, writer=self._writer)

    def follow(self, topic: str) -> Following:
        return Follower(topic, file=self._file, writer=self._writer)

    def partitions(self, topic: str) -> int:
        return self._file.shape(topic).partitions

    def ends(self, topic: str) -> Mapping[int, int]:
        return {p.number: self._writer.ends[p] for p in self._file.partitions(topic)}

    def create(self, topics: Mapping[str, TopicShape]) -> None:
        if any(topic not in self._file.shapes() for topic in topics):
            self._writer.create(topics)

    def retain(self) -> int:
        """Forget now what may be forgotten; how many records went. The writer does it by itself every minute."""
        return self._writer.retain()

    def positions(self) -> Mapping[str, Mapping[Partition, int]]:
        """How far each group reported it is."""
        found: dict[str, dict[Partition, int]] = {}
        with unreachable_when_broken():
            connection = self._file.connect()
            for group, topic, number, offset in connection.execute(
                'SELECT "group", topic, partition, next_offset FROM positions'
            ):
                found.setdefault(group, {})[Partition(topic, number)] = offset
            connection.close()
        return found

    def healthy(self) -> str | None:
        if not self._writer.thread.is_alive():
            return "the log's writer has stopped"
        return nearly_full(self._path.parent, self._free)

    def close(self) -> None:
        self._writer.close()
        if self._lock is not None:
            self._lock.close()


def nearly_full(folder: Path, free: Callable[[Path], float] = free_share) -> str | None:
    """None, or why nothing more is written: less than LEAST_FREE of the disk is free."""
    share = free(folder)
    return None if share >= LEAST_FREE else f"the disk is nearly full: {share:.1%} free, {LEAST_FREE:.0%} wanted"


def _own(path: Path) -> IO[str]:
    """The lock on the log's folder; raises Conflict when another host has it."""
    file = path.with_suffix(path.suffix + ".lock")
    make_private_file(file)
    lock = file.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as taken:
        lock.close()
        raise Conflict(
            f"another host already runs on {path.parent}: stop it, or choose another data folder", code="folder-in-use"
        ) from taken
    return lock
