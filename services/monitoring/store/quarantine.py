"""Rows of what could not be used: quarantined, put back, dismissed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import Row, select, update
from sqlmodel import Session

from services.monitoring.domain.quarantine import NewItem, QuarantineItem, QuarantineReason, QuarantineState
from services.monitoring.store.tables import KEPT
from shared.ports import Record
from shared.sql import embedded, insert_into

COMES_BACK = timedelta(days=7)  # packets of an unknown point wait this long for its registration
_FIELDS = tuple(field.name for field in fields(NewItem))


def origin(record: Record) -> str:
    """Where the bytes came from: the same record makes one row, however often it is read."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def add(session: Session, items: Sequence[NewItem]) -> None:
    """New items; those of a known origin are there already."""
    if not items:
        return
    statement = insert_into(KEPT, sqlite=embedded(session)).on_conflict_do_nothing(index_elements=["origin"])
    session.connection().execute(statement, [_columns(item) for item in items])


def _columns(item: NewItem) -> dict[str, object]:
    """PostgreSQL's text knows no NUL; the bytes themselves are stored as they are."""
    columns = {name: getattr(item, name) for name in _FIELDS}
    columns |= {"reason": item.reason.value, "state": QuarantineState.KEPT.value}
    return {
        name: value.replace("\x00", "\ufffd") if isinstance(value, str) else value for name, value in columns.items()
    }


def read_item(row: Row[object]) -> QuarantineItem:
    """From a row of the table's columns."""
    return QuarantineItem(
        id=row.id,
        mn=row.mn,
        reason=QuarantineReason(row.reason),
        detail=row.detail,
        state=QuarantineState(row.state),
        form=row.form,
        source=row.source,
        address=row.address,
        received_at=row.received_at,
        raw=row.raw,
        headers=row.headers or {},
        sealed_password=row.sealed_password,
        moved_at=row.moved_at,
        moved_by=row.moved_by,
    )


def waiting_for(session: Session, mn: str, now: datetime) -> list[QuarantineItem]:
    """What was refused as unknown in the last 7 days and names this point."""
    k = KEPT.c
    wanted = select(KEPT).where(
        k.mn == mn,
        k.state == QuarantineState.KEPT.value,
        k.reason == QuarantineReason.UNKNOWN_POINT.value,
        k.received_at >= now - COMES_BACK,
    )
    return [read_item(row) for row in session.connection().execute(wanted.order_by(k.id))]


def come_back_by(session: Session, now_s: int, limit: int) -> list[QuarantineItem]:
    """Packets from the future whose time has come."""
    k = KEPT.c
    wanted = select(KEPT).where(k.state == QuarantineState.KEPT.value, k.comes_back_s <= now_s).order_by(k.id)
    return [read_item(row) for row in session.connection().execute(wanted.limit(limit))]


def find(session: Session, item_id: int) -> QuarantineItem | None:
    """The item, locked for change; None when there is none."""
    row = session.connection().execute(select(KEPT).where(KEPT.c.id == item_id).with_for_update()).one_or_none()
    return read_item(row) if row is not None else None


def move(session: Session, item_id: int, state: QuarantineState, *, at: datetime, by: str) -> None:
    values = {"state": state.value, "moved_at": at, "moved_by": by}
    session.connection().execute(update(KEPT).where(KEPT.c.id == item_id).values(**values))


def stay(session: Session, item_id: int) -> None:
    """It does not come back by itself: a person decides."""
    session.connection().execute(update(KEPT).where(KEPT.c.id == item_id).values(comes_back_s=None))
