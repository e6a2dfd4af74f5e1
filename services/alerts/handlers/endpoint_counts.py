"""Says of an enterprise how many active endpoints it has, whenever that changed: others see by it whom no warning reaches.

The event goes to the log only; it has no division, so no caller's list shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session

from services.alerts.store.tables import ENDPOINT, OUTBOX, REACH
from shared.domain.events import ALERTS, REACH_CHANGED, Event
from shared.eventlog.outbox import Outbox

_OUTBOX = Outbox(OUTBOX)
_ACTIVE = func.coalesce(func.sum(case((ENDPOINT.c.state == "active", 1), else_=0)), 0)


def say_reach(session: Session, credit_codes: Iterable[str | None], *, now: datetime, wall_now: datetime) -> None:
    """Where the endpoints of an enterprise are not as many as was said last, say how many they are."""
    codes = sorted({code for code in credit_codes if code is not None})
    for code in _stale(session, codes) if codes else ():
        event = _counted(session, code, now)
        if event is not None:
            _OUTBOX.publish(session, ALERTS, code, event, wall_now=wall_now)


def _stale(session: Session, codes: Sequence[str]) -> Sequence[str]:
    """Those of whom something else was said last; one statement, so that both numbers are of one moment."""
    asked = (
        select(ENDPOINT.c.credit_code)
        .outerjoin(REACH, REACH.c.credit_code == ENDPOINT.c.credit_code)
        .where(ENDPOINT.c.credit_code.in_(codes))
        .group_by(ENDPOINT.c.credit_code, REACH.c.endpoints)
        .having(func.coalesce(REACH.c.endpoints, 0) != _ACTIVE)
        .order_by(ENDPOINT.c.credit_code)
    )
    return session.connection().execute(asked).scalars().all()


def _counted(session: Session, code: str, now: datetime) -> Event | None:
    """Count again under the enterprise's lock: what another has changed meanwhile is committed by then."""
    connection, mine = session.connection(), REACH.c.credit_code == code
    new: Any = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
    connection.execute(new(REACH).values(credit_code=code, endpoints=0, revision=0).on_conflict_do_nothing())
    said = connection.execute(select(REACH).where(mine).with_for_update()).one()
    endpoints = int(connection.execute(select(_ACTIVE).where(ENDPOINT.c.credit_code == code)).scalar_one())
    if endpoints == said.endpoints:
        return None
    connection.execute(update(REACH).where(mine).values(endpoints=endpoints, revision=said.revision + 1))
    data = {"credit_code": code, "endpoints": endpoints}
    return Event(REACH_CHANGED, "/alerts", f"reach:{code}", said.revision + 1, now, data)
