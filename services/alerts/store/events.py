"""The CloudEvents that alerts published, in the order of the stream, as far as a caller may see them. What has no division
is for services (`handlers/endpoint_counts.py`) and shows to no caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session

from services.alerts.store.peer_notices import received
from services.alerts.store.peer_tables import RECIPIENT
from services.alerts.store.tables import OUTBOX
from shared.access import Caller, Columns, Subject, sees, visible
from shared.domain.events import ALERTS


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of the stream. `credit_code` None also when it is hidden from the enterprise. `recipients`: a peer
    notice's."""

    stream_no: int
    credit_code: str | None
    region: str | None
    value: bytes
    recipients: frozenset[str] = frozenset()
    kind: str | None = None


def events_after(
    session: Session, after: int, *, limit: int, caller: Caller | None = None, until: int | None = None
) -> list[StreamEvent]:
    """Events behind `after` in order; with a caller only those in its scope."""
    query = select(
        OUTBOX.c.stream_no, OUTBOX.c.credit_code, OUTBOX.c.region, OUTBOX.c.value, OUTBOX.c.notice_id, OUTBOX.c.kind
    )
    query = query.where(OUTBOX.c.topic == ALERTS, OUTBOX.c.stream_no > after, OUTBOX.c.value.is_not(None))
    query = query.where(OUTBOX.c.region.is_not(None))
    if until is not None:
        query = query.where(OUTBOX.c.stream_no <= until)
    if caller is not None:
        query = query.where(_visible(caller))
    rows = session.connection().execute(query.order_by(OUTBOX.c.stream_no).limit(limit)).all()
    to = _recipients(session, [row.notice_id for row in rows if row.notice_id])
    return [
        StreamEvent(
            row.stream_no, row.credit_code, row.region, bytes(row.value), to.get(row.notice_id, frozenset()), row.kind
        )
        for row in rows
    ]


def may_see(caller: Caller, event: StreamEvent) -> bool:
    """The same rule as `_visible` has in SQL."""
    return sees(caller, Subject(event.credit_code, event.region, event.kind, recipients=event.recipients))


def _visible(caller: Caller) -> ColumnElement[bool]:
    mine = OUTBOX.c.notice_id.in_(received(caller))
    return visible(caller, Columns(OUTBOX.c.credit_code, OUTBOX.c.region, OUTBOX.c.kind, received=mine))


def _recipients(session: Session, notice_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    if not notice_ids:
        return {}
    found: dict[str, set[str]] = {}
    query = select(RECIPIENT.c.notice_id, RECIPIENT.c.credit_code).where(RECIPIENT.c.notice_id.in_(notice_ids))
    for notice_id, credit_code in session.connection().execute(query):
        found.setdefault(notice_id, set()).add(credit_code)
    return {notice_id: frozenset(codes) for notice_id, codes in found.items()}


def last_stream_no(session: Session) -> int:
    """The greatest number of the stream, 0 when nothing was published."""
    return int(session.connection().execute(select(func.max(OUTBOX.c.stream_no))).scalar() or 0)
