"""The states of endpoints in SQL: which are failing at a moment, and how many are in each state."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlmodel import Session

from services.alerts.domain.endpoint_state import FAILS_AFTER, EndpointState
from services.alerts.store.tables import ENDPOINT


def is_failing(now: datetime) -> ColumnElement[bool]:
    """`shown_state` is failing."""
    since = ENDPOINT.c.failing_since
    return and_(ENDPOINT.c.state == EndpointState.ACTIVE.value, since.is_not(None), since <= now - FAILS_AFTER)


def in_state(state: EndpointState, now: datetime) -> ColumnElement[bool]:
    """`shown_state` is `state`."""
    if state is EndpointState.FAILING:
        return is_failing(now)
    stored = ENDPOINT.c.state == state.value
    if state is not EndpointState.ACTIVE:
        return stored
    since = ENDPOINT.c.failing_since
    return and_(stored, or_(since.is_(None), since > now - FAILS_AFTER))


def count_by_state(session: Session, now: datetime) -> dict[EndpointState, int]:
    """How many endpoints are in each state; each state but `deleted` is a key."""
    state = case((is_failing(now), literal(EndpointState.FAILING.value)), else_=ENDPOINT.c.state).label("shown")
    inner = select(state).where(ENDPOINT.c.state != EndpointState.DELETED.value).subquery()
    query = select(inner.c.shown, func.count()).group_by(inner.c.shown)
    found = {EndpointState(row[0]): row[1] for row in session.connection().execute(query)}
    return {one: found.get(one, 0) for one in EndpointState if one is not EndpointState.DELETED}
