"""Digests that are due: what waits for an endpoint → one CloudEvent → one push. Each alert goes in one of them only:
it is marked in the transaction that makes the push.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from services.alerts.domain.digest import Cadence, Span, Waiting, due, event
from services.alerts.domain.notification import notification_of
from services.alerts.handlers.pushes import PushService
from services.alerts.handlers.routing import Routing
from services.alerts.store.digests import MOST, DigestStore, Item
from services.alerts.store.endpoints import EndpointStore, Recipient
from services.alerts.store.pushes import NewPush
from shared.database import Database
from shared.domain.events import DIGEST
from shared.domain.identity import derived_id


@dataclass(frozen=True, slots=True)
class Digests:
    """The job `run` and what it needs."""

    database: Database
    store: DigestStore
    endpoints: EndpointStore
    routing: Routing
    pushes: PushService
    public_url: str = ""

    def run(self, now: datetime) -> None:
        """Make what is due by now."""
        with self.database.read() as session:
            waiting = self.store.waiting(session)
        for digest in waiting:
            span = due(digest, now)
            while span is not None and self._made(digest, span) == MOST:
                pass  # a long one goes in several

    def _made(self, digest: Waiting, span: Span) -> int:
        """Make one digest; how many alerts it has."""
        with self.database.transaction() as session:
            items = self.store.take(session, digest.endpoint_id, digest.cadence, span)
            recipients = self.endpoints.active(session, [digest.endpoint_id])
            if items and recipients and recipients[0].wants.takes(DIGEST):
                self._push(session, recipients[0], digest.cadence, span, items)
                return len(items)
            return 0

    def _push(
        self, session: Session, recipient: Recipient, cadence: Cadence, span: Span, items: Sequence[Item]
    ) -> None:
        first = f"{recipient.id}:{items[0].row_id}"
        digest = event(first, cadence, span, [item.line for item in items], public_url=self.public_url)
        self.store.sent(session, items, digest.subject)
        push = NewPush(
            id=derived_id("psh", digest.subject, recipient.id),
            endpoint_id=recipient.id,
            audience=recipient.audience,
            reason=f"digest_{cadence.value}",
            event_id=digest.id,
            notification=notification_of(digest),
            due_at=self.routing.held(session, recipient.id),
        )
        self.pushes.add(session, [push])
