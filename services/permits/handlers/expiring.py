"""Permits that run out soon, as seen on a day; reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from services.permits.domain.renewal import Expiry, Step, deadline, due_step
from services.permits.handlers.renewals import AsOf, renewed_entry
from services.permits.store import register, renewals
from services.permits.store.renewals import FIRST, Place, RenewalEntry
from shared.access import Caller

BATCH = 500  # rows a query


@dataclass(frozen=True, slots=True)
class ExpiringPermit:
    """A permit with its end as it counts on a day. `step`: of the warning, None when it waits for an application;
    `apply_by`: the last working day to apply; `place`: where a list goes on after it."""

    number: str
    credit_code: str
    name: str | None
    region: str | None
    valid_to: date
    left_days: int
    step: Step | None
    apply_by: date
    provisional: bool
    renewal_applied_on: date | None
    renewal_refused_on: date | None
    place: Place


def expiring(
    session: Session, caller: Caller, on: date, as_of: AsOf, *, within_days: int, limit: int, after: Place = FIRST
) -> list[ExpiringPermit]:
    """Permits with at most `within_days` left on a day, expired ones too; the first to end first."""
    found: list[ExpiringPermit] = []
    for entry in _ending(session, caller, on + timedelta(days=within_days), after):
        expiry = entry.line.on(on)
        if expiry.left_days(on) <= within_days:
            found.append(_expiring(entry, expiry, on, as_of))
        if len(found) == limit:
            break
    return found


def _ending(session: Session, caller: Caller, last: date, after: Place) -> Iterator[RenewalEntry]:
    """Rows whose end counted so at the last evaluation: on a later day an end can only have moved on, so none is
    missed."""
    while rows := renewals.ending_by(session, caller, last, limit=BATCH, after=after):
        blank = [row.number for row in rows if not row.line.filings]
        known = {one.number: one for one in register.find_permits(session, blank)} if blank else {}
        for row in rows:
            yield row if row.line.filings else renewed_entry(known[row.number], row)
        after = Place(rows[-1].valid_to, rows[-1].number)


def _expiring(entry: RenewalEntry, expiry: Expiry, on: date, as_of: AsOf) -> ExpiringPermit:
    step = due_step(expiry, on, discharged_on=entry.discharged_on, calendar=as_of.calendar)
    last = deadline(expiry.valid_to, as_of.calendar)
    return ExpiringPermit(
        number=entry.number,
        credit_code=entry.credit_code,
        name=entry.holder.name if entry.holder else None,
        region=entry.holder.region if entry.holder else None,
        valid_to=expiry.valid_to,
        left_days=expiry.left_days(on),
        step=None if expiry.stops_the_steps(on, entry.discharged_on) else step,
        apply_by=last.day,
        provisional=last.provisional,
        renewal_applied_on=expiry.applied_on,
        renewal_refused_on=expiry.refused_on,
        place=Place(entry.valid_to, entry.number),
    )
