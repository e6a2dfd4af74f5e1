"""Rows of renewals: a permit's timeline, the risks that were published of it, and the day of its next evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from sqlalchemy import Row, Select, case, func, select, tuple_, update
from sqlmodel import Session

from services.permits.domain.encoding import decode, encode
from services.permits.domain.enterprise import EnterpriseDocument
from services.permits.domain.obligation import PublishedRisk, PublishedRisks
from services.permits.domain.renewal import Filing, Timeline
from services.permits.store.register import in_scope
from services.permits.store.tables import EnterpriseRow, RenewalRow, table_of
from shared.access import Caller
from shared.domain.json import JsonObject
from shared.sql import bulk_upsert, chunks

RENEWAL, ENTERPRISE = table_of(RenewalRow), table_of(EnterpriseRow)
R, E = RENEWAL.c, ENTERPRISE.c
KINDS = ("renewal", "desk")
FILING = tuple(field.name for field in fields(Filing))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk through the rows is: behind the row with this day (next_check_on or valid_to) and number."""

    day: date
    number: str


FIRST = Place(date.min, "")


@dataclass(frozen=True, slots=True)
class RenewalEntry:
    """One permit's row. `holder`: the enterprise's document, where it was loaded beside it."""

    number: str
    credit_code: str
    line: Timeline
    published: PublishedRisks
    valid_to: date
    next_check_on: date | None = None
    discharged_on: date | None = None
    holder: EnterpriseDocument | None = None


def find(session: Session, numbers: Iterable[str]) -> dict[str, RenewalEntry]:
    """The rows of these permits, locked, in the order of their numbers."""
    found: dict[str, RenewalEntry] = {}
    for part in chunks(sorted(set(numbers))):
        rows = session.connection().execute(_locked().where(R.number.in_(part)).order_by(R.number))
        found.update((row.number, _entry(row)) for row in rows)
    return found


def due(session: Session, today: date, *, limit: int, after: Place = FIRST) -> list[RenewalEntry]:
    """Rows to be evaluated by `today`, the longest due first; what another replica works on is passed over."""
    behind = tuple_(R.next_check_on, R.number) > (after.day, after.number)
    wanted = _locked(skip=True).where(R.next_check_on <= today, behind)
    rows = session.connection().execute(wanted.order_by(R.next_check_on, R.number).limit(limit))
    return [_entry(row) for row in rows]


def ending_by(session: Session, caller: Caller, last: date, *, limit: int, after: Place = FIRST) -> list[RenewalEntry]:
    """Permits whose end, as it counted at the last evaluation, is not after `last`; the first to end first."""
    behind = tuple_(R.valid_to, R.number) > (after.day, after.number)
    wanted = _with_holder().where(R.valid_to <= last, in_scope(caller), behind)
    rows = session.connection().execute(wanted.order_by(R.valid_to, R.number).limit(limit))
    return [_entry(row) for row in rows]


def save(session: Session, entries: Sequence[RenewalEntry]) -> None:
    bulk_upsert(session, RENEWAL, [_row(entry) for entry in entries])


def schedule_checks_of_ends(session: Session, first: date, last: date, today: date) -> int:
    """Have every permit that ends in this span evaluated; how many. What is due earlier stays so."""
    wanted = R.valid_to.between(first, last)
    sooner = case((R.next_check_on < today, R.next_check_on), else_=today)
    return int(session.connection().execute(update(RENEWAL).where(wanted).values(next_check_on=sooner)).rowcount)


def oldest_due(session: Session) -> date | None:
    """The earliest day on which a row is to be evaluated; rows that only an edit or a discharge can change have none."""
    return session.connection().execute(select(func.min(R.next_check_on))).scalar()


def _with_holder() -> Select[tuple[Any, ...]]:
    return select(RENEWAL, E.document.label("holder")).join_from(RENEWAL, ENTERPRISE, E.credit_code == R.credit_code)


def _locked(*, skip: bool = False) -> Select[tuple[Any, ...]]:
    return _with_holder().with_for_update(of=RENEWAL, skip_locked=skip)


def _entry(row: Row[tuple[Any, ...]]) -> RenewalEntry:
    return RenewalEntry(
        number=row.number,
        credit_code=row.credit_code,
        line=Timeline(tuple(_filing(days) for days in row.line)),
        published=_published(row.published),
        valid_to=row.valid_to,
        next_check_on=row.next_check_on,
        discharged_on=row.discharged_on,
        holder=decode(row.holder, EnterpriseDocument),
    )


def _row(entry: RenewalEntry) -> dict[str, object]:
    risks = {"renewal": entry.published.renewal, "desk": entry.published.desk}
    return {
        "number": entry.number,
        "credit_code": entry.credit_code,
        "valid_to": entry.valid_to,
        "next_check_on": entry.next_check_on,
        "discharged_on": entry.discharged_on,
        "line": [list(encode(filing).values()) for filing in entry.line.filings],
        "published": {
            kind: {valid_to.isoformat(): encode(risk) for valid_to, risk in by_end.items()}
            for kind, by_end in risks.items()
            if by_end
        },
    }


def _filing(days: Sequence[str | None]) -> Filing:
    """A row of the timeline: the filing's days in their order; rows of before have fewer."""
    return decode(dict(zip(FILING, days, strict=False)), Filing)


def _published(by_kind: Mapping[str, Mapping[str, JsonObject]]) -> PublishedRisks:
    return PublishedRisks(*(_risks(by_kind.get(kind, {})) for kind in KINDS))


def _risks(by_end: Mapping[str, JsonObject]) -> dict[date, PublishedRisk]:
    return {date.fromisoformat(valid_to): decode(risk, PublishedRisk) for valid_to, risk in by_end.items()}
