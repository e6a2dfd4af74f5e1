"""Whether a permit is about to run out, and which step of the warning is new today.

Pure: a permit's timeline, what was published of it, a Shanghai day in; a decision with its reason out. Publishing is
handlers' work. A permit is valid through the end of `valid_to`; renewal is applied for 60 days before (排污许可管理条例 Art. 14).
Each step is published once for an expiry date; of several due at once only the gravest, the milder count as published. While an
application is pending none is, except that discharge after the end stays published beside an application that was filed after
the end: it stops nobody from discharging. An application that was withdrawn or refused is none: the step that holds by the dates
is published again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from services.permits.domain.calendar import ONE_DAY, WorkCalendar
from services.permits.domain.permit import Period, PermitHistory

APPLY_BEFORE = timedelta(days=60)  # Art. 14
STATUTORY_NOTICE = timedelta(days=14)
FAR, NEAR = timedelta(days=180), timedelta(days=90)


class Step(StrEnum):
    """The steps, the mildest first; names are conditions of the catalogue."""

    LEFT_180 = "left_180"
    LEFT_90 = "left_90"
    STATUTORY = "statutory"
    LATE = "late"
    EXPIRED_QUIET = "expired_quiet"
    EXPIRED_DISCHARGING = "expired_discharging"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Mapping[Step, int] = {step: rank for rank, step in enumerate(Step)}


class Reason(StrEnum):
    """Why something is published, or is not."""

    STEP_DUE = "a step is due"
    NOT_YET = "more than 180 days are left"
    ALREADY_PUBLISHED = "this step was published of this expiry date"
    APPLIED = "an application is pending"


@dataclass(frozen=True, slots=True)
class Filing:
    """What one version has of its end and of an application to renew."""

    effective_from: date
    valid_from: date
    valid_to: date
    applied_on: date | None = None
    accepted_on: date | None = None
    refused_on: date | None = None  # the application was withdrawn or refused


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a permit runs out, as seen on a day, and what is on file about it. `applied_on`, `accepted_on`: of an application
    that is pending; `refused_on`: of the last one when it is pending no longer; `applies_from`, `refused_from`: an application,
    or its end, that is dated later than today counts from then."""

    valid_to: date
    applied_on: date | None = None
    accepted_on: date | None = None
    refused_on: date | None = None
    applies_from: date | None = None
    refused_from: date | None = None

    def left_days(self, today: date) -> int:
        return (self.valid_to - today).days

    @property
    def applied_late(self) -> bool:
        """Whether the pending application was filed after the permit had expired."""
        return self.applied_on is not None and self.applied_on > self.valid_to

    def stops_the_steps(self, today: date, discharged_on: date | None) -> bool:
        """Whether an application is pending that the steps wait for: not one filed after the end while discharge is seen."""
        beside = self.applied_late and self.discharging(today, discharged_on)
        return self.applied_on is not None and not beside

    def discharging(self, today: date, discharged_on: date | None) -> bool:
        """Whether a discharge was seen after the end; `discharged_on`: the last day of one."""
        return today > self.valid_to and discharged_on is not None and discharged_on > self.valid_to


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that a permit's versions have of validity and applications, in order of `effective_from`."""

    filings: tuple[Filing, ...]

    def on(self, today: date) -> Expiry:
        """The end of the unbroken validity that holds `today`, or that held last before it (or will first hold)."""
        periods = self._periods()
        begun = [period for period in periods if period.first <= today]
        valid_to = (begun or periods[:1])[-1].last
        ending = [filing for filing in self.filings if filing.valid_to == valid_to]
        in_force = [filing for filing in ending if filing.effective_from <= today] or ending[:1]
        return _expiry(valid_to, in_force[-1], today)

    def turning_points(self, today: date) -> list[date]:
        """Later days on which `on` may answer something else, whatever is published meanwhile."""
        days = {one.effective_from for one in self.filings} | {period.first for period in self._periods()}
        return sorted(day for day in days if day > today)

    def _periods(self) -> list[Period]:
        """Periods of validity, joined where no day lies between; of versions with one beginning the last one counts."""
        ends = {one.valid_from: one.valid_to for one in {one.effective_from: one for one in self.filings}.values()}
        joined: list[Period] = []
        for first, last in sorted(ends.items()):
            if joined and first <= joined[-1].last + ONE_DAY:
                joined[-1] = Period(joined[-1].first, max(joined[-1].last, last))
            else:
                joined.append(Period(first, last))
        return joined


