"""Records of the log into files of the archive, each exactly once: written, read back and counted equal, then the manifest and
the position in the log in one transaction.

The log keeps what is not in files yet, so nothing is held between two runs: one that dies is done again from its position.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from time import monotonic

import structlog

from services.monitoring.domain.frame import Frame
from services.monitoring.domain.windows import day_start_s, seconds
from services.monitoring.handlers.frame_rows import packet_frame, quarantined_frame
from services.monitoring.store import frames
from services.monitoring.store.frame_files import FrameSpool
from services.monitoring.store.frames import put_part
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.events import PACKETS, QUARANTINE
from shared.eventlog.failpoints import reach
from shared.eventlog.progress import Fenced, Move, Progress
from shared.ports import EventLog, Partition, Polled, Record, Sharing

log = structlog.get_logger(__name__)

FRAMES_GROUP = "monitoring-frames"
ROWS: Mapping[str, Callable[[Record], Frame]] = {PACKETS: packet_frame, QUARANTINE: quarantined_frame}
AT_ONCE = 1_000  # records in memory
PIECE_BYTES = 4 * 1024**2
MOST_DAYS = 31  # files that are written side by side
POLL_S = 0.5
JOIN_S, QUIET_S = 120.0, 10.0  # until partitions are ours (who died holds them for 45 s); without a record


def pieces(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Few at once where they are large: a file holds little more than it is meant to."""
    piece: list[Record] = []
    size = 0
    for record in records:
        piece.append(record)
        size += len(record.value or b"")
        if size >= PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


class Stopped(Exception):
    """The process ends: what is not in a file stays in the log."""


