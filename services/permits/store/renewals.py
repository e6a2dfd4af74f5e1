"""Rows of renewals: a permit's timeline, its book of what was said, and the day to look again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import case, select, tuple_, update
from sqlmodel import Session, col

from services.permits.domain.obligation import Account, Book
from services.permits.domain.renewal import Filing, Timeline
from services.permits.store.register import in_scope
from services.permits.store.tables import EnterpriseRow, RenewalRow, table_of
from shared.access import Caller
from shared.sql import bulk_upsert, chunks

RENEWAL, ENTERPRISE = table_of(RenewalRow), table_of(EnterpriseRow)
R, E = RENEWAL.c, ENTERPRISE.c
Place = tuple[date, str]  # where a walk through the rows stands: (look_again or valid_to, number)
FIRST: Place = (date.min, "")


@dataclass(frozen=True, slots=True)
class RenewalEntry:
    """One permit's row. `holder`: the enterprise's document, where it was loaded beside it."""

    number: str
    credit_code: str
    line: Timeline
    book: Book
    valid_to: date
    look_again: date | None = None
    discharged_on: date | None = None
    holder: Mapping[str, Any] | None = None


def find(session: Session, numbers: Iterable[str]) -> dict[str, RenewalEntry]:
    """The rows of these permits, locked, in the order of their numbers."""
    found: dict[str, RenewalEntry] = {}
    for part in chunks(sorted(set(numbers))):
        rows = session.connection().execute(_with_holder().where(R.number.in_(part)).order_by(R.number))
        found.update((row.number, _entry(row)) for row in rows)
    return found


def due(session: Session, today: date, *, limit: int, after: Place = FIRST) -> list[RenewalEntry]:
    """Rows to be looked at by `today`, the longest due first; what another replica works on is passed over."""
    wanted = _with_holder(skip=True).where(R.look_again <= today, tuple_(R.look_again, R.number) > after)
    rows = session.connection().execute(wanted.order_by(R.look_again, R.number).limit(limit))
    return [_entry(row) for row in rows]


def ending_by(session: Session, caller: Caller, last: date, *, limit: int, after: Place = FIRST) -> list[RenewalEntry]:
    """Permits whose end, as it counted at the last look, is not after `last`; the first to end first."""
    wanted = (
        _columns()
        .where(R.valid_to <= last, in_scope(caller), tuple_(R.valid_to, R.number) > after)
        .order_by(R.valid_to, R.number)
        .limit(limit)
    )
    return [_entry(row) for row in session.connection().execute(wanted)]


def save(session: Session, entries: Sequence[RenewalEntry]) -> None:
    bulk_upsert(session, RENEWAL, [_row(entry) for entry in entries])


def look_again_at_ends(session: Session, first: date, last: date, today: date) -> int:
    """Have every permit that ends in this span looked at; how many. What is due earlier stays so."""
    wanted = R.valid_to.between(first, last)
    sooner = case((R.look_again < today, R.look_again), else_=today)
    return int(session.connection().execute(update(RENEWAL).where(wanted).values(look_again=sooner)).rowcount)


def _columns() -> Any:
    return select(RENEWAL, E.document.label("holder")).join_from(RENEWAL, ENTERPRISE, E.credit_code == R.credit_code)


def _with_holder(*, skip: bool = False) -> Any:
    return _columns().with_for_update(of=RENEWAL, skip_locked=skip)


def _entry(row: Any) -> RenewalEntry:
    return RenewalEntry(
        number=row.number,
        credit_code=row.credit_code,
        line=_line(row.line),
        book=_book(row.book),
        valid_to=row.valid_to,
        look_again=row.look_again,
        discharged_on=row.discharged_on,
        holder=row.holder,
    )


def _row(entry: RenewalEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "credit_code": entry.credit_code,
        "valid_to": entry.valid_to,
        "look_again": entry.look_again,
        "discharged_on": entry.discharged_on,
        "line": [[_text(day) for day in _days(one)] for one in entry.line.filings],
        "book": {
            name: {day.isoformat(): _account(account) for day, account in accounts.items()}
            for name, accounts in (("renewal", entry.book.renewal), ("desk", entry.book.desk))
            if accounts
        },
    }


def _days(one: Filing) -> tuple[date | None, ...]:
    return one.effective_from, one.valid_from, one.valid_to, one.applied_on, one.accepted_on


def _line(rows: Sequence[Sequence[str | None]]) -> Timeline:
    return Timeline(tuple(Filing(*map(_day, row)) for row in rows))  # type: ignore[arg-type]


def _account(one: Account) -> dict[str, Any]:
    return {
        "step": str(one.step),
        "revision": one.revision,
        "opened_at": one.opened_at.isoformat(),
        "by": one.by.isoformat(),
        "provisional": one.provisional,
        "open": one.open,
        "applied_on": _text(one.applied_on),
    }


def _book(row: Mapping[str, Mapping[str, Any]]) -> Book:
    return Book(_accounts(row.get("renewal")), _accounts(row.get("desk")))


def _accounts(rows: Mapping[str, Any] | None) -> dict[date, Account]:
    return {
        date.fromisoformat(day): Account(
            step=one["step"],
            revision=one["revision"],
            opened_at=datetime.fromisoformat(one["opened_at"]),
            by=date.fromisoformat(one["by"]),
            provisional=one["provisional"],
            open=one["open"],
            applied_on=_day(one["applied_on"]),
        )
        for day, one in (rows or {}).items()
    }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def oldest_due(session: Session) -> date | None:
    """The earliest day that waits for a look."""
    return session.connection().execute(select(col(RenewalRow.look_again)).order_by(R.look_again).limit(1)).scalar()
