"""What happens to an alert, whoever moves it: load → decide → save → say. Risks come from `handlers`, people from `api`,
proven deliveries from `delivery`. Everything happens inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from services.alerts.domain import grouping, peer
from services.alerts.domain.alert import ENDED, Alert, Move, Status, Step, opened_by
from services.alerts.domain.audience import owners
from services.alerts.domain.catalogue import OFFICERS, Audience, Catalogue, Push, Row
from services.alerts.domain.decision import (
    ALL_CLEAR,
    ANNOUNCING,
    STOPPED_BY_ACKNOWLEDGING,
    Decision,
    Reason,
    decide,
)
from services.alerts.domain.document import document, event
from services.alerts.handlers.endpoint_counts import say_reach
from services.alerts.handlers.routing import Route, Routing
from services.alerts.store.alerts import AlertStore
from services.alerts.store.endpoints import EndpointStore, Recipient
from services.alerts.store.peer_facts import PeerStore
from services.alerts.store.pushes import NewPush, PushStore
from shared.commit_signal import Hint
from shared.domain.clock import Clock, shanghai_day
from shared.domain.events import Event
from shared.domain.identity import derived_id
from shared.domain.risk import SCOPE_OF_KIND, Risk, RiskState
from shared.eventlog.codec import encode_event
from shared.runtime.metrics import Metrics

# Standard Webhooks: waits before each attempt, 75.5 h in all
SCHEDULE_S: Sequence[float] = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


@dataclass(frozen=True, slots=True)
class Casework:
    """The one place where alerts change."""

    catalogue: Catalogue
    alerts: AlertStore
    endpoints: EndpointStore
    pushes: PushStore
    clock: Clock
    metrics: Metrics
    hint: Hint
    public_url: str = ""
    schedule_s: Sequence[float] = SCHEDULE_S
    peers: PeerStore = field(default_factory=PeerStore)

    @property
    def routing(self) -> Routing:
        """Subscriptions and digests."""
        return Routing(self.endpoints, self.clock)

    def take(self, session: Session, risk: Risk, latest: Mapping[str, Alert]) -> Alert | None:
        """A revision of a risk; None when the alert knows it already. `latest`: the last alerts by risk id."""
        before = latest.get(risk.id)
        if not grouping.is_news(before, risk):
            return None
        row = self.row(risk)
        if before is None or grouping.opens_follow_up(before, risk, row):
            alert, step = self._opened(risk, row, before, latest)
            before = None
        else:
            alert, step = before.taken(risk, row)
        self._keep_fact(session, alert)
        return self._save(session, alert, step, row, decide(before, alert, row))

    def move(self, session: Session, alert_id: str, move: Move, *, who: str, text: str) -> Alert:
        """A person's move; raises NotFound, Conflict. Withdrawing tells whoever was told."""
        before = self.alerts.load(session, alert_id)
        row = self.row(before.risk)
        alert, step = before.moved(move, at=self.clock.field_now(), who=who, text=text)
        if move is Move.ACKNOWLEDGE:
            self.pushes.cancel(
                session,
                "acknowledged",
                alert_id=alert_id,
                audience=Audience.ENTERPRISE,
                reasons=STOPPED_BY_ACKNOWLEDGING,
            )
        if move is not Move.WITHDRAW:
            return self._save(session, alert, step, row, None)
        self.peers.take_back(session, alert.risk.id)
        return self._save(session, alert, step, row, decide(before, alert, row))

    def delivered(self, session: Session, alert_id: str, audience: Audience) -> None:
        """A push was proven delivered: the first one to the enterprise or an authority starts its clock."""
        alert = self.alerts.load(session, alert_id)
        row = self.row(alert.risk)
        enterprise = audience is Audience.ENTERPRISE
        hours = row.answer_hours if enterprise else row.check_hours if audience in OFFICERS else None
        running = alert.due_enterprise if enterprise else alert.due_authority
        if hours is None or running is not None or alert.status in ENDED:
            return
        now = self.clock.field_now()
        alert, step = alert.delivered(audience, at=now, due=now + timedelta(hours=hours))
        self.alerts.save(session, alert, document(alert, row, public_url=self.public_url), new=False)
        self.alerts.append(session, alert, step, None)

    def reached(self, session: Session, credit_codes: Iterable[str | None]) -> None:
        """Endpoints of these owners changed, or may have: say of the enterprises how many are active, where that is news.

        The last thing in a transaction: its locks come after all others."""
        say_reach(session, credit_codes, now=self.clock.field_now(), wall_now=self.clock.wall_now())

    def row(self, risk: Risk) -> Row:
        """The row of the catalogue on the day of the fact."""
        day = shanghai_day(risk.window.start if risk.window else risk.opened_at)
        return self.catalogue.row(risk.kind, risk.condition, region=risk.region, day=day)

    def _opened(self, risk: Risk, row: Row, ended: Alert | None, latest: Mapping[str, Alert]) -> tuple[Alert, Step]:
        former = ended or (latest.get(risk.previous) if risk.previous else None)
        self.metrics.alerts_issued.labels(row.kind, row.level.value).inc()
        return opened_by(risk, row, number=ended.number + 1 if ended else 1, previous=former.id if former else None)

    def _save(self, session: Session, alert: Alert, step: Step, row: Row, decision: Decision | None) -> Alert:
        if decision is not None and decision.push is Push.NOW and decision.reason in ANNOUNCING:
            alert = alert.announced_now()
        data = document(alert, row, public_url=self.public_url)
        said, now = event(alert, data), self.clock.wall_now()
        self.alerts.save(session, alert, data, new=alert.revision == 1)
        self.alerts.append(session, alert, step, decision)
        self.alerts.say(session, alert, said, wall_now=now)
        if decision is not None:
            self.metrics.push_decisions.labels(decision.reason.value).inc()
            if decision.push is Push.NOW:
                self._push(session, alert, said, decision.reason, now)
            elif decision.push is Push.DIGEST:
                historical = decision.reason is Reason.HISTORICAL
                self.routing.collected(session, alert, self._unasked(session, alert), historical=historical)
        return alert

    def _keep_fact(self, session: Session, alert: Alert) -> None:
        """What peers may learn from; a late renewal is as old as its step, the rest as their opening."""
        risk = alert.risk
        if risk.kind not in peer.KINDS:
            return
        if alert.status is Status.WITHDRAWN or risk.state in (RiskState.WITHDRAWN, RiskState.MERGED):
            self.peers.take_back(session, risk.id)
        elif peer.counts(risk):
            since = risk.changed_at if risk.kind == "permit.renewal" else risk.opened_at
            self.peers.add(session, risk, since=since, now=self.clock.field_now())

    def _push(self, session: Session, alert: Alert, said: Event, reason: Reason, now: datetime) -> None:
        body = encode_event(said)
        new = [
            NewPush(
                id=derived_id("psh", alert.id, str(alert.revision), route.to.id),
                endpoint_id=route.to.id,
                audience=route.to.audience,
                reason=reason.value,
                event_id=said.id,
                body=body,
                schedule_s=self.schedule_s,
                alert_id=alert.id,
                alert_revision=alert.revision,
                due_at=route.due_at,
            )
            for route in self._routes(session, alert, reason)
        ]
        self.pushes.add(session, new, wall_now=now)
        if new:
            self.hint.when_committed(session)

    def _routes(self, session: Session, alert: Alert, reason: Reason) -> list[Route]:
        unasked = self._unasked(session, alert)
        if reason in ALL_CLEAR:
            told = self.endpoints.still_there(session, self.pushes.told(session, alert.id))
            return self.routing.followed(session, alert, told, {one.id for one in unasked})
        if reason is Reason.CONTRADICTED:
            audience = sorted({Audience.COUNTY, *(one for one in alert.audience if one in OFFICERS)})
            return [Route(to) for to in self._owned(session, alert, audience)]
        return self.routing.announced(session, alert, unasked)

    def _unasked(self, session: Session, alert: Alert) -> list[Recipient]:
        if alert.risk.kind in SCOPE_OF_KIND:  # an endpoint's owner may lack the scope: only subscriptions prove it
            return []
        return self._owned(session, alert, alert.audience)

    def _owned(self, session: Session, alert: Alert, audience: Sequence[Audience]) -> list[Recipient]:
        risk = alert.risk
        return self.endpoints.recipients(session, owners(audience, credit_code=risk.credit_code, region=risk.region))

    def test_push(self, session: Session, endpoint_id: str, audience: str, test: Any, push_id: str) -> None:
        """A test event through the very road that alerts take."""
        body = encode_event(test)
        push = NewPush(push_id, endpoint_id, audience, "test", test.id, body, self.schedule_s)
        self.pushes.add(session, [push], wall_now=self.clock.wall_now())
        self.hint.when_committed(session)
