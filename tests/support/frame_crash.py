"""A process that takes frames from the log into the archive and dies on the way.

`frame_crash FOLDER WORK NOW [POINT]`; WORK: `take`, or `merge` of every day. FRAMES_BOOTSTRAP and FRAMES_PREFIX name the Kafka
log (absent: the embedded one in FOLDER), FRAMES_URL the PostgreSQL database (absent: SQLite in FOLDER).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from services.monitoring.domain.frame import FrameSizes
from services.monitoring.handlers import frame_taking
from services.monitoring.handlers.frame_archiving import FrameArchiving
from services.monitoring.store import frames
from services.monitoring.store.archive import use_archive
from services.monitoring.store.tables import PROGRESS
from shared.database import Database, open_database
from shared.domain.clock import Clock
from shared.eventlog import failpoints
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.kafka import KafkaLog
from shared.eventlog.progress import Progress
from shared.ports import EventLog

ROOT = Path(__file__).resolve().parents[2]
SESSION_TIMEOUT_MS = 1_000  # the least that the broker of the tests allows
AT_ONCE = 7


def open_log(folder: Path, env: Mapping[str, str], clock: Clock) -> EmbeddedLog | KafkaLog:
    bootstrap = env.get("FRAMES_BOOTSTRAP")
    if bootstrap is None:
        return EmbeddedLog(folder / "log.sqlite", wall_now=clock.wall_now)
    prefix = env["FRAMES_PREFIX"]
    return KafkaLog(bootstrap, prefix=prefix, wall_now=clock.wall_now, session_timeout_ms=SESSION_TIMEOUT_MS)


def open_tables(folder: Path, env: Mapping[str, str]) -> Database:
    database = open_database(env.get("FRAMES_URL"), folder, "monitoring")
    use_archive(database, folder / "archive")
    return database


def archiving_in(folder: Path, log: EventLog, database: Database, clock: Clock) -> FrameArchiving:
    """What takes frames into small files, a few records at once."""
    frame_taking.AT_ONCE = AT_ONCE
    return FrameArchiving(
        database,
        log=log,
        progress=Progress(PROGRESS),
        clock=clock,
        folder=folder / "archive",
        sizes=FrameSizes(part=2_000, merged=12_000),
        rests=0.0,
    )


def start(folder: Path, env: Mapping[str, str], work: str, now_s: int, point: str = "") -> subprocess.Popen[bytes]:
    """The work in a process of its own."""
    command = [sys.executable, "-m", "tests.support.frame_crash", str(folder), work, str(now_s), point]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stderr=subprocess.PIPE)


def crash(folder: Path, env: Mapping[str, str], work: str, now_s: int, point: str) -> None:
    """The same; it dies at the point (`name:n`: at the n-th time)."""
    process = start(folder, env, work, now_s, point)
    _, wrong = process.communicate(timeout=180)
    assert process.returncode == failpoints.EXIT_CODE, wrong.decode()[-2000:]


def main() -> None:
    folder, work, now_s, point = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    failpoints.arm(point)
    now = datetime.fromtimestamp(now_s, UTC)
    clock = Clock(lambda: now, lambda: now)
    log, database = open_log(folder, os.environ, clock), open_tables(folder, os.environ)
    archiving = archiving_in(folder, log, database, clock)
    if work == "take":
        assert archiving.take(), "the log's end was not reached"
    else:
        with database.read() as session:
            days = frames.days_of_many_files(session, now_s)
        for day in days:
            archiving.merge(day, now_s)
    log.close()
    database.close()


if __name__ == "__main__":
    main()
