"""Rows of the working-day calendar: one notice a year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from services.permits.store.tables import CalendarYearRow


@dataclass(frozen=True, slots=True)
class YearEntry:
    """`applied`: what stood on this year has been decided again."""

    year: int
    holidays: tuple[date, ...]
    workdays: tuple[date, ...]
    source: str
    recorded_at: datetime
    revision: int = 1
    applied: bool = False


def years(session: Session) -> list[YearEntry]:
    return [_entry(row) for row in session.exec(select(CalendarYearRow).order_by(col(CalendarYearRow.year)))]


def find_year(session: Session, year: int, *, lock: bool = False) -> YearEntry | None:
    row = session.get(CalendarYearRow, year, with_for_update=lock or None)
    return _entry(row) if row else None


def save_years(session: Session, entries: Sequence[YearEntry]) -> None:
    for one in entries:
        session.merge(
            CalendarYearRow(
                year=one.year,
                holidays=[day.isoformat() for day in one.holidays],
                workdays=[day.isoformat() for day in one.workdays],
                source=one.source,
                recorded_at=one.recorded_at,
                revision=one.revision,
                applied=one.applied,
            )
        )
    session.flush()


def _entry(row: CalendarYearRow) -> YearEntry:
    return YearEntry(
        row.year,
        tuple(map(date.fromisoformat, row.holidays)),
        tuple(map(date.fromisoformat, row.workdays)),
        row.source,
        row.recorded_at,
        row.revision,
        row.applied,
    )
