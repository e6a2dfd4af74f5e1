"""Pushes and attempts as rows: writing, cancelling, replaying, listing. Claiming and marking are `push_queue`'s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select, update
from sqlmodel import Session

from services.alerts.domain.notification import Notification
from services.alerts.domain.retry import Schedule
from services.alerts.store.paging import Position, older_than
from services.alerts.store.sql_types import SqlRow
from services.alerts.store.tables import ATTEMPT, ENDPOINT, PUSH
from shared.access import Caller, Columns, visible
from shared.domain.errors import Conflict, no_such
from shared.sql import insert_new


class PushState(StrEnum):
    DUE = "due"
    SENDING = "sending"  # leased by a sender
    DELIVERED = "delivered"
    FAILED = "failed"  # refused, or the schedule is used up
    CANCELLED = "cancelled"


PENDING = (PushState.DUE.value, PushState.SENDING.value)
_DELIVERIES = select(
    *(column for column in PUSH.c if column.name != "notification"),
    ENDPOINT.c.address,
    ENDPOINT.c.state.label("endpoint_state"),
).join(ENDPOINT, ENDPOINT.c.id == PUSH.c.endpoint_id)


@dataclass(frozen=True, slots=True)
class NewPush:
    """`due_at` None: at once."""

    id: str
    endpoint_id: str
    audience: str
    reason: str
    event_id: str
    notification: Notification
    alert_id: str | None = None
    alert_revision: int | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PushFilter:
    """Of a list of pushes; None: any."""

    endpoint_id: str | None = None
    state: PushState | None = None
    alert_id: str | None = None

    def clauses(self) -> Iterable[ColumnElement[bool]]:
        if self.endpoint_id is not None:
            yield PUSH.c.endpoint_id == self.endpoint_id
        if self.state is not None:
            yield PUSH.c.state == self.state.value
        if self.alert_id is not None:
            yield PUSH.c.alert_id == self.alert_id


@dataclass(frozen=True, slots=True)
class PushProof:
    """Whether one of those concerned was notified: as whom, state and when; no address."""

    audience: str
    state: str
    reason: str
    delivered_at: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a push. `snippet`: the beginning of the receiver's answer, as far as it may be shown."""

    number: int
    at: datetime
    outcome: str
    reason: str
    status: int | None
    latency_ms: int
    snippet: str


@dataclass(frozen=True, slots=True)
class PushRecord:
    """A push with the endpoint that it is for."""

    id: str
    endpoint_id: str
    address: str
    endpoint_state: str
    alert_id: str | None
    event_id: str
    reason: str
    state: str
    state_reason: str | None
    created_at: datetime
    due_at: datetime
    lease_until: datetime | None
    delivered_at: datetime | None


