"""Whether the service itself can receive packets and has read them: only then is silence a point's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import structlog

from services.monitoring.domain.windows import seconds
from services.monitoring.store.due import note_alive
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable
from shared.domain.events import PACKETS
from shared.eventlog.progress import Progress
from shared.ports import EventLog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AliveNotes:
    """Notes that the gateway can receive packets; a gap becomes down-time. Not while the field clock runs fast."""

    clock: Clock
    database: Database

    def note(self, field_now: datetime) -> None:
        if self.clock.speed > 1:
            return
        try:
            with self.database.transaction() as session:
                note_alive(session, seconds(field_now))
        except Unreachable as unavailable:
            log.warning("that the gateway receives packets is not noted", reason=unavailable.detail)


@dataclass(slots=True)
class Backlog:
    """Whether packets are on the log that the group should have read: what was there at the last tick."""

    log: EventLog
    database: Database
    progress: Progress
    group: str
    _before: dict[int, int] = field(default_factory=dict)

    def more_than_a_tick(self) -> bool:
        """True, too, at the first tick: nothing is known yet."""
        before, ends = self._before, dict(self.log.ends(PACKETS))
        self._before = ends
        if not before:
            return True
        with self.database.read() as session:
            return any(
                self.progress.position(session, self.group, PACKETS, number) < end for number, end in before.items()
            )
