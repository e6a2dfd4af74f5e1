"""One member of a group as a process of its own: `takeover_member FOLDER NAME`, the rest in the environment.

LAB_BOOTSTRAP and LAB_PREFIX name the Kafka log (absent: the embedded one in FOLDER), LAB_URL the PostgreSQL database
(absent: SQLite in FOLDER). While FOLDER/hold-NAME exists, a handler stays in the middle of its transaction and says so by
FOLDER/holding-NAME. The process ends when FOLDER/stop exists.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from sqlmodel import Session

from shared.eventlog import failpoints
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.kafka import KafkaLog
from shared.eventlog.progress import Progress
from shared.ports import EventLog, Record
from shared.runtime.consuming import Consumer, Consumption
from tests.support.lab import Effect, LabProgress, Noting, now, open_lab, table_of

SESSION_TIMEOUT_MS = 6_000  # the least a broker allows


def open_log(folder: Path) -> EventLog:
    bootstrap = os.environ.get("LAB_BOOTSTRAP")
    if bootstrap is None:
        return EmbeddedLog(folder / "log.sqlite", wall_now=now)
    prefix = os.environ["LAB_PREFIX"]
    return KafkaLog(bootstrap, prefix=prefix, wall_now=now, session_timeout_ms=SESSION_TIMEOUT_MS)


def main(folder: Path, name: str) -> None:
    note = Noting(member=name)
    hold, holding = folder / f"hold-{name}", folder / f"holding-{name}"

    def handler(session: Session, records: Sequence[Record]) -> None:
        note(session, records)
        session.flush()
        while hold.exists():
            holding.touch()
            time.sleep(0.02)

    def poison(session: Session, record: Record, wrong: Exception) -> None:
        session.add(Effect(event=f"poison {record.offset} {wrong!r}", member=name))

    database = open_lab(os.environ.get("LAB_URL"), folder)
    log = open_log(folder)
    consumption = Consumption("lab", {"packets": handler})
    progress = Progress(table_of(LabProgress))
    consumer = Consumer(consumption, log=log, database=database, progress=progress, poison=poison, max_records=20)
    failpoints.arm(os.environ.get("YUJING_CRASH_AT"))
    stop = threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    while not (folder / "stop").exists() and thread.is_alive():
        time.sleep(0.05)
    stop.set()
    thread.join(20)
    log.close()
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
