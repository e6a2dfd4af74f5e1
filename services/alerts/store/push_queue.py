"""Pushes that are due: claimed under a lease, and marked when an attempt is over.

A claim raises the push's fence; whoever was overtaken (its lease ran out, the push was replayed or cancelled) marks
nothing. On PostgreSQL several senders claim side by side (SKIP LOCKED).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlmodel import Session

from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.notification import Notification
from services.alerts.domain.retry import Schedule
from services.alerts.store.endpoints import SealedSecrets, sealed_secrets
from services.alerts.store.pushes import PENDING, PushState
from services.alerts.store.sql_types import SqlRow
from services.alerts.store.tables import ATTEMPT, ENDPOINT, PUSH

FORGET = timedelta(hours=240)  # a failure older than this does not count towards disabling
_FREE_AT = func.coalesce(PUSH.c.lease_until, PUSH.c.due_at)  # when it is due, or the end of another's lease


@dataclass(frozen=True, slots=True)
class Candidate:
    """A due push that may be claimed."""

    push_id: str
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A push that is leased until `lease_until`. `contact`: without its secret, which is `sealed`; `credit_code`: of the
    enterprise that owns the endpoint."""

    id: str
    endpoint_id: str
    alert_id: str | None
    audience: str
    contact: ContactPoint
    notification: Notification
    schedule: Schedule
    step: int
    attempts: int
    due_at: datetime
    lease_until: datetime
    fence: int
    struggling: bool
    credit_code: str | None
    sealed: SealedSecrets


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt came to. `next_attempt_at` None: never again. `disable`: why the endpoint is to be disabled."""

    push: Claimed
    at: datetime
    ended_at: datetime
    outcome: str
    reason: str
    status: int | None
    latency_ms: int
    snippet: str
    delivered: bool
    next_attempt_at: datetime | None
    disable: str | None = None


class PushQueue:
    """Every method works inside the caller's session. `fail_for`: only failures for so long disable an endpoint."""

    def __init__(self, *, lease: timedelta, fail_for: timedelta) -> None:
        self._lease = lease
        self._fail_for = fail_for

    def next_due(self, session: Session) -> datetime | None:
        """When the next push is due or the next lease runs out; None when nothing waits."""
        query = select(func.min(_FREE_AT)).join(ENDPOINT, ENDPOINT.c.id == PUSH.c.endpoint_id)
        found: datetime | None = (
            session.connection().execute(query.where(PUSH.c.state.in_(PENDING), ENDPOINT.c.state == "active")).scalar()
        )
        return found

    def claim(
        self, session: Session, now: datetime, *, limit: int, held: Mapping[str, int], a_lane: int
    ) -> list[Claimed]:
        """Up to `limit` due pushes, at most `a_lane` an endpoint less those `held` already."""
        if limit <= 0:
            return []
        full = [endpoint_id for endpoint_id, count in held.items() if count >= a_lane]
        chosen, in_lane = [], dict(held)
        for one in self._candidates(session, now, limit=limit, full=full, a_lane=a_lane):
            in_lane[one.endpoint_id] = in_lane.get(one.endpoint_id, 0) + 1
            if in_lane[one.endpoint_id] <= a_lane:
                chosen.append(one.push_id)
        return self._take(session, chosen, now) if chosen else []

    def _candidates(
        self, session: Session, now: datetime, *, limit: int, full: Sequence[str], a_lane: int
    ) -> list[Candidate]:
        place = func.row_number().over(partition_by=PUSH.c.endpoint_id, order_by=(PUSH.c.due_at, PUSH.c.id))
        due = (
            select(PUSH.c.id, PUSH.c.endpoint_id, PUSH.c.due_at, place.label("place"))
            .join(ENDPOINT, ENDPOINT.c.id == PUSH.c.endpoint_id)
            .where(_due(now), ENDPOINT.c.state == "active", PUSH.c.endpoint_id.not_in(full))
            .subquery()
        )
        query = select(due.c.id, due.c.endpoint_id).where(due.c.place <= a_lane).order_by(due.c.due_at, due.c.id)
        return [Candidate(row.id, row.endpoint_id) for row in session.connection().execute(query.limit(limit))]

    def _take(self, session: Session, ids: Sequence[str], now: datetime) -> list[Claimed]:
        connection, until = session.connection(), now + self._lease
        free = select(PUSH.c.id).where(PUSH.c.id.in_(ids), _due(now)).with_for_update(skip_locked=True)
        ours = connection.execute(free).scalars().all()
        connection.execute(
            update(PUSH)
            .where(PUSH.c.id.in_(ours))
            .values(state=PushState.SENDING.value, lease_until=until, fence=PUSH.c.fence + 1)
        )
        pushes = connection.execute(select(PUSH).where(PUSH.c.id.in_(ours)).order_by(PUSH.c.due_at, PUSH.c.id)).all()
        endpoint_ids = {push.endpoint_id for push in pushes}
        endpoints = {row.id: row for row in connection.execute(select(ENDPOINT).where(ENDPOINT.c.id.in_(endpoint_ids)))}
        return [_claimed(push, endpoints[push.endpoint_id], until) for push in pushes]

    def release_all(self, session: Session) -> int:
        """At the start of the only sender there is: what a dead predecessor held is due at once."""
        freed = session.connection().execute(
            update(PUSH)
            .where(PUSH.c.state == PushState.SENDING.value)
            .values(state=PushState.DUE.value, lease_until=None, fence=PUSH.c.fence + 1)
        )
        return freed.rowcount

    def release(self, session: Session, pushes: Sequence[Claimed]) -> None:
        """Give back what was not tried."""
        for push in pushes:
            session.connection().execute(
                update(PUSH).where(_ours(push)).values(state=PushState.DUE.value, lease_until=None)
            )

    def mark(self, session: Session, result: Result) -> bool:
        """The attempt into its row, push and endpoint onwards; False when the push is no longer ours."""
        push, connection = result.push, session.connection()
        connection.execute(
            insert(ATTEMPT).values(
                push_id=push.id,
                number=push.attempts + 1,
                at=result.at,
                outcome=result.outcome,
                reason=result.reason,
                status=result.status,
                latency_ms=result.latency_ms,
                snippet=result.snippet,
            )
        )
        ours = connection.execute(update(PUSH).where(_ours(push)).values(**_after(result))).rowcount == 1
        self._mark_endpoint(session, result)
        return ours

    def _mark_endpoint(self, session: Session, result: Result) -> None:
        connection, mine = session.connection(), ENDPOINT.c.id == result.push.endpoint_id
        if result.delivered:
            connection.execute(
                update(ENDPOINT)
                .where(mine)
                .values(last_success_at=result.ended_at, failing_since=None, last_failure_at=None)
            )
            return
        now = result.ended_at
        row = connection.execute(select(ENDPOINT).where(mine).with_for_update()).one()
        remembered = row.last_failure_at is not None and now - row.last_failure_at <= FORGET
        since = row.failing_since if remembered and row.failing_since else now
        values: dict[str, object] = {"failing_since": since, "last_failure_at": now}
        reason = result.disable or ("only_failures" if now - since >= self._fail_for else None)
        if reason and row.state == "active":
            values |= {"state": "disabled", "state_reason": reason, "state_at": now}
        connection.execute(update(ENDPOINT).where(mine).values(**values))


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(PUSH.c.state == PushState.DUE.value, PUSH.c.due_at <= now),
        and_(PUSH.c.state == PushState.SENDING.value, PUSH.c.lease_until < now),
    )


