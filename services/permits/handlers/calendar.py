"""The working-day calendar: seeded rows that an operator can correct, and what is decided again when a year's notice comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache

from sqlmodel import Session

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.permit import Period
from services.permits.domain.renewal import APPLY_BEFORE, FAR
from services.permits.handlers.publishing import Registrar, Written
from services.permits.importing.holidays import Notice, seeded_notices
from services.permits.store import calendar as store
from services.permits.store import renewals
from services.permits.store.calendar import YearEntry
from shared.domain.errors import Invalid, NotFound

NEIGHBOURS = timedelta(days=31)  # a notice moves days of the weeks around its year, too
LONGEST_HOLIDAY = timedelta(days=31)
YEARS = range(1990, 2200)


@cache
def _seeds() -> tuple[Notice, ...]:
    return tuple(seeded_notices())


def calendar(session: Session) -> WorkCalendar:
    """The calendar of the rows; a year that is seeded and has no row yet counts as seeded."""
    notices = {one.year: one for one in _seeds()}
    notices |= {row.year: Notice(row.year, row.holidays, row.workdays, row.source) for row in store.years(session)}
    differing: dict[date, bool] = {}
    for _, notice in sorted(notices.items()):
        differing |= notice.differing()
    return WorkCalendar(differing, frozenset(notices))


def unseeded(known: set[int]) -> list[Notice]:
    """Seeded years that have no row yet."""
    return [one for one in _seeds() if one.year not in known]


def seed(session: Session, now: datetime) -> list[int]:
    """Rows for the seeded years that have none. Nothing was ever decided by years that were there from the first start."""
    known = {row.year for row in store.years(session)}
    missing = unseeded(known)
    entries = [YearEntry(one.year, one.holidays, one.workdays, one.source, now, applied=not known) for one in missing]
    store.save_years(session, entries)
    return [one.year for one in entries]


def apply_notices(session: Session, today: date) -> int:
    """Have the permits evaluated that depend on years whose notice is new; how many that are."""
    changed = [row for row in store.years(session) if not row.applied]
    touched = [_touched(row.year, today) for row in changed]
    scheduled = sum(renewals.schedule_checks_of_ends(session, ends.first, ends.last, today) for ends in touched)
    store.save_years(session, [replace(row, applied=True) for row in changed])
    return scheduled


def _touched(year: int, today: date) -> Period:
    """Ends whose last day to apply, or whose term to decide, may lie in the year, as far as anything was published of
    them."""
    first = date(year, 1, 1)
    last = date(year, 12, 31) + APPLY_BEFORE + LONGEST_HOLIDAY
    return Period(first, min(last, today + FAR))


def put_year(
    registrar: Registrar,
    session: Session,
    *,
    year: int,
    holidays: Sequence[date],
    workdays: Sequence[date],
    source: str,
) -> Written[YearEntry]:
    """Load or correct a year's notice; what was decided by it is decided again at the next sweep."""
    _must_belong(year, holidays, workdays)
    former = store.find_year(session, year, lock=True)
    wanted = YearEntry(year, tuple(sorted(set(holidays))), tuple(sorted(set(workdays))), source, registrar.now())
    same = former and (former.holidays, former.workdays, former.source) == (
        wanted.holidays,
        wanted.workdays,
        wanted.source,
    )
    if former is not None and same:
        return Written(former, created=False, changed=False)
    entry = replace(wanted, revision=former.revision + 1 if former else 1)
    store.save_years(session, [entry])
    return Written(entry, created=former is None, changed=True)


def _must_belong(year: int, holidays: Sequence[date], workdays: Sequence[date]) -> None:
    if year not in YEARS:
        raise Invalid(f"year {year} is out of range", field="year", value=year, rule=f"{YEARS[0]} to {YEARS[-1]}")
    first, last = date(year, 1, 1) - NEIGHBOURS, date(year, 12, 31) + NEIGHBOURS
    for field, days in (("holidays", holidays), ("workdays", workdays)):
        for i, day in enumerate(days):
            if not first <= day <= last:
                raise Invalid(
                    f"{field}[{i}] {day} is not of {year}",
                    field=f"{field}[{i}]",
                    value=day.isoformat(),
                    rule=f"a day between {first} and {last}",
                )
    both = sorted(set(holidays) & set(workdays))
    if both:
        raise Invalid(
            f"{both[0]} is both", field="workdays", value=both[0].isoformat(), rule="a day is free or worked, not both"
        )


def one_year(session: Session, year: int) -> YearEntry:
    """A year's notice; raises NotFound for one that is not published."""
    entry = store.find_year(session, year) or next(
        (
            YearEntry(one.year, one.holidays, one.workdays, one.source, datetime.fromisoformat("1990-01-01T00:00Z"))
            for one in _seeds()
            if one.year == year
        ),
        None,
    )
    if entry is None:
        raise NotFound(f"the notice of {year} is not loaded")
    return entry
