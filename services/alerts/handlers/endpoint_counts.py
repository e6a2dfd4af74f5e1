"""Publishes how many active endpoints an enterprise has, and how many of them fail, whenever that changed: other services see
whom no alert reaches.

The event goes to the log only; it has no division, so no caller's list shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlmodel import Session

from services.alerts.domain.endpoint_state import EndpointState
from services.alerts.store.endpoint_states import is_failing
from services.alerts.store.tables import ENDPOINT, ENDPOINT_COUNT, OUTBOX
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.events import ALERTS, ENDPOINT_COUNT_CHANGED, Event
from shared.domain.json import JsonObject
from shared.eventlog.outbox import Outbox
from shared.sql import insert_new

_OUTBOX = Outbox(OUTBOX)


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """Publishes how many active endpoints an enterprise has, and how many of them fail."""

    clock: Clock

    def publish(self, session: Session, credit_codes: Iterable[str | None]) -> None:
        """Publish the counts of each of these enterprises where they differ from the last published ones.

        The last thing in a transaction: its locks come after all others."""
        codes = sorted({code for code in credit_codes if code is not None})
        now = self.clock.wall_now()
        for code in _stale(session, now, codes) if codes else ():
            event = _counted(session, code, now, self.clock.field_now())
            if event is not None:
                _OUTBOX.publish(session, ALERTS, code, event, wall_now=now)


@dataclass(frozen=True, slots=True)
class FailingEndpoints:
    """An endpoint begins to fail by the passing of time alone, so the counts are compared at every tick."""

    database: Database
    counts: EndpointCounts

    def run(self, _field_now: datetime) -> None:
        """Publish the counts that changed since the last tick."""
        with self.database.read() as session:
            codes = _stale(session, self.counts.clock.wall_now(), None)
        if codes:
            with self.database.transaction() as session:
                self.counts.publish(session, codes)


def _active() -> ColumnElement[int]:
    return _how_many(ENDPOINT.c.state == EndpointState.ACTIVE.value)


def _failing(now: datetime) -> ColumnElement[int]:
    return _how_many(is_failing(now))


def _how_many(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((which, 1), else_=0)), 0)


def _stale(session: Session, now: datetime, codes: Sequence[str] | None) -> Sequence[str]:
    """Those (None: of all) whose counts differ from the last published ones; one statement, so that all numbers are of one
    moment."""
    last = ENDPOINT_COUNT.c
    query = (
        select(ENDPOINT.c.credit_code)
        .outerjoin(ENDPOINT_COUNT, last.credit_code == ENDPOINT.c.credit_code)
        .where(ENDPOINT.c.credit_code.is_not(None) if codes is None else ENDPOINT.c.credit_code.in_(codes))
        .group_by(ENDPOINT.c.credit_code, last.endpoints, last.failing)
        .having(or_(func.coalesce(last.endpoints, 0) != _active(), func.coalesce(last.failing, 0) != _failing(now)))
        .order_by(ENDPOINT.c.credit_code)
    )
    return session.connection().execute(query).scalars().all()


def _counted(session: Session, code: str, now: datetime, field_now: datetime) -> Event | None:
    """Count again under the enterprise's lock: what another has changed meanwhile is committed by then."""
    connection, mine = session.connection(), ENDPOINT_COUNT.c.credit_code == code
    insert_new(session, ENDPOINT_COUNT, [{"credit_code": code, "endpoints": 0, "failing": 0, "revision": 0}])
    last = connection.execute(select(ENDPOINT_COUNT).where(mine).with_for_update()).one()
    found = select(_active().label("active"), _failing(now).label("failing")).where(ENDPOINT.c.credit_code == code)
    row = connection.execute(found).one()
    endpoints, failing = int(row.active), int(row.failing)
    if (endpoints, failing) == (last.endpoints, last.failing):
        return None
    values = {"endpoints": endpoints, "failing": failing, "revision": last.revision + 1}
    connection.execute(update(ENDPOINT_COUNT).where(mine).values(**values))
    data: JsonObject = {"credit_code": code, "endpoints": endpoints, "failing": failing}
    return Event(ENDPOINT_COUNT_CHANGED, "/alerts", f"reach:{code}", last.revision + 1, field_now, data)
