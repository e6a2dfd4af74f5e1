"""Monitoring's consumer of packets alone, as a process of its own: `engine_member FOLDER`, the rest in the environment.

ENGINE_BOOTSTRAP and ENGINE_PREFIX name the Kafka log, ENGINE_URL the PostgreSQL database, ENGINE_NOW the field time that
stands still. The process ends when FOLDER/stop exists.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from services.monitoring.handlers.packets import PACKETS_GROUP, PacketHandler
from services.monitoring.store.register import Register
from services.monitoring.store.tables import OUTBOX, PROGRESS
from shared.database import open_database
from shared.domain.clock import Clock
from shared.domain.events import PACKETS
from shared.eventlog.kafka import KafkaLog
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.ports import Record
from shared.runtime.consuming import Consumer, Consumption
from shared.runtime.metrics import Metrics

SESSION_TIMEOUT_MS = 1_000  # the least that the broker of the tests allows
BATCH = 25


def main(folder: Path) -> None:
    now = datetime.fromisoformat(os.environ["ENGINE_NOW"])
    clock = Clock(wall_now=lambda: now, field_now=lambda: now)
    database = open_database(os.environ["ENGINE_URL"], folder, "monitoring")
    log = KafkaLog(
        os.environ["ENGINE_BOOTSTRAP"],
        prefix=os.environ["ENGINE_PREFIX"],
        wall_now=lambda: now,
        session_timeout_ms=SESSION_TIMEOUT_MS,
    )
    progress = Progress(PROGRESS)
    handler = PacketHandler(
        clock=clock, register=Register(), outbox=Outbox(OUTBOX), progress=progress, metrics=Metrics()
    )

    def poison(_session: Session, record: Record, wrong: Exception) -> None:
        print(f"poison {record.offset} {wrong!r}", flush=True)

    consumption = Consumption(PACKETS_GROUP, {PACKETS: handler.take})
    consumer = Consumer(consumption, log=log, database=database, progress=progress, poison=poison, max_records=BATCH)
    stop = threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    while not (folder / "stop").exists() and thread.is_alive():
        time.sleep(0.02)
    stop.set()
    thread.join(20)
    log.close()
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
