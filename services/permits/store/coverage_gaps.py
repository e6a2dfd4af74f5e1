"""Rows of points that no permit covers, or covered once they were told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from services.permits.domain.coverage_gap import GapAccount
from services.permits.store.tables import EnterpriseRow, GapRow, table_of
from shared.sql import bulk_upsert, chunks

GAP = table_of(GapRow)


@dataclass(frozen=True, slots=True)
class GapEntry:
    mn: str
    credit_code: str
    accounts: Mapping[str, GapAccount]
    look_again: date | None = None


def find(session: Session, mns: Iterable[str]) -> dict[str, GapEntry]:
    found: dict[str, GapEntry] = {}
    for part in chunks(sorted(set(mns))):
        rows = session.exec(select(GapRow).where(col(GapRow.mn).in_(part)).order_by(GapRow.mn).with_for_update())
        found.update((row.mn, _entry(row)) for row in rows)
    return found


def due(session: Session, today: date, *, limit: int) -> list[str]:
    """Enterprises with points to be looked at by `today`."""
    wanted = select(GapRow.credit_code).where(col(GapRow.look_again) <= today).distinct()
    return list(session.exec(wanted.order_by(GapRow.credit_code).limit(limit)))


def of_enterprise(session: Session, credit_code: str) -> list[str]:
    """MNs of the enterprise's points that were ever a gap."""
    return list(session.exec(select(GapRow.mn).where(GapRow.credit_code == credit_code).order_by(GapRow.mn)))


def save(session: Session, entries: Sequence[GapEntry]) -> None:
    bulk_upsert(session, GAP, [_row(entry) for entry in entries])


def look_again_in(session: Session, region: str, today: date) -> None:
    """Have every such point of a division (a prefix) looked at."""
    inside = select(EnterpriseRow.credit_code).where(col(EnterpriseRow.region).startswith(region, autoescape=True))
    session.connection().execute(update(GAP).where(GAP.c.credit_code.in_(inside)).values(look_again=today))


def look_again_of(session: Session, credit_codes: Sequence[str], today: date) -> None:
    """Have every such point of these enterprises looked at."""
    for part in chunks(credit_codes):
        session.connection().execute(update(GAP).where(GAP.c.credit_code.in_(part)).values(look_again=today))


def _entry(row: GapRow) -> GapEntry:
    accounts = {
        kind: GapAccount(one["revision"], datetime.fromisoformat(one["opened_at"]), one["open"])
        for kind, one in row.book.items()
    }
    return GapEntry(row.mn, row.credit_code, accounts, row.look_again)


def _row(entry: GapEntry) -> dict[str, object]:
    book = {
        kind: {"revision": one.revision, "opened_at": one.opened_at.isoformat(), "open": one.open}
        for kind, one in entry.accounts.items()
    }
    return {"mn": entry.mn, "credit_code": entry.credit_code, "look_again": entry.look_again, "book": book}
