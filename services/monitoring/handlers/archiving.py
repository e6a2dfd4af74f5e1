"""Days of packet rows leave the database for files: written, read back and counted equal before a row is removed.

Each step may be the last: what is written and not listed is written again; what is listed and still in the database is
read as one, and removed by the next run. A late packet of such a day is a row as any other, and the next run puts it into a
new file in place of the one that it belongs to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import structlog

from services.monitoring.domain.archive import (
    REPLACED_STAYS_S,
    ArchiveFile,
    covered,
    leaves_before_s,
    merged_packets,
    packets_in,
    part_of,
)
from services.monitoring.domain.packet_row import PacketRow
from services.monitoring.domain.windows import DAY_S, HOUR_S, seconds, shanghai_date
from services.monitoring.store import archive
from services.monitoring.store.archive import PART, files_of_days, list_files, write_newest, write_parts
from services.monitoring.store.duckdb_files import remove_unfinished
from services.monitoring.store.packet_days import (
    delete_packets,
    drop_unchanged,
    fingerprint,
    packet_days,
    packets_of_day,
)
from services.monitoring.store.tables import LEASE
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable
from shared.eventlog.failpoints import reach
from shared.runtime.scheduling import take_lease
from shared.runtime.worker_health import WorkerHealth
from shared.sql import chunks

log = structlog.get_logger(__name__)
T = TypeVar("T")
AT_ONCE = 2_000  # rows read, or removed in one transaction
NEWEST_AT_ONCE = 5_000
TRIES = 5  # to drop a day that late packets are written to, or that is read for long
LEASED = timedelta(minutes=15)  # renewed before each day; one who died is followed after this
UNFINISHED_STAYS_S = DAY_S


class _Stopped(Exception):
    """The process ends: what is not moved yet stays."""


class Archiving:
    """The job `archive`, and the worker that ends it with the process: a day may take longer than a stop may.

    `folder` None: all rows stay in the database; `days`: how many full days stay there; `part`: readings in a file."""

    def __init__(self, database: Database, *, clock: Clock, folder: Path | None, days: int, part: int = PART) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._days = days
        self._part = part
        self.name = "archive"
        self.health = WorkerHealth()
        self._holder = uuid4().hex
        self._stopping = threading.Event()
        self._ran_s = 0

    def start(self) -> None:
        self._stopping.clear()

    def stop(self) -> None:
        """End a run that is on at its next packet."""
        self._stopping.set()

    def _while_running(self, items: Iterable[T]) -> Iterator[T]:
        """The items; raises _Stopped between two of them."""
        for item in items:
            if self._stopping.is_set():
                raise _Stopped
            yield item

    @property
    def folder(self) -> Path:
        assert self._folder is not None
        return self._folder

    def run(self, now: datetime) -> None:
        """Once an hour: move every day that is old enough, and the late packets of those that have left."""
        now_s = seconds(now)
        if self._folder is None or now_s - self._ran_s < HOUR_S:
            return
        with self._database.read() as session:
            due = packet_days(session, leaves_before_s(now_s, self._days))
        try:
            for day in self._while_running(due):
                if not self._leased():
                    return
                self.move(day, now_s)
        except _Stopped:
            log.info("archiving ends with the process, the rest stays in the database")
            return
        self._tidy(self._folder, now_s)
        self._ran_s = now_s

    def _leased(self) -> bool:
        """Whether this process archives: one of all replicas does. Two would cost time, and lose or double nothing."""
        if self._database.embedded:
            return True
        now = self._clock.wall_now()
        with self._database.transaction() as session:
            return take_lease(session, LEASE, "archive", self._holder, now, now + LEASED)

    def move(self, day: int, now_s: int) -> None:
        """One day: write, list, remove. Raises Unreachable: the folder or the database is away."""
        known = self.fingerprint(day)
        before = self.files(day)
        after = self.write(day, before, now_s)
        reach("archive-written")
        if not self.enter(day, before, after, now_s):
            return  # another process was quicker, the next run sees what it left
        reach("archive-listed")
        self.remove(day, after, known)
        log.info("a day is archived", day=shanghai_date(day).isoformat(), rows=sum(one.rows for one in after))

    def fingerprint(self, day: int) -> str | None:
        """Of the day before it is read: what comes later stays in the database."""
        with self._database.read() as session:
            return fingerprint(session, day)

    def files(self, day: int) -> list[ArchiveFile]:
        """The day's current files."""
        with self._database.read() as session:
            return files_of_days(session, [day])

    def write(self, day: int, before: Sequence[ArchiveFile], now_s: int) -> list[ArchiveFile]:
        """Write what the database has of the day, with what those files have that it belongs to. All files of the day."""
        if not before:
            return list(write_parts(self.folder, day, packets_in(self._rows(day)), now_s, most=self._part))
        found: dict[str, ArchiveFile] = {file.name: file for file in before}
        for number, rows in groupby(self._rows(day), key=lambda row: part_of(row.key, before)):
            of_file = self._while_running(archive.packets_of_file(self.folder, before[number]))
            written = list(write_parts(self.folder, day, merged_packets(of_file, rows), now_s, most=2 * self._part))
            del found[before[number].name]
            found |= {file.name: file for file in written}
        return sorted(found.values(), key=lambda file: file.first)

    def enter(self, day: int, before: Sequence[ArchiveFile], after: Sequence[ArchiveFile], now_s: int) -> bool:
        """Enter these in the manifest as the day's files; False when it has others by now than `before`."""
        known = {file.name for file in before}
        for file in after:
            if file.name in known:
                continue
            for part in chunks(archive.newest_in_file(self.folder, file), NEWEST_AT_ONCE):
                with self._database.transaction() as session:
                    write_newest(session, part)
        with self._database.transaction() as session:
            return list_files(session, day, before, after, now_s)

    def remove(self, day: int, files: Sequence[ArchiveFile], known: str | None) -> None:
        """Remove from the database what the files hold: the day as a whole when nothing has changed since it was read."""
        if known is not None and self._dropped(day, known):
            return
        for page in self._while_running(_pages(self._database, day)):
            archived = archive.packets_of_files(self.folder, files, page[0].key, page[-1].key)
            with self._database.transaction() as session:
                delete_packets(session, [row for row in page if covered(row, archived)])
            reach("archive-removed")

    def _rows(self, day: int) -> Iterator[PacketRow]:
        return self._while_running(rows_of_day(self._database, day))

    def _dropped(self, day: int, known: str) -> bool:
        for _ in range(TRIES):
            try:
                with self._database.transaction() as session:
                    return drop_unchanged(session, day, known)
            except Unreachable as busy:
                log.info("a day cannot be dropped now", day=shanghai_date(day).isoformat(), why=busy.detail)
        return False

    def _tidy(self, folder: Path, now_s: int) -> None:
        """Remove files that were replaced long ago, and what a process left that died while it wrote."""
        with self._database.read() as session:
            names = archive.replaced_before(session, now_s - REPLACED_STAYS_S)
        for name in names:
            archive.remove_file(folder, name)
        if names:
            with self._database.transaction() as session:
                archive.forget_files(session, names)
        remove_unfinished(folder, self._clock.wall_now().timestamp() - UNFINISHED_STAYS_S)


def rows_of_day(database: Database, day: int) -> Iterator[PacketRow]:
    """The day's rows in the order of their keys, read a part at a time."""
    for page in _pages(database, day):
        yield from page


def _pages(database: Database, day: int) -> Iterator[list[PacketRow]]:
    last = None
    while True:
        with database.read() as session:
            page = packets_of_day(session, day, last, AT_ONCE)
        if page:
            yield page
        if len(page) < AT_ONCE:
            return
        last = page[-1].key
