"""Publishes how many active endpoints an enterprise has, whenever that changed: other services see whom no alert reaches.

The event goes to the log only; it has no division, so no caller's list shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select, update
from sqlmodel import Session

from services.alerts.store.tables import ENDPOINT, ENDPOINT_COUNT, OUTBOX
from shared.domain.clock import Clock
from shared.domain.events import ALERTS, ENDPOINT_COUNT_CHANGED, Event
from shared.domain.json import JsonObject
from shared.eventlog.outbox import Outbox
from shared.sql import insert_new

_OUTBOX = Outbox(OUTBOX)
_ACTIVE = func.coalesce(func.sum(case((ENDPOINT.c.state == "active", 1), else_=0)), 0)


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """Publishes how many active endpoints an enterprise has."""

    clock: Clock

    def publish(self, session: Session, credit_codes: Iterable[str | None]) -> None:
        """Publish the count of each of these enterprises where it differs from the last published one.

        The last thing in a transaction: its locks come after all others."""
        codes = sorted({code for code in credit_codes if code is not None})
        for code in _stale(session, codes) if codes else ():
            event = _counted(session, code, self.clock.field_now())
            if event is not None:
                _OUTBOX.publish(session, ALERTS, code, event, wall_now=self.clock.wall_now())


def _stale(session: Session, codes: Sequence[str]) -> Sequence[str]:
    """Those whose count differs from the last published one; one statement, so that both numbers are of one moment."""
    query = (
        select(ENDPOINT.c.credit_code)
        .outerjoin(ENDPOINT_COUNT, ENDPOINT_COUNT.c.credit_code == ENDPOINT.c.credit_code)
        .where(ENDPOINT.c.credit_code.in_(codes))
        .group_by(ENDPOINT.c.credit_code, ENDPOINT_COUNT.c.endpoints)
        .having(func.coalesce(ENDPOINT_COUNT.c.endpoints, 0) != _ACTIVE)
        .order_by(ENDPOINT.c.credit_code)
    )
    return session.connection().execute(query).scalars().all()


def _counted(session: Session, code: str, now: datetime) -> Event | None:
    """Count again under the enterprise's lock: what another has changed meanwhile is committed by then."""
    connection, mine = session.connection(), ENDPOINT_COUNT.c.credit_code == code
    insert_new(session, ENDPOINT_COUNT, [{"credit_code": code, "endpoints": 0, "revision": 0}])
    last = connection.execute(select(ENDPOINT_COUNT).where(mine).with_for_update()).one()
    endpoints = int(connection.execute(select(_ACTIVE).where(ENDPOINT.c.credit_code == code)).scalar_one())
    if endpoints == last.endpoints:
        return None
    connection.execute(update(ENDPOINT_COUNT).where(mine).values(endpoints=endpoints, revision=last.revision + 1))
    data: JsonObject = {"credit_code": code, "endpoints": endpoints}
    return Event(ENDPOINT_COUNT_CHANGED, "/alerts", f"reach:{code}", last.revision + 1, now, data)