def timeline(history: PermitHistory) -> Timeline:
    """What the versions of a permit have of its end."""
    return Timeline(
        tuple(
            Filing(
                effective_from=version.effective_from,
                valid_from=version.valid_from,
                valid_to=version.valid_to,
                applied_on=version.document.renewal_applied_on,
                accepted_on=version.document.renewal_accepted_on,
                refused_on=version.document.renewal_refused_on,
            )
            for version in history.versions
        )
    )


def _expiry(valid_to: date, filing: Filing, today: date) -> Expiry:
    """An application counts when it was made within the permit it wants renewed: one that a later version merely carries
    along from the former period does not."""
    applied, refused = filing.applied_on, filing.refused_on
    if applied is None or applied < filing.valid_from:
        return Expiry(valid_to)
    if applied > today:
        return Expiry(valid_to, applies_from=applied)
    if refused is None or refused < applied:
        return Expiry(valid_to, applied, filing.accepted_on)
    if refused > today:
        return Expiry(valid_to, applied, filing.accepted_on, refused_from=refused)
    return Expiry(valid_to, refused_on=refused)


@dataclass(frozen=True, slots=True)
class Decision:
    """`step`: to be published now. `published`: the gravest step that counts as published of this expiry date afterwards."""

    reason: Reason
    step: Step | None = None
    published: Step | None = None


@dataclass(frozen=True, slots=True)
class LastPublished:
    """What was last published of an expiry date. `applied_on`: of the application that was published beside the step."""

    step: Step
    open: bool = True
    applied_on: date | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last working day to apply on, and whether it stands on a year whose notice is not published."""

    day: date
    provisional: bool


def deadline(valid_to: date, calendar: WorkCalendar) -> Deadline:
    """W: the last working day that is not after valid_to - 60 days."""
    latest = valid_to - APPLY_BEFORE
    day = calendar.last_working_day(latest)
    return Deadline(day, calendar.provisional(day, latest))


def first_days(valid_to: date, calendar: WorkCalendar) -> dict[Step, date]:
    """The first day of each step that the calendar alone brings."""
    return {
        Step.LEFT_180: valid_to - FAR,
        Step.LEFT_90: valid_to - NEAR,
        Step.STATUTORY: deadline(valid_to, calendar).day - STATUTORY_NOTICE,
        Step.LATE: valid_to - APPLY_BEFORE + ONE_DAY,
        Step.EXPIRED_QUIET: valid_to + ONE_DAY,
    }


def due_step(expiry: Expiry, today: date, *, discharged_on: date | None, calendar: WorkCalendar) -> Step | None:
    """The gravest step that holds today; `discharged_on`: the last day a discharge was seen."""
    due = [step for step, first in first_days(expiry.valid_to, calendar).items() if first <= today]
    if expiry.discharging(today, discharged_on):
        due.append(Step.EXPIRED_DISCHARGING)
    return max(due, key=lambda step: step.rank, default=None)


def decide(
    expiry: Expiry,
    last: LastPublished | None,
    today: date,
    *,
    discharged_on: date | None = None,
    calendar: WorkCalendar,
) -> Decision:
    """What is to be published today; `last`: of this expiry date, None when nothing was published yet."""
    before = last.step if last is not None else None
    if expiry.stops_the_steps(today, discharged_on):
        return Decision(Reason.APPLIED, published=before)
    due = due_step(expiry, today, discharged_on=discharged_on, calendar=calendar)
    if due is None:
        return Decision(Reason.NOT_YET, published=before)
    if last is not None and (last.step.rank > due.rank or (last.step is due and not _restarts(expiry, last))):
        return Decision(Reason.ALREADY_PUBLISHED, published=before)
    return Decision(Reason.STEP_DUE, step=due, published=due)


def _restarts(expiry: Expiry, last: LastPublished) -> bool:
    """Whether the same step is news again: an application that had ended it was withdrawn or refused, or another one, or
    none, stands beside it now."""
    if expiry.applies_from is not None:
        return False  # a clock set back
    return (expiry.refused_on is not None and not last.open) or last.applied_on != expiry.applied_on


def next_day(
    line: Timeline, expiry: Expiry, published: Step | None, today: date, *, calendar: WorkCalendar
) -> date | None:
    """The next day on which an evaluation can find something new; None: only an edit or a discharge can bring it."""
    days = line.turning_points(today)
    days += [day for day in (expiry.applies_from, expiry.refused_from) if day is not None]
    if expiry.applied_on is None:
        days += _steps_ahead(expiry, published, today, calendar)
    return min(days, default=None)


def _steps_ahead(expiry: Expiry, before: Step | None, today: date, calendar: WorkCalendar) -> Sequence[date]:
    rank = before.rank if before is not None else -1
    return [day for step, day in first_days(expiry.valid_to, calendar).items() if step.rank > rank and day > today]