@dataclass
class Pace:
    """Gives way to what is more urgent. `rests`: times as long as a piece of work took."""

    rests: float
    stopping: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises Stopped."""
        if self.stopping.is_set():
            raise Stopped

    def rest(self, since: float) -> None:
        """After work that began at this time of `monotonic`. Raises Stopped."""
        if self.stopping.wait((monotonic() - since) * self.rests):
            raise Stopped


@dataclass
class Taken:
    """Partitions of a member: their epochs, where each is, and what was read of them and is not in a file yet."""

    folder: Path
    epochs: dict[Partition, int] = field(default_factory=dict)
    at: dict[Partition, int] = field(default_factory=dict)
    moved: set[Partition] = field(default_factory=set)
    spools: dict[int, FrameSpool] = field(default_factory=dict)  # day → its frames
    size: int = 0

    def add(self, records: Sequence[Record]) -> None:
        """To the files of their days. Raises Unreachable."""
        days: dict[int, list[Frame]] = {}
        for (topic, number), group in groupby(records, key=lambda record: (record.topic, record.partition)):
            found = list(map(ROWS[topic], group))
            self._move(Partition(topic, number), found)
            for one in found:
                days.setdefault(day_start_s(one.logged_at_ms // 1_000), []).append(one)
        for day, found in days.items():
            if day not in self.spools:
                self.spools[day] = FrameSpool(self.folder)
            self.spools[day].add(found)
            self.size += sum(len(one.raw) for one in found)

    def _move(self, partition: Partition, found: Sequence[Frame]) -> None:
        before, after = self.at[partition], found[-1].offset + 1
        gone = after - before - len(found)
        if before and gone:
            log.warning(
                "the log has forgotten records that were in no file yet",
                topic=partition.topic,
                partition=partition.number,
                since=before,
                records=gone,
            )
        self.at[partition] = after
        self.moved.add(partition)

    def reaches(self, goal: Mapping[Partition, int]) -> bool:
        return all(self.at.get(partition, -1) >= end for partition, end in goal.items())

    def clear(self) -> None:
        for spool in self.spools.values():
            spool.remove()
        self.spools.clear()
        self.moved.clear()
        self.size = 0


@dataclass(frozen=True, slots=True)
class FrameTaking:
    """Takes what the log holds. `part_bytes`: raw bytes in a file; `check_lease` raises Fenced when another process takes it
    by now."""

    database: Database
    log: EventLog
    progress: Progress
    clock: Clock
    folder: Path
    part_bytes: int
    pace: Pace
    check_lease: Callable[[], None]

    def waiting(self) -> int:
        """Records of the log that are in no file."""
        return sum(end - at if at <= end else end for at, end in self._positions())

    def _positions(self) -> list[tuple[int, int]]:
        """Of each partition the position and the end; an end that lies before is of a log that was begun anew."""
        stored = self._stored()
        return [(stored.get(partition, 0), end) for partition, end in self._ends().items()]

    def _stored(self) -> dict[Partition, int]:
        with self.database.read() as session:
            return self.progress.positions(session, FRAMES_GROUP)

    def _ends(self) -> dict[Partition, int]:
        return {Partition(topic, number): end for topic in ROWS for number, end in self.log.ends(topic).items()}

    def take(self) -> bool:
        """Take what the log holds by now; whether all of it stands in files. Raises Unreachable: log, folder or database is
        away; Fenced: another process has the partitions; Stopped."""
        stored = self._stored()
        goal = {partition: end for partition, end in self._ends().items() if stored.get(partition, 0) != end}
        if not goal:
            return True
        taken = Taken(self.folder)
        sharing = self.log.share(FRAMES_GROUP, sorted(ROWS))
        try:
            self._read(sharing, taken, goal)
            return taken.reaches(goal)
        finally:
            taken.clear()
            sharing.close()

    def _read(self, sharing: Sharing, taken: Taken, goal: Mapping[Partition, int]) -> None:
        """Read up to the goal, or until nothing more comes."""
        active = monotonic()
        while not taken.reaches(goal):
            self.pace.check()
            begun = monotonic()
            polled = sharing.poll(AT_ONCE, POLL_S)
            if polled.lost:
                raise Fenced(f"{len(polled.lost)} partitions went to another member")
            self._own(sharing, taken, polled)
            for records in pieces(polled.records):
                taken.add(records)
                if taken.size >= self.part_bytes or len(taken.spools) >= MOST_DAYS:
                    self._write(sharing, taken)
            if polled.records or polled.taken:
                active = monotonic()
                self.pace.rest(begun)
            elif monotonic() - active > (QUIET_S if taken.epochs else JOIN_S):
                log.info("the log gives no more frames now", partitions=len(taken.epochs))
                break
        self._write(sharing, taken)

    def _own(self, sharing: Sharing, taken: Taken, polled: Polled) -> None:
        """Raise the epoch of what is ours now and go to where its progress row says."""
        if not polled.taken:
            return
        with self.database.transaction() as session:
            mine = sorted(polled.taken, key=lambda one: (one.topic, one.number))
            rows = {partition: self.progress.take(session, FRAMES_GROUP, partition) for partition in mine}
        ends = self._ends()
        for partition, (offset, epoch) in rows.items():
            taken.epochs[partition] = epoch
            taken.at[partition] = offset if offset <= ends[partition] else 0  # of a log that was begun anew
            sharing.seek(partition, taken.at[partition])

    def _write(self, sharing: Sharing, taken: Taken) -> None:
        """Files of what was read; then manifest and positions at once."""
        if not taken.moved:
            return
        self.check_lease()
        now_s = seconds(self.clock.wall_now())
        files = [put_part(self.folder, day, spool, now_s) for day, spool in sorted(taken.spools.items())]
        reach("archive-frames-written")
        moves = [Move(partition, taken.epochs[partition], taken.at[partition]) for partition in taken.moved]
        with self.database.transaction() as session:
            frames.enter_files(session, files)
            self.progress.advance(session, FRAMES_GROUP, moves)
        reach("archive-frames-entered")
        taken.clear()
        sharing.report({move.partition: move.next_offset for move in moves})
        log.info("frames are archived", frames=sum(file.rows for file in files), files=len(files))
