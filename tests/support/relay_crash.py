"""A process that says two things and dies at a named point of the relay: `relay_crash FOLDER POINT`."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.domain.events import RISK_OPENED, Event
from shared.eventlog import failpoints
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.outbox import Outbox
from shared.eventlog.relay import Relay
from shared.ports import TopicShape
from tests.support.lab import LabLease, LabOutbox, now, open_lab, table_of

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    database = open_lab(None, folder)
    log = EmbeddedLog(folder / "log.sqlite", wall_now=now)
    log.create({"risks": TopicShape(1)})
    with database.transaction() as session:
        for subject in ("r0", "r1"):
            event = Event(RISK_OPENED, "lab", subject, 1, now(), {})
            Outbox(table_of(LabOutbox)).publish(session, "risks", "e", event, wall_now=now())
    failpoints.arm(sys.argv[2])
    Relay(database, table_of(LabOutbox), table_of(LabLease), log, holder="crash", wall_now=now).relay_once()
