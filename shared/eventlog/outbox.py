"""A service's pending events, written in the transaction that made them true; a relay appends them to the log.

One relay a service at a time (lease). Rows go out `WHERE sent_at IS NULL ORDER BY id`: ids commit out of order, so a
position would skip. The relay gives each row its `stream_no`, the number that feeds and event lists page by. A crash
between append and mark sends an event twice: receivers know it by its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import JSON, LargeBinary, Table, insert
from sqlmodel import Field, Session, SQLModel

from shared.database import UtcDateTime, WideInteger, outbox_written
from shared.domain.errors import Invalid
from shared.domain.events import Event
from shared.eventlog.codec import encode_event
from shared.ports import LARGEST_BYTES
from shared.sql import bulk_insert

LARGEST_VALUE = LARGEST_BYTES - 64 * 1024  # key, headers and the log's own frame beside it


class OutboxColumns(SQLModel):
    """Mix into a service's own table: `class AlertsOutbox(OutboxColumns, AlertsTable, table=True)`."""

    id: int | None = Field(default=None, primary_key=True, sa_type=WideInteger)
    topic: str
    key: str
    event_id: str = Field(index=True)
    value: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    headers: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    stream_no: int | None = Field(default=None, index=True, unique=True, sa_type=WideInteger)


class LeaseColumns(SQLModel):
    """Mix into a service's own table: who may do a thing that only one may do at a time."""

    name: str = Field(primary_key=True)
    holder: str
    until: datetime = Field(sa_type=UtcDateTime)
    fence: int = 0


class Outbox:
    """Where handlers publish; `table` is the service's own outbox. A value that the log would refuse raises Invalid: a
    row that can never be sent would hold up all behind it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def publish(self, session: Session, topic: str, key: str, event: Event, *, wall_now: datetime) -> None:
        """Publish `event` on `topic` under `key`, if and only if this transaction commits."""
        self.put(session, topic, key, event.id, encode_event(event), wall_now=wall_now)

    def publish_all(
        self, session: Session, topic: str, events: Sequence[tuple[str, Event]], *, wall_now: datetime
    ) -> None:
        """The same for many (key, event) in one statement."""
        if events:
            shared: dict[str, object] = {"topic": topic, "headers": {}, "created_at": wall_now}
            rows = [
                {**shared, "key": key, "event_id": event.id, "value": _sendable(encode_event(event))}
                for key, event in events
            ]
            bulk_insert(session, self._table, rows)
            outbox_written(session)

    def put(
        self,
        session: Session,
        topic: str,
        key: str,
        event_id: str,
        value: bytes | None,
        *,
        wall_now: datetime,
        headers: dict[str, str] | None = None,
    ) -> None:
        """The same for a value that is not an event (a quarantined packet, a deleted key)."""
        session.connection().execute(
            insert(self._table).values(
                topic=topic,
                key=key,
                event_id=event_id,
                value=_sendable(value),
                headers=headers or {},
                created_at=wall_now,
            )
        )
        outbox_written(session)


def _sendable(value: bytes | None) -> bytes | None:
    if value is not None and len(value) > LARGEST_VALUE:
        raise Invalid(f"an event of {len(value)} bytes is too large", rule=f"at most {LARGEST_VALUE} bytes as JSON")
    return value
