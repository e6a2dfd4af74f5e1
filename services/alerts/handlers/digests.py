"""Digests that are due: what waits for an endpoint → one CloudEvent → one push. Each alert goes in one of them only:
it is marked in the transaction that makes the push.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from services.alerts.domain.digest import Cadence, Span, due, event
from services.alerts.handlers.alerts import Casework
from services.alerts.store.digests import MOST
from services.alerts.store.pushes import NewPush
from shared.database import Database
from shared.domain.identity import derived_id
from shared.eventlog.codec import encode_event


@dataclass(frozen=True, slots=True)
class Digests:
    """The job `run`."""

    database: Database
    casework: Casework

    def run(self, now: datetime) -> None:
        """Make what is due by now."""
        with self.database.read() as session:
            waiting = self.casework.routing.digests.waiting(session)
        for endpoint_id, one in waiting:
            span = due(one, now)
            while span is not None and self._made(endpoint_id, one.cadence, span) == MOST:
                pass  # a long one goes in several

    def _made(self, endpoint_id: str, cadence: Cadence, span: Span) -> int:
        with self.database.transaction() as session:
            return self._make(session, endpoint_id, cadence, span)

    def _make(self, session: Session, endpoint_id: str, cadence: Cadence, span: Span) -> int:
        work = self.casework
        digests = work.routing.digests
        items = digests.take(session, endpoint_id, cadence, span)
        recipients = work.endpoints.still_there(session, [endpoint_id])
        if not items or not recipients:
            return 0
        said = event(f"{endpoint_id}:{items[0].row_id}", cadence, span, [(one.alert_id, one.headline) for one in items])
        digests.sent(session, items, said.subject)
        push = NewPush(
            id=derived_id("psh", said.subject, endpoint_id),
            endpoint_id=endpoint_id,
            audience=recipients[0].audience,
            reason=f"digest_{cadence.value}",
            event_id=said.id,
            body=encode_event(said),
            schedule_s=work.schedule_s,
            due_at=work.routing.held(session, endpoint_id),
        )
        work.pushes.add(session, [push], wall_now=work.clock.wall_now())
        work.hint.when_committed(session)
        return len(items)
