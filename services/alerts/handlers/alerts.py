"""What happens to an alert, whoever moves it: load → decide → save → publish. Risks come from
`risk_records`, people from `api`, proven deliveries from `delivery`. Everything happens inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlmodel import Session

from services.alerts.domain import grouping, peer
from services.alerts.domain.alert import ENDED, Alert, Move, Status, Transition, opened_by
from services.alerts.domain.catalogue import OFFICERS, Audience, Catalogue, Push, Row
from services.alerts.domain.decision import (
    ANNOUNCING,
    Decision,
    Reason,
    decide,
)
from services.alerts.domain.document import document
from services.alerts.domain.document import event as alert_event
from services.alerts.domain.notification import notification_of
from services.alerts.handlers.pushes import PushService
from services.alerts.handlers.routing import Routing
from services.alerts.store.alerts import AlertStore
from services.alerts.store.offices import OfficeStore
from services.alerts.store.peer_facts import PeerStore
from services.alerts.store.pushes import NewPush
from shared.domain.clock import Clock, shanghai_day
from shared.domain.events import Event
from shared.domain.identity import derived_id
from shared.domain.json import JsonObject
from shared.domain.risk import Risk, RiskState
from shared.runtime.metrics import Metrics


class AlertService:
    """The one place where alerts change; works inside the caller's transaction."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: AlertStore,
        peer_facts: PeerStore,
        offices: OfficeStore,
        routing: Routing,
        pushes: PushService,
        clock: Clock,
        metrics: Metrics,
        public_url: str = "",
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._peer_facts = peer_facts
        self._offices = offices
        self._routing = routing
        self._pushes = pushes
        self._clock = clock
        self._metrics = metrics
        self._public_url = public_url

    def take(self, session: Session, risk: Risk, latest: Mapping[str, Alert]) -> Alert | None:
        """A revision of a risk; None when the alert knows it already. `latest`: the last alerts by risk id."""
        before = latest.get(risk.id)
        if not grouping.is_news(before, risk):
            return None
        row = self._row(risk)
        if before is None or grouping.opens_follow_up(before, risk, row):
            after = self._opened(risk, row, before, latest)
            before = None
        else:
            after = before.taken(risk, row)
        self._keep_fact(session, after.alert)
        return self._save(session, after, row, decide(before, after.alert, row))

    def move(self, session: Session, alert_id: str, move: Move, *, who: str, text: str) -> Alert:
        """A person's move; raises NotFound, Conflict. Withdrawing notifies whoever was notified."""
        before = self._store.load(session, alert_id)
        row = self._row(before.risk)
        after = before.moved(move, at=self._clock.field_now(), who=who, text=text)
        if move is Move.ACKNOWLEDGE:
            self._pushes.acknowledged(session, alert_id)
        if move is not Move.WITHDRAW:
            return self._save(session, after, row, None)
        self._peer_facts.take_back(session, before.risk.id)
        return self._save(session, after, row, decide(before, after.alert, row))

    def delivered(self, session: Session, alert_id: str, audience: Audience) -> None:
        """A push was proven delivered: the first one to the enterprise or an authority starts its clock."""
        alert = self._store.load(session, alert_id)
        row = self._row(alert.risk)
        enterprise = audience is Audience.ENTERPRISE
        hours = row.answer_hours if enterprise else row.check_hours if audience in OFFICERS else None
        running = alert.due_enterprise if enterprise else alert.due_authority
        if hours is None or running is not None or alert.status in ENDED:
            return
        now = self._clock.field_now()
        after = alert.delivered(audience, at=now, due=now + timedelta(hours=hours))
        data = self._document(session, after.alert, row)
        self._store.save(session, after.alert, data, new=False)
        self._store.append(session, after.alert, after.step, None)

    def _row(self, risk: Risk) -> Row:
        """The row of the catalogue on the day of the fact."""
        day = shanghai_day(risk.window.start if risk.window else risk.opened_at)
        return self._catalogue.row(risk.kind, risk.condition, region=risk.region, day=day)

    def _opened(self, risk: Risk, row: Row, ended: Alert | None, latest: Mapping[str, Alert]) -> Transition:
        former = ended or (latest.get(risk.previous) if risk.previous else None)
        self._metrics.alerts_issued.labels(row.kind, row.level.value).inc()
        return opened_by(risk, row, number=ended.number + 1 if ended else 1, previous=former.id if former else None)

    def _save(self, session: Session, after: Transition, row: Row, decision: Decision | None) -> Alert:
        alert = after.alert
        if decision is not None and decision.push is Push.NOW and decision.reason in ANNOUNCING:
            alert = alert.announced_now()
        data = self._document(session, alert, row)
        event = alert_event(alert, data, public_url=self._public_url)
        self._store.save(session, alert, data, new=alert.revision == 1)
        self._store.append(session, alert, after.step, decision)
        self._store.publish(session, alert, event, wall_now=self._clock.wall_now())
        if decision is not None:
            self._metrics.push_decisions.labels(decision.reason.value).inc()
            if decision.push is Push.NOW:
                self._push(session, alert, event, decision.reason)
            elif decision.push is Push.DIGEST:
                self._routing.collect(session, alert, historical=decision.reason is Reason.HISTORICAL)
        return alert

    def _document(self, session: Session, alert: Alert, row: Row) -> JsonObject:
        contact = self._offices.nearest(session, alert.risk.region)
        return document(alert, row, public_url=self._public_url, contact=contact)

    def _keep_fact(self, session: Session, alert: Alert) -> None:
        """What peers may learn from; a late renewal is as old as its step, the rest as their opening."""
        risk = alert.risk
        if risk.kind not in peer.KINDS:
            return
        if alert.status is Status.WITHDRAWN or risk.state in (RiskState.WITHDRAWN, RiskState.MERGED):
            self._peer_facts.take_back(session, risk.id)
        elif peer.counts(risk):
            since = risk.changed_at if risk.kind == "permit.renewal" else risk.opened_at
            self._peer_facts.add(session, risk, since=since, now=self._clock.field_now())

    def _push(self, session: Session, alert: Alert, event: Event, reason: Reason) -> None:
        notification = notification_of(event)
        new = [
            NewPush(
                id=derived_id("psh", alert.id, str(alert.revision), route.to.id),
                endpoint_id=route.to.id,
                audience=route.to.audience,
                reason=reason.value,
                event_id=event.id,
                notification=notification,
                alert_id=alert.id,
                alert_revision=alert.revision,
                due_at=route.due_at,
            )
            for route in self._routing.routes(session, alert, reason)
            if route.to.wants.takes(event.type, alert.risk.kind)
        ]
        self._pushes.add(session, new)