class PushStore:
    """Every method works inside the caller's session."""

    def add(self, session: Session, pushes: Sequence[NewPush], *, schedule: Schedule, wall_now: datetime) -> None:
        """New pushes; one that is there already stays as it is."""
        rows = [
            {
                "id": one.id,
                "endpoint_id": one.endpoint_id,
                "alert_id": one.alert_id,
                "alert_revision": one.alert_revision,
                "audience": one.audience,
                "reason": one.reason,
                "event_id": one.event_id,
                "notification": dict(one.notification.document),
                "schedule_s": list(schedule.waits_s),
                "step": 0,
                "attempts": 0,
                "state": PushState.DUE.value,
                "created_at": wall_now,
                "due_at": one.due_at or wall_now,
                "fence": 0,
            }
            for one in pushes
        ]
        insert_new(session, PUSH, rows)

    def recipients(self, session: Session, alert_id: str) -> list[str]:
        """Endpoints that a push of this alert was made for."""
        query = select(PUSH.c.endpoint_id).where(PUSH.c.alert_id == alert_id).distinct()
        return list(session.connection().execute(query).scalars())

    def cancel(self, session: Session, reason: str, *, alert_id: str, audience: str, reasons: Iterable[str]) -> int:
        """Stop what is not yet on its way; a push that a sender has leased is not called back."""
        stopped = session.connection().execute(
            update(PUSH)
            .where(
                PUSH.c.alert_id == alert_id,
                PUSH.c.audience == audience,
                PUSH.c.reason.in_(list(reasons)),
                PUSH.c.state == PushState.DUE.value,
            )
            .values(state=PushState.CANCELLED.value, state_reason=reason)
        )
        return stopped.rowcount

    def cancel_endpoint(self, session: Session, endpoint_id: str, reason: str) -> None:
        session.connection().execute(
            update(PUSH)
            .where(PUSH.c.endpoint_id == endpoint_id, PUSH.c.state.in_(PENDING))
            .values(state=PushState.CANCELLED.value, state_reason=reason, fence=PUSH.c.fence + 1)
        )

    def replay(self, session: Session, push_id: str, caller: Caller, *, wall_now: datetime) -> None:
        """The same webhook-id once more, now, its schedule from the beginning; raises NotFound, Conflict."""
        push = self.load(session, push_id, caller)
        if push.state == PushState.SENDING.value and push.lease_until is not None and push.lease_until > wall_now:
            raise Conflict("the delivery is being sent right now", code="delivery-sending")
        if push.endpoint_state != "active":
            raise Conflict(f"its endpoint is {push.endpoint_state}: enable it first", code="endpoint-not-active")
        session.connection().execute(
            update(PUSH)
            .where(PUSH.c.id == push_id)
            .values(
                state=PushState.DUE.value,
                state_reason="replay",
                step=0,
                due_at=wall_now,
                lease_until=None,
                fence=PUSH.c.fence + 1,
            )
        )

    def load(self, session: Session, push_id: str, caller: Caller) -> PushRecord:
        """The push; raises NotFound outside the caller's scope."""
        query = _DELIVERIES.where(PUSH.c.id == push_id, owned(caller))
        row = session.connection().execute(query).one_or_none()
        if row is None:
            raise no_such("delivery", push_id)
        return _push(row)

    def page(
        self,
        session: Session,
        caller: Caller,
        filter: PushFilter,
        *,
        behind: Position | None,
        limit: int,
    ) -> list[PushRecord]:
        """Newest first, those behind the position."""
        p = PUSH.c
        query = _DELIVERIES.where(owned(caller), *filter.clauses(), older_than(behind, p.created_at, p.id))
        query = query.order_by(p.created_at.desc(), p.id.desc()).limit(limit)
        return [_push(row) for row in session.connection().execute(query)]

    def attempts(self, session: Session, push_ids: Sequence[str]) -> dict[str, list[Attempt]]:
        """Attempts of each push, in order; each of the ids is a key."""
        found: dict[str, list[Attempt]] = {one: [] for one in push_ids}
        a = ATTEMPT.c
        query = select(a.push_id, a.number, a.at, a.outcome, a.reason, a.status, a.latency_ms, a.snippet)
        for push_id, *values in session.connection().execute(query.where(a.push_id.in_(push_ids)).order_by(a.id)):
            found[push_id].append(Attempt(*values))
        return found

    def proof(self, session: Session, alert_id: str) -> list[PushProof]:
        """Whether those concerned were notified, in the order of the pushes."""
        query = select(PUSH.c.audience, PUSH.c.state, PUSH.c.reason, PUSH.c.delivered_at, PUSH.c.attempts)
        query = query.where(PUSH.c.alert_id == alert_id).order_by(PUSH.c.created_at, PUSH.c.id)
        return [PushProof(*row) for row in session.connection().execute(query)]

    def overdue_since(self, session: Session) -> datetime | None:
        """When the oldest push of an active endpoint that still waits became due."""
        query = (
            select(func.min(PUSH.c.due_at))
            .join(ENDPOINT, ENDPOINT.c.id == PUSH.c.endpoint_id)
            .where(PUSH.c.state.in_(PENDING), ENDPOINT.c.state == "active")
        )
        found: datetime | None = session.connection().execute(query).scalar()
        return found


@dataclass(frozen=True, slots=True)
class EventPush:
    """Under which id an event is pushed to an endpoint."""

    event: str
    webhook_id: str
    endpoint: str


def pushes_of(session: Session, caller: Caller, event_ids: Sequence[str]) -> list[EventPush]:
    """The pushes of these events to endpoints in the caller's scope."""
    if not event_ids:
        return []
    p = PUSH.c
    query = select(p.event_id, p.id, p.endpoint_id).join(ENDPOINT, ENDPOINT.c.id == p.endpoint_id)
    query = query.where(p.event_id.in_(event_ids), owned(caller)).order_by(p.event_id, p.id)
    return [EventPush(*row) for row in session.connection().execute(query)]


def owned(caller: Caller) -> ColumnElement[bool]:
    """Endpoints (and deliveries joined to them) of the caller. An officer's are those of divisions inside the own."""
    return visible(caller, Columns(ENDPOINT.c.credit_code, ENDPOINT.c.region, state_only=True))


def _push(row: SqlRow) -> PushRecord:
    return PushRecord(
        id=row.id,
        endpoint_id=row.endpoint_id,
        address=row.address,
        endpoint_state=row.endpoint_state,
        alert_id=row.alert_id,
        event_id=row.event_id,
        reason=row.reason,
        state=row.state,
        state_reason=row.state_reason,
        created_at=row.created_at,
        due_at=row.due_at,
        lease_until=row.lease_until,
        delivered_at=row.delivered_at,
    )
