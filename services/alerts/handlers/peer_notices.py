"""Peer notices at the slot: facts that are due → decision → notice, recipients, event and pushes, all with the same bytes.

A tick asks the rows which topics have facts not yet judged; a missed slot is caught up by the next tick. Each topic is
one transaction: facts are marked in the one that makes the notice, so a second run, or another replica, makes no second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from services.alerts.domain.catalogue import Audience
from services.alerts.domain.notice import cloud_event, document
from services.alerts.domain.notification import Notification
from services.alerts.domain.peer import Affected, Decision, Exposed, Former, Outcome, Topic, decide
from services.alerts.handlers.pushes import PushService
from services.alerts.store.peer_facts import Field, PeerStore, Place
from services.alerts.store.peer_notices import NoticeStore
from services.alerts.store.pushes import NewPush
from shared.database import Database
from shared.domain.clock import Clock, hour_start, shanghai_day
from shared.domain.identity import derived_id, new_id
from shared.eventlog.codec import encode
from shared.runtime.metrics import Metrics

REASON = "peer_notice"


def a_notice_id() -> str:
    """Random: nothing of a source is in it."""
    return new_id("ntc")


@dataclass(frozen=True, slots=True)
class PeerNotices:
    """The job `run` and what it needs."""

    database: Database
    clock: Clock
    metrics: Metrics
    pushes: PushService
    facts: PeerStore = field(default_factory=PeerStore)
    notices: NoticeStore = field(default_factory=NoticeStore)
    notice_id: Callable[[], str] = a_notice_id
    public_url: str = ""

    def run(self, now: datetime) -> None:
        """Decide all that is due at the last whole hour."""
        with self.database.read() as session:
            waiting = self.facts.waiting(session, now)
        for one in waiting:
            with self.database.transaction() as session:
                self._judge(session, one, hour_start(now))

    def _judge(self, session: Session, field: Field, slot: datetime) -> None:
        places = self.facts.judge(session, field, slot)
        if not places:
            return
        affected = self.facts.affected(session, field, slot)
        exposed = self.facts.exposed(session, field, shanghai_day(slot))
        former = self.notices.former(session, field.kind, field.family, slot)
        for place in places:
            decision = self._decided(field, place, affected, exposed, former, slot)
            self.metrics.push_decisions.labels(f"peer_{decision.reason.value}").inc()
            if decision.outcome is not Outcome.NOTHING:
                former[decision.outcome].append(self._make(session, decision, slot))

    def _decided(
        self,
        field: Field,
        place: Place,
        affected: Sequence[Affected],
        exposed: Sequence[Exposed],
        former: Mapping[Outcome, Sequence[Former]],
        slot: datetime,
    ) -> Decision:
        return decide(
            Topic(place.industry, field.kind, field.family),
            place.region,
            affected=affected,
            exposed=exposed,
            notices=former[Outcome.NOTICE],
            drafts=former[Outcome.DRAFT],
            now=slot,
        )

    def _make(self, session: Session, decision: Decision, slot: datetime) -> Former:
        topic, area = decision.topic, decision.area
        assert topic is not None and area is not None
        notice_id = self.notice_id()
        data = document(notice_id, topic, area, slot)
        notification = Notification(cloud_event(data, public_url=self.public_url))
        self.notices.add(session, notice_id, decision, slot, data)
        if decision.outcome is Outcome.NOTICE:
            self._send(session, notice_id, area, notification)
        return Former(topic, area, slot)

    def _send(self, session: Session, notice_id: str, area: str, notification: Notification) -> None:
        body = encode(notification.document)
        self.notices.publish(session, notice_id, area, body, wall_now=self.clock.wall_now())
        new = [
            NewPush(
                id=derived_id("psh", notice_id, endpoint_id),
                endpoint_id=endpoint_id,
                audience=Audience.ENTERPRISE.value,
                reason=REASON,
                event_id=notice_id,
                notification=notification,
            )
            for endpoint_id in self.notices.endpoints(session, notice_id)
        ]
        self.pushes.add(session, new)
