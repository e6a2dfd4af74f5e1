"""Pushes and attempts as rows: writing, cancelling, replaying, listing. Claiming and marking are `push_queue`'s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session

from services.alerts.domain.notification import Notification
from services.alerts.domain.retry import Schedule
from services.alerts.store.tables import ATTEMPT, ENDPOINT, PUSH
from shared.access import Caller, Columns, visible
from shared.domain.errors import Conflict, NotFound


class PushState(StrEnum):
    DUE = "due"
    SENDING = "sending"  # leased by a sender
    DELIVERED = "delivered"
    FAILED = "failed"  # refused, or the schedule is used up
    CANCELLED = "cancelled"


ROWS = 500  # in one statement: bound parameters have a limit
PENDING = (PushState.DUE.value, PushState.SENDING.value)


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


class PushStore:
    """Every method works inside the caller's session."""

    def add(self, session: Session, pushes: Sequence[NewPush], *, schedule: Schedule, wall_now: datetime) -> None:
        """New pushes; one that is there already stays as it is."""
        if not pushes:
            return
        connection = session.connection()
        new = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
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
        for start in range(0, len(rows), ROWS):
            connection.execute(new(PUSH).values(rows[start : start + ROWS]).on_conflict_do_nothing())

    def recipients(self, session: Session, alert_id: str) -> list[str]:
        """Endpoints that a push of this alert was made for."""
        asked = select(PUSH.c.endpoint_id).where(PUSH.c.alert_id == alert_id).distinct()
        return list(session.connection().execute(asked).scalars())

    def cancel(self, session: Session, reason: str, *, alert_id: str, audience: str, reasons: Iterable[str]) -> int:
        """Stop what is not yet on its way; a push in a sender's hands is not called back."""
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
        row = self._visible(session, push_id, caller)
        if row.state == PushState.SENDING.value and row.lease_until > wall_now:
            raise Conflict("the delivery is being sent right now", code="delivery-sending")
        if row.endpoint_state != "active":
            raise Conflict(f"its endpoint is {row.endpoint_state}: enable it first", code="endpoint-not-active")
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

    def document(self, session: Session, push_id: str, caller: Caller) -> dict[str, Any]:
        row = self._visible(session, push_id, caller)
        return delivery(row, self.attempts(session, [push_id]).get(push_id, []))

    def page(
        self,
        session: Session,
        caller: Caller,
        filter: PushFilter,
        *,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Row[Any]]:
        """Newest first, standing behind `before`."""
        asked = self._asked().where(owned(caller), *filter.clauses())
        if before is not None:
            at, last = before
            asked = asked.where(or_(PUSH.c.created_at < at, and_(PUSH.c.created_at == at, PUSH.c.id < last)))
        asked = asked.order_by(PUSH.c.created_at.desc(), PUSH.c.id.desc()).limit(limit)
        return list(session.connection().execute(asked))

    def attempts(self, session: Session, push_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
        """Attempts by push, in order."""
        found: dict[str, list[Row[Any]]] = {}
        asked = select(ATTEMPT).where(ATTEMPT.c.push_id.in_(push_ids)).order_by(ATTEMPT.c.id)
        for row in session.connection().execute(asked):
            found.setdefault(row.push_id, []).append(row)
        return found

    def proof(self, session: Session, alert_id: str) -> list[PushProof]:
        """Whether those concerned were notified, in the order of the pushes."""
        asked = select(PUSH.c.audience, PUSH.c.state, PUSH.c.reason, PUSH.c.delivered_at, PUSH.c.attempts)
        asked = asked.where(PUSH.c.alert_id == alert_id).order_by(PUSH.c.created_at, PUSH.c.id)
        return [PushProof(*row) for row in session.connection().execute(asked)]

    def overdue_since(self, session: Session) -> datetime | None:
        """When the oldest push of an active endpoint that still waits became due."""
        asked = (
            select(func.min(PUSH.c.due_at))
            .join(ENDPOINT, ENDPOINT.c.id == PUSH.c.endpoint_id)
            .where(PUSH.c.state.in_(PENDING), ENDPOINT.c.state == "active")
        )
        found: datetime | None = session.connection().execute(asked).scalar()
        return found

    def _visible(self, session: Session, push_id: str, caller: Caller) -> Row[Any]:
        row = session.connection().execute(self._asked().where(PUSH.c.id == push_id, owned(caller))).one_or_none()
        if row is None:
            raise NotFound("no such delivery")
        return row

    def _asked(self) -> Any:
        named = (ENDPOINT.c.address, ENDPOINT.c.state.label("endpoint_state"))
        columns = [column for column in PUSH.c if column.name != "notification"]
        return select(*columns, *named).join(ENDPOINT, ENDPOINT.c.id == PUSH.c.endpoint_id)


def owned(caller: Caller) -> ColumnElement[bool]:
    """Endpoints (and deliveries joined to them) of the caller. An officer's are those of divisions inside the own."""
    return visible(caller, Columns(ENDPOINT.c.credit_code, ENDPOINT.c.region, state_only=True))


def delivery(row: Row[Any], attempts: Sequence[Row[Any]]) -> dict[str, Any]:
    """A delivery as its owner sees it."""
    return {
        "id": row.id,
        "endpoint": row.endpoint_id,
        "url": row.address,
        "alert": row.alert_id,
        "event": row.event_id,
        "reason": row.reason,
        "state": row.state,
        "state_reason": row.state_reason,
        "created_at": row.created_at,
        "due_at": row.due_at if row.state in PENDING else None,
        "delivered_at": row.delivered_at,
        "attempts": [
            {
                "number": one.number,
                "at": one.at,
                "outcome": one.outcome,
                "reason": one.reason,
                "status": one.status,
                "latency_ms": one.latency_ms,
                "response": one.snippet,
            }
            for one in attempts
        ],
    }
