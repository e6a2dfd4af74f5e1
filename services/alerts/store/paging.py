"""Where a page of a list begins: behind a row, by its time and its id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, true
from sqlalchemy.sql.elements import SQLCoreOperations


@dataclass(frozen=True, slots=True)
class Position:
    """The row behind which a page begins."""

    at: datetime
    id: str


def older_than(
    position: Position | None, at: SQLCoreOperations[datetime], row_id: SQLCoreOperations[str]
) -> ColumnElement[bool]:
    """Rows behind the position in a list with the newest first; all rows without a position."""
    if position is None:
        return true()
    return or_(at < position.at, and_(at == position.at, row_id < position.id))


def newer_than(
    position: Position | None, at: SQLCoreOperations[datetime], row_id: SQLCoreOperations[str]
) -> ColumnElement[bool]:
    """Rows behind the position in a list in order of creation; all rows without a position."""
    if position is None:
        return true()
    return or_(at > position.at, and_(at == position.at, row_id > position.id))
