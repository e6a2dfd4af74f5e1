"""How many active endpoints each enterprise has and how many of them fail, as alerts published it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlmodel import Session, col, select

from services.permits.store.tables import EndpointCountRow, table_of
from shared.sql import bulk_upsert, chunks


@dataclass(frozen=True, slots=True)
class EndpointCount:
    credit_code: str
    endpoints: int
    revision: int
    failing: int = 0


def find(session: Session, credit_codes: Iterable[str]) -> dict[str, EndpointCount]:
    """By credit code; an enterprise without a published count is missing."""
    found: dict[str, EndpointCount] = {}
    for part in chunks(sorted(set(credit_codes))):
        rows = session.exec(select(EndpointCountRow).where(col(EndpointCountRow.credit_code).in_(part)))
        found.update(
            (row.credit_code, EndpointCount(row.credit_code, row.endpoints, row.revision, row.failing)) for row in rows
        )
    return found


def save(session: Session, counts: Sequence[EndpointCount]) -> None:
    bulk_upsert(session, table_of(EndpointCountRow), [asdict(one) for one in counts])
