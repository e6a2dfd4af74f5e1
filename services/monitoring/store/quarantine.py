"""Rows of what was not understood: kept, put back, dismissed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session

from services.monitoring.domain.quarantine import QuarantineReason, QuarantineState
from services.monitoring.store.tables import KEPT
from shared.ports import Record
from shared.sql import embedded

COMES_BACK = timedelta(days=7)  # a stranger's packets wait this long for their point to be registered


def origin(record: Record) -> str:
    """Where the bytes came from: the same record makes one row, however often it is read."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def keep(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """New rows; those of a known origin are there already."""
    if not rows:
        return
    make: Any = (sqlite_insert if embedded(session) else postgres_insert)(KEPT)
    session.connection().execute(
        make.on_conflict_do_nothing(index_elements=["origin"]), [_storable(row) for row in rows]
    )


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    """PostgreSQL's text knows no NUL; the bytes themselves are kept as they are."""
    return {name: value.replace("\x00", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}


def waiting_for(session: Session, mn: str, now: datetime) -> Sequence[Any]:
    """What was refused as unknown in the last 7 days and names this point."""
    k = KEPT.c
    wanted = select(KEPT).where(
        k.mn == mn,
        k.state == QuarantineState.KEPT.value,
        k.reason == QuarantineReason.UNKNOWN_POINT.value,
        k.received_at >= now - COMES_BACK,
    )
    return session.connection().execute(wanted.order_by(k.id)).all()


def come_back_by(session: Session, now_s: int, limit: int) -> Sequence[Any]:
    """Packets from the future whose time has come."""
    k = KEPT.c
    wanted = select(KEPT).where(k.state == QuarantineState.KEPT.value, k.comes_back_s <= now_s).order_by(k.id)
    return session.connection().execute(wanted.limit(limit)).all()


def find(session: Session, kept_id: int) -> Any:
    """The row, held for change; None when there is none."""
    return session.connection().execute(select(KEPT).where(KEPT.c.id == kept_id).with_for_update()).one_or_none()


def move(session: Session, kept_id: int, state: QuarantineState, *, at: datetime, by: str) -> None:
    values = {"state": state.value, "moved_at": at, "moved_by": by}
    session.connection().execute(update(KEPT).where(KEPT.c.id == kept_id).values(**values))


def stay(session: Session, kept_id: int) -> None:
    """It does not come back by itself: a person decides."""
    session.connection().execute(update(KEPT).where(KEPT.c.id == kept_id).values(comes_back_s=None))
