"""One tick of the register: years seeded, notices applied, everything due by now published. A tick with nothing due is one
query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.permits.handlers import calendar as calendars
from services.permits.handlers.coverage_gaps import sweep_gaps
from services.permits.handlers.publishing import Registrar
from services.permits.handlers.renewals import sweep_renewals
from services.permits.store.calendar import years
from shared.database import Database
from shared.domain.clock import shanghai_day

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """The job `renewal-sweep`. `note_year` receives the last year whose notice is known."""

    registrar: Registrar
    database: Database
    note_year: Callable[[int], None]

    def run(self, now: datetime) -> None:
        self._keep_calendar(now)
        permits = sweep_renewals(self.registrar, self.database, now)
        gaps = sweep_gaps(self.registrar, self.database, now)
        if permits or gaps:
            log.info("swept", permits=permits, enterprises=gaps)

    def _keep_calendar(self, now: datetime) -> None:
        with self.database.read() as session:
            rows = years(session)
            last = calendars.calendar(session).last_published_year
        self.note_year(last or 0)
        if all(row.applied for row in rows) and not calendars.unseeded({row.year for row in rows}):
            return
        with self.database.transaction() as session:
            seeded = calendars.seed(session, now)
            permits = calendars.apply_notices(session, shanghai_day(now))
        log.info("working days loaded", seeded=seeded, permits=permits)