def _ours(push: Claimed) -> ColumnElement[bool]:
    return and_(PUSH.c.id == push.id, PUSH.c.fence == push.fence, PUSH.c.state == PushState.SENDING.value)


def _after(result: Result) -> dict[str, object]:
    values: dict[str, object] = {"attempts": PUSH.c.attempts + 1, "lease_until": None}
    if result.delivered:
        return {**values, "state": PushState.DELIVERED.value, "state_reason": None, "delivered_at": result.ended_at}
    if result.next_attempt_at is None:
        reason = "exhausted" if result.outcome == "later" else result.reason
        return {**values, "state": PushState.FAILED.value, "state_reason": reason}
    return {
        **values,
        "state": PushState.DUE.value,
        "state_reason": result.reason,
        "due_at": result.next_attempt_at,
        "step": PUSH.c.step + 1,
    }


def _claimed(push: SqlRow, endpoint: SqlRow, until: datetime) -> Claimed:
    return Claimed(
        id=push.id,
        endpoint_id=push.endpoint_id,
        alert_id=push.alert_id,
        audience=push.audience,
        contact=ContactPoint(endpoint.kind, endpoint.address),
        notification=Notification(push.notification),
        schedule=Schedule(tuple(push.schedule_s)),
        step=push.step,
        attempts=push.attempts,
        due_at=push.due_at,
        lease_until=until,
        fence=push.fence,
        struggling=endpoint.failing_since is not None,
        credit_code=endpoint.credit_code,
        sealed=sealed_secrets(endpoint),
    )
