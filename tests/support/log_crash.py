"""A process that appends three records and dies at a named point of the embedded log: `log_crash FOLDER POINT`."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.eventlog import failpoints
from shared.eventlog.embedded import EmbeddedLog
from shared.ports import NewRecord, TopicShape
from tests.support.lab import now

if __name__ == "__main__":
    log = EmbeddedLog(Path(sys.argv[1]) / "log.sqlite", wall_now=now)
    log.create({"risks": TopicShape(1)})
    failpoints.arm(sys.argv[2])
    log.append("risks", [NewRecord("e", str(n).encode()) for n in range(3)]).result(10)
