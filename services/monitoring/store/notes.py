"""Notes on items of packets: one row for each item of a window, whatever packet carried it last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Row, delete, select, tuple_
from sqlmodel import Session

from services.monitoring.domain.item_note_row import NoteRow
from services.monitoring.domain.reading import PERIODS
from services.monitoring.store.tables import ITEM_NOTE
from shared.domain.item_note import ItemFault, ItemNote
from shared.sql import chunks, upsert

COMMAND_OF = {period: command for command, period in PERIODS.items()}
KEPT_WITH_VALUES = tuple(COMMAND_OF[period] for period in ("minute", "hour", "day"))


class NoteKey(NamedTuple):
    """What only one note of a point can be on. A tuple, because SQL compares rows with it."""

    at_s: int
    command: str
    factor: str
    field: str
    fault: str

    @classmethod
    def of(cls, row: NoteRow) -> NoteKey:
        return cls(row.at_s, row.command, row.note.factor, row.note.field, row.note.fault.value)


def write_notes(session: Session, rows: Collection[NoteRow]) -> None:
    """Upsert; of two on one item of one window the later written stands."""
    found = {(row.mn, NoteKey.of(row)): row for row in rows}
    upsert(session, ITEM_NOTE, [_columns(row) for row in found.values()])


def _columns(row: NoteRow) -> dict[str, object]:
    return {
        "mn": row.mn,
        "command": row.command,
        "at_s": row.at_s,
        "factor": row.note.factor,
        "field": row.note.field,
        "fault": row.note.fault.value,
        "value": row.note.value,
        "expected": row.note.expected,
        "source": row.source,
        "received_at_s": row.received_at_s,
    }


def notes_on(session: Session, mn: str, factor: str, period: str, starts: Sequence[int]) -> dict[int, list[NoteRow]]:
    """The notes on one factor, and on the packets as a whole, by start of the window."""
    n = ITEM_NOTE.c
    found: dict[int, list[NoteRow]] = {}
    for part in chunks(starts):
        wanted = select(ITEM_NOTE).where(
            n.mn == mn, n.command == COMMAND_OF[period], n.at_s.in_(part), n.factor.in_([factor, ""])
        )
        for row in session.connection().execute(wanted.order_by(n.factor, n.field, n.fault)):
            found.setdefault(row.at_s, []).append(_read(row))
    return found


def notes_between(
    session: Session, mn: str, *, low_s: int, high_s: int, after: NoteKey | None, limit: int
) -> list[NoteRow]:
    """The notes on a point's packets in order of time, from `low_s` on, before `high_s`; `after`: key of the last one seen."""
    n = ITEM_NOTE.c
    key = (n.at_s, n.command, n.factor, n.field, n.fault)
    wanted = select(ITEM_NOTE).where(n.mn == mn, n.at_s >= low_s, n.at_s < high_s)
    if after is not None:
        wanted = wanted.where(tuple_(*key) > after)
    return [_read(row) for row in session.connection().execute(wanted.order_by(*key).limit(limit))]


def forget_notes(session: Session, before_s: int) -> None:
    """Drop what is older and not about minutes, hours or days, whose values stay."""
    n = ITEM_NOTE.c
    session.connection().execute(delete(ITEM_NOTE).where(n.at_s < before_s, n.command.not_in(KEPT_WITH_VALUES)))


def _read(row: Row[tuple[object, ...]]) -> NoteRow:
    note = ItemNote(ItemFault(row.fault), row.factor, row.field, row.value, row.expected)
    return NoteRow(row.mn, row.command, row.at_s, note, row.source, row.received_at_s)
