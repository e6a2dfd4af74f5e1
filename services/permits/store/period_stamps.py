"""Which points probably stamp the end of their periods, as monitoring published it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from services.permits.store.tables import PeriodStampRow, table_of
from shared.sql import bulk_upsert, chunks


@dataclass(frozen=True, slots=True)
class PeriodStampReport:
    """What monitoring found of a point; `changed_at`: when, by the field clock."""

    mn: str
    probably_end: bool
    changed_at: datetime


def find(session: Session, mns: Iterable[str]) -> dict[str, PeriodStampReport]:
    """By MN; a point of which nothing was published is missing."""
    found: dict[str, PeriodStampReport] = {}
    for part in chunks(sorted(set(mns))):
        rows = session.exec(select(PeriodStampRow).where(col(PeriodStampRow.mn).in_(part)))
        found.update((row.mn, PeriodStampReport(row.mn, row.probably_end, row.changed_at)) for row in rows)
    return found


def save(session: Session, reports: Sequence[PeriodStampReport]) -> None:
    bulk_upsert(session, table_of(PeriodStampRow), [asdict(one) for one in reports])
