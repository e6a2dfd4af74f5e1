"""How many active endpoints each enterprise has, as heard from alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlmodel import Session, col, select

from services.permits.store.tables import ReachRow, table_of
from shared.sql import bulk_upsert, chunks


@dataclass(frozen=True, slots=True)
class Reach:
    credit_code: str
    endpoints: int
    revision: int


def find(session: Session, credit_codes: Iterable[str]) -> dict[str, Reach]:
    """By credit code; an enterprise nobody spoke of is missing."""
    found: dict[str, Reach] = {}
    for part in chunks(sorted(set(credit_codes))):
        rows = session.exec(select(ReachRow).where(col(ReachRow.credit_code).in_(part)))
        found.update((row.credit_code, Reach(row.credit_code, row.endpoints, row.revision)) for row in rows)
    return found


def save(session: Session, reaches: Sequence[Reach]) -> None:
    bulk_upsert(session, table_of(ReachRow), [asdict(one) for one in reaches])
