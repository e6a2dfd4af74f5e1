"""Pages of lists: which rows, and the cursor of the next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from fastapi.responses import JSONResponse

from services.alerts.store.paging import Position
from services.alerts.store.sql_types import StoredDocument
from shared.domain.clock import parse_rfc3339
from shared.runtime.web import Page, cursor, read_cursor

Record = TypeVar("Record")
Item = TypeVar("Item")


def read_position(text: str | None) -> Position | None:
    """The row that a cursor stands behind; raises Invalid for one that was not given out here."""
    key = read_cursor(text, str, str)
    return Position(parse_rfc3339(str(key[0]), "cursor"), str(key[1])) if key else None


def page_of(
    records: Sequence[Record], limit: int, *, position: Callable[[Record], Position], item: Callable[[Record], Item]
) -> Page[Item]:
    """A page of `limit` out of one record more. `item`: how a record is shown."""
    last = position(records[limit - 1]) if len(records) > limit else None
    items = [item(record) for record in records[:limit]]
    return Page(items=items, next=cursor(last.at.isoformat(), last.id) if last else None)


def stored_page(
    records: Sequence[Record],
    limit: int,
    *,
    position: Callable[[Record], Position],
    item: Callable[[Record], StoredDocument],
) -> JSONResponse:
    """The same of stored documents. They leave as they are: nothing is dropped, and nothing is checked again for each reader."""
    return stored(page_of(records, limit, position=position, item=item))


def stored(page: Page[StoredDocument]) -> JSONResponse:
    """The answer of a page of stored documents."""
    return JSONResponse({"items": page.items, "next": page.next})
