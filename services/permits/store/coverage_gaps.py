"""Rows of points that no permit covers, or that one covered later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import update
from sqlmodel import Session, col, select

from services.permits.domain.coverage_gap import PublishedGap
from services.permits.domain.encoding import decode, encode
from services.permits.store.tables import EnterpriseRow, GapRow, table_of
from shared.sql import bulk_upsert, chunks

GAP = table_of(GapRow)


@dataclass(frozen=True, slots=True)
class GapEntry:
    """`published`: the risks of the point by kind; `next_check_on`: when it is evaluated without an edit."""

    mn: str
    credit_code: str
    published: Mapping[str, PublishedGap]
    next_check_on: date | None = None


def find(session: Session, mns: Iterable[str]) -> dict[str, GapEntry]:
    found: dict[str, GapEntry] = {}
    for part in chunks(sorted(set(mns))):
        rows = session.exec(select(GapRow).where(col(GapRow.mn).in_(part)).order_by(GapRow.mn).with_for_update())
        found.update((row.mn, _entry(row)) for row in rows)
    return found


def due(session: Session, today: date, *, limit: int) -> list[str]:
    """Enterprises with points to be evaluated by `today`."""
    wanted = select(GapRow.credit_code).where(col(GapRow.next_check_on) <= today).distinct()
    return list(session.exec(wanted.order_by(GapRow.credit_code).limit(limit)))


def of_enterprise(session: Session, credit_code: str) -> list[str]:
    """MNs of the enterprise's points that were ever a gap."""
    return list(session.exec(select(GapRow.mn).where(GapRow.credit_code == credit_code).order_by(GapRow.mn)))


def save(session: Session, entries: Sequence[GapEntry]) -> None:
    bulk_upsert(session, GAP, [_row(entry) for entry in entries])


def schedule_checks_in(session: Session, region: str, today: date) -> None:
    """Have every such point of a division (a prefix) evaluated."""
    inside = select(EnterpriseRow.credit_code).where(col(EnterpriseRow.region).startswith(region, autoescape=True))
    session.connection().execute(update(GAP).where(GAP.c.credit_code.in_(inside)).values(next_check_on=today))


def schedule_checks_of(session: Session, credit_codes: Sequence[str], today: date) -> None:
    """Have every such point of these enterprises evaluated."""
    for part in chunks(credit_codes):
        session.connection().execute(update(GAP).where(GAP.c.credit_code.in_(part)).values(next_check_on=today))


def _entry(row: GapRow) -> GapEntry:
    published = {kind: decode(risk, PublishedGap) for kind, risk in row.published.items()}
    return GapEntry(row.mn, row.credit_code, published, row.next_check_on)


def _row(entry: GapEntry) -> dict[str, object]:
    return {
        "mn": entry.mn,
        "credit_code": entry.credit_code,
        "next_check_on": entry.next_check_on,
        "published": {kind: encode(risk) for kind, risk in entry.published.items()},
    }
