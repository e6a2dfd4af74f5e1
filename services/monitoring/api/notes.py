"""What was wrong with single items of a point's packets: bad ones that were left out, odd ones that were mended."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from services.monitoring.api.requests import Cursor, From, Limit, To, span_of
from services.monitoring.api.responses import ItemNoteOut, shown_time
from services.monitoring.api.scope import point_seen
from services.monitoring.api.series import PointReader
from services.monitoring.domain.item_note_row import NoteRow
from services.monitoring.store.notes import NoteKey, notes_between
from shared.database import Database
from shared.runtime.web import Page, cursor, read_cursor


class PointNoteOut(BaseModel):
    """A note with the packet that it is on. `at`: the start of the packet's window, or when it came."""

    command: str
    at: str
    note: ItemNoteOut
    source: str
    received_at: str


def add_notes(router: APIRouter, database: Database) -> None:
    """GET notes."""

    @router.get("/points/{mn}/notes", tags=["points"], summary="数据项说明 / Notes on a point's items")
    def read_notes(
        caller: PointReader, mn: str, since: From = None, to: To = None, after: Cursor = None, limit: Limit = 200
    ) -> Page[PointNoteOut]:
        """Bad or odd items of packets that were taken, oldest first: factor, field, what stood there, what was expected."""
        span = span_of(since, to)
        behind = read_cursor(after, int, str, str, str, str)
        with database.read() as session:
            point_seen(session, caller, mn)
            key = NoteKey(*behind) if behind else None
            rows = notes_between(session, mn, low_s=span.low_s, high_s=span.high_s, after=key, limit=limit + 1)
        following = cursor(*NoteKey.of(rows[limit - 1])) if len(rows) > limit else None
        return Page(items=[_out(row) for row in rows[:limit]], next=following)


def _out(row: NoteRow) -> PointNoteOut:
    return PointNoteOut(
        command=row.command,
        at=shown_time(row.at_s),
        note=ItemNoteOut.of(row.note),
        source=row.source,
        received_at=shown_time(row.received_at_s),
    )
