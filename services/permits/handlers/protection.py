"""What is known of permits running out on a day, and of what enterprises lack to be protected; reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from services.permits.domain.coverage_gap import lacking
from services.permits.domain.renewal import Expiry, deadline, due_step
from services.permits.handlers.publishing import Registrar
from services.permits.handlers.renewals import Look, renewed_entry
from services.permits.store import endpoint_counts as reach
from services.permits.store import register, renewals
from services.permits.store.register import EnterpriseEntry
from services.permits.store.renewals import FIRST, Place, RenewalEntry
from shared.access import Caller

ASKED_AT_ONCE = 500
UNREACHED = "endpoint"  # nobody receives its warnings


@dataclass(frozen=True, slots=True)
class Expiring:
    """A permit and its end as it counts on a day; `place` is where a list goes on after it."""

    entry: RenewalEntry
    expiry: Expiry
    place: Place


def expiring(
    session: Session, caller: Caller, on: date, *, within_days: int, limit: int, after: Place = FIRST
) -> list[Expiring]:
    """Permits with at most so many days left on a day, expired ones too; the first to end first."""
    found: list[Expiring] = []
    for entry in _ending(session, caller, on + timedelta(days=within_days), after):
        expiry = entry.line.on(on)
        if expiry.left_days(on) <= within_days:
            found.append(Expiring(entry, expiry, (entry.valid_to, entry.number)))
        if len(found) == limit:
            break
    return found


def _ending(session: Session, caller: Caller, last: date, after: Place) -> Iterator[RenewalEntry]:
    """Rows whose end counted so at the last look: on a later day an end can only have moved on, so none is missed."""
    while rows := renewals.ending_by(session, caller, last, limit=ASKED_AT_ONCE, after=after):
        blank = [row.number for row in rows if not row.line.filings]
        known = {one.number: one for one in register.find_permits(session, blank)} if blank else {}
        for row in rows:
            yield row if row.line.filings else renewed_entry(known[row.number], row)
        after = (rows[-1].valid_to, rows[-1].number)


def expiring_view(one: Expiring, on: date, look: Look) -> dict[str, Any]:
    entry, expiry = one.entry, one.expiry
    step = due_step(expiry, on, discharged_on=entry.discharged_on, calendar=look.calendar)
    last = deadline(expiry.valid_to, look.calendar)
    return {
        "number": entry.number,
        "credit_code": entry.credit_code,
        "name": (entry.holder or {}).get("name"),
        "region": (entry.holder or {}).get("region"),
        "valid_to": expiry.valid_to.isoformat(),
        "left_days": expiry.left_days(on),
        "step": None if step is None or expiry.applied_on else step.value,
        "apply_by": last.day.isoformat(),
        "provisional": last.provisional,
        "renewal_applied_on": expiry.applied_on.isoformat() if expiry.applied_on else None,
    }


def coverage(registrar: Registrar, session: Session, entries: Sequence[EnterpriseEntry]) -> list[dict[str, Any]]:
    """Of each enterprise what it lacks; `endpoint` as far as alerts has told."""
    codes = [one.credit_code for one in entries]
    permits = register.permits_of_all(session, codes)
    points = register.points_of_all(session, codes, registrar.sealer)
    reached = {code for code, one in reach.find(session, codes).items() if one.endpoints}
    today = registrar.today()
    return [
        {
            "credit_code": one.credit_code,
            "name": one.document["name"],
            "region": one.region,
            "industry": one.document["industry"],
            "permits": len(permits.get(one.credit_code, ())),
            "points": sum(point.active for point in points.get(one.credit_code, ())),
            "lacks": [
                *lacking(permits.get(one.credit_code, ()), points.get(one.credit_code, ()), today),
                *(() if one.credit_code in reached else (UNREACHED,)),
            ],
        }
        for one in entries
    ]
