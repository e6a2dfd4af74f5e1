"""The job of the archive of frames: takes them from the log once an hour, merges the files of days that have ended.

It reads apart from the consumers and rests between batches; what it does not finish the next run does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from uuid import uuid4

import structlog

from services.monitoring.domain.archive import REPLACED_STAYS_S
from services.monitoring.domain.frame import (
    FrameFile,
    FrameSizes,
    merged_before_s,
    merged_count,
    point_ranges,
    worth_merging,
)
from services.monitoring.domain.windows import DAY_S, HOUR_S, seconds, shanghai_date
from services.monitoring.handlers.frame_taking import FrameTaking, Pace, Stopped
from services.monitoring.store import archive, frames
from services.monitoring.store.duckdb_files import remove_unfinished
from services.monitoring.store.frame_files import counts_of_points
from services.monitoring.store.frames import FrameRun, last_run, note_run, put_merged
from services.monitoring.store.tables import LEASE
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable
from shared.eventlog.failpoints import reach
from shared.eventlog.progress import Fenced, Progress
from shared.ports import EventLog
from shared.runtime.scheduling import take_lease
from shared.runtime.worker_health import WorkerHealth

log = structlog.get_logger(__name__)

EVERY_S = HOUR_S  # a part at least this often
LOOK_S = 60  # how often it is asked whether a part is due
MANY = 100_000  # records that wait: a part is due at once
RESTS = 3.0  # times as long as a batch took: a quarter of a core at most, but for what DuckDB does
LEASED = timedelta(minutes=15)  # renewed at every part; one who died is followed after this
UNFINISHED_STAYS_S = DAY_S


class FrameArchiving:
    """The job `frames`, and the worker that ends it with the process.

    `folder` None: nothing is written; `rests`: as of `Pace`."""

    def __init__(
        self,
        database: Database,
        *,
        log: EventLog,
        progress: Progress,
        clock: Clock,
        folder: Path | None,
        sizes: FrameSizes | None = None,
        rests: float = RESTS,
    ) -> None:
        self._database = database
        self._log = log
        self._progress = progress
        self._clock = clock
        self._folder = folder
        self._sizes = sizes or FrameSizes()
        self._pace = Pace(rests)
        self.name = "frames"
        self.health = WorkerHealth()
        self._holder = uuid4().hex
        self._looked_s = 0

    def start(self) -> None:
        self._pace.stopping.clear()

    def stop(self) -> None:
        """End a run that is on at its next batch."""
        self._pace.stopping.set()

    @property
    def folder(self) -> Path:
        assert self._folder is not None
        return self._folder

    def run(self, _now: datetime) -> None:
        """Once an hour, or when many records wait: take them, merge days that have ended. By the wall clock, as the log."""
        now_s = seconds(self._clock.wall_now())
        if self._folder is None or now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        if not self._due(now_s) or not self._leased():
            return
        try:
            self.take()
            self.merge_days(now_s)
            self._tidy(now_s)
        except Stopped:
            log.info("frames: the run ends with the process, the rest stays in the log")
        except Fenced as other:
            log.info("frames: another process has taken over", why=str(other))

    def _due(self, now_s: int) -> bool:
        with self._database.read() as session:
            run = last_run(session)
        if run is None:  # the first part is written in an hour
            self._note(FrameRun(now_s, None))
            return False
        return now_s - run.ended_s >= EVERY_S or self._taking().waiting() >= MANY

    def _leased(self) -> bool:
        """Whether this process does it: one of all replicas. Of two, one would be fenced."""
        if self._database.embedded:
            return True
        now = self._clock.wall_now()
        with self._database.transaction() as session:
            return take_lease(session, LEASE, "frames", self._holder, now, now + LEASED)

    def _note(self, run: FrameRun) -> None:
        with self._database.transaction() as session:
            note_run(session, run)

    def take(self) -> bool:
        """Take what the log holds by now; whether all of it stands in files. Raises Unreachable: log, folder or database is
        away."""
        complete_to_s: int | None = seconds(self._clock.field_now())
        whole = self._taking().take()
        with self._database.transaction() as session:
            before = last_run(session)
            if not whole:
                complete_to_s = before.complete_to_s if before else None
            note_run(session, FrameRun(seconds(self._clock.wall_now()), complete_to_s))
        return whole

    def _taking(self) -> FrameTaking:
        return FrameTaking(
            self._database,
            self._log,
            self._progress,
            self._clock,
            self.folder,
            self._sizes.part,
            self._pace,
            self._check_lease,
        )

    def _check_lease(self) -> None:
        """Raises Fenced when another process has the lease by now."""
        if not self._leased():
            raise Fenced("the lease went to another process")

    # files of days that have ended
    def merge_days(self, now_s: int) -> None:
        """Merge small files of days that have ended; a day of which a file is missing holds up no other."""
        with self._database.read() as session:
            days = frames.days_of_many_files(session, merged_before_s(now_s))
        for day in days:
            self._check_lease()
            try:
                self.merge(day, now_s)
            except Unreachable as wrong:
                log.warning("a day's frames stay in many files", day=shanghai_date(day).isoformat(), why=wrong.detail)

    def merge(self, day: int, now_s: int) -> None:
        """Few files in place of many. Raises Unreachable."""
        with self._database.read() as session:
            before = worth_merging(frames.current_frame_files(session, day), self._sizes)
        if not before:
            return
        counts = counts_of_points([self.folder / file.name for file in before])
        rows = sum(file.rows for file in before)
        ranges = list(point_ranges(counts, rows, merged_count(before, self._sizes)))
        if len(ranges) >= len(before):
            return
        after: list[FrameFile] = []
        for points in ranges:
            begun = monotonic()
            after.append(put_merged(self.folder, day, before, points, now_s))
            self._check_lease()
            self._pace.rest(begun)
        reach("archive-frames-merged")
        with self._database.transaction() as session:
            replaced = frames.replace_files(session, before, after, now_s)
        if replaced:
            log.info("files of a day are merged", day=shanghai_date(day).isoformat(), of=len(before), to=len(after))

    def _tidy(self, now_s: int) -> None:
        """Remove files that were replaced long ago, and what a process left that died while it wrote."""
        with self._database.read() as session:
            names = frames.replaced_frame_files(session, now_s - REPLACED_STAYS_S)
        for name in names:
            archive.remove_file(self.folder, name)
        if names:
            with self._database.transaction() as session:
                frames.forget_frame_files(session, names)
        remove_unfinished(self.folder, self._clock.wall_now().timestamp() - UNFINISHED_STAYS_S)
