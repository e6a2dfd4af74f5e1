"""What is owed about one permit's end, by whom, and what of it is news: the enterprise's renewal and the desk's decision.

Pure: timeline, book of what was said, today in; the new book, what to say and when to look again out. One risk an expiry
date and kind; its revision is counted in the book. The desk has 20 working days from acceptance (排污许可管理条例 Art. 14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from services.permits.domain.calendar import ONE_DAY, WorkCalendar
from services.permits.domain.renewal import Decision, Expiry, Reason, Step, Timeline, deadline, decide, next_day
from shared.domain.risk import Cleared

RENEWAL, DECISION_DUE = "permit.renewal", "permit.decision_due"
TO_ACCEPT = 5  # working days counted from the application while no acceptance is dated; to be confirmed by the desk
TO_DECIDE = 20


class DeskStep(StrEnum):
    """Conditions of `permit.decision_due`, the mildest first."""

    PENDING = "pending"
    OVERDUE = "overdue"
    EXPIRED = "expired"

    @property
    def rank(self) -> int:
        return list(DeskStep).index(self)


@dataclass(frozen=True, slots=True)
class Account:
    """What was said of one risk: `by` is the day to apply or to decide by, as said."""

    step: str
    revision: int
    opened_at: datetime
    by: date
    provisional: bool = False
    open: bool = True
    applied_on: date | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """The accounts of one permit by expiry date; none is ever struck out, so nothing is said twice."""

    renewal: Mapping[date, Account] = field(default_factory=dict)
    desk: Mapping[date, Account] = field(default_factory=dict)

    @property
    def steps(self) -> dict[date, Step]:
        return {valid_to: Step(account.step) for valid_to, account in self.renewal.items()}


@dataclass(frozen=True, slots=True)
class Saying:
    """One revision to be said of the risk of `kind` and `valid_to`; `cleared`: why it ended, None while it is open."""

    kind: str
    valid_to: date
    account: Account
    cleared: Cleared | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """What a look at one permit came to; `look_again` None: only an edit or a discharge can bring news."""

    book: Book
    sayings: tuple[Saying, ...]
    valid_to: date
    look_again: date | None
    reason: Reason


def sweep(
    line: Timeline,
    book: Book,
    *,
    today: date,
    now: datetime,
    calendar: WorkCalendar,
    discharged_on: date | None = None,
) -> Swept:
    """Everything due by today and not yet said. A second look on the same day says nothing."""
    expiry = line.on(today)
    decision = decide(expiry, book.steps, today, discharged_on=discharged_on, calendar=calendar)
    renewal, told = _renewal(book.renewal, expiry, decision, now, calendar)
    desk, asked = _desk(book.desk, expiry, today, now, calendar)
    after = Book(renewal, desk)
    days = [next_day(line, expiry, after.steps, today, calendar=calendar), _desk_next(expiry, today, calendar)]
    look_again = min((day for day in days if day), default=None)
    return Swept(after, (*told, *asked), expiry.valid_to, look_again, decision.reason)


def _renewal(
    accounts: Mapping[date, Account], expiry: Expiry, decision: Decision, now: datetime, calendar: WorkCalendar
) -> tuple[dict[date, Account], list[Saying]]:
    kept, sayings = dict(accounts), []
    for valid_to, account in accounts.items():
        ended = _ended(account, valid_to, expiry)
        if ended is not None:
            sayings.append(_close(kept, RENEWAL, valid_to, ended))
    wanted = _wanted(kept.get(expiry.valid_to), expiry, decision, now, calendar)
    if wanted is not None:
        kept[expiry.valid_to] = wanted
        sayings.append(Saying(RENEWAL, expiry.valid_to, wanted))
    return kept, sayings


def _ended(account: Account, valid_to: date, expiry: Expiry) -> Cleared | None:
    """Why an open risk is over."""
    if not account.open:
        return None
    if valid_to != expiry.valid_to:
        return Cleared.RENEWED if expiry.valid_to > valid_to else Cleared.TAKEN_BACK
    return Cleared.APPLIED if expiry.applied_on is not None else None


def _close(kept: dict[date, Account], kind: str, valid_to: date, why: Cleared) -> Saying:
    account = kept[valid_to]
    kept[valid_to] = replace(account, open=False, revision=account.revision + 1)
    return Saying(kind, valid_to, kept[valid_to], why)


def _wanted(
    former: Account | None, expiry: Expiry, decision: Decision, now: datetime, calendar: WorkCalendar
) -> Account | None:
    """The account as it is to be said; None when there is no news."""
    last = deadline(expiry.valid_to, calendar)
    if decision.step is not None:
        opened = former.opened_at if former and former.open else now
        return Account(decision.step, former.revision + 1 if former else 1, opened, last.day, last.provisional)
    if former is None or not former.open or Step(former.step).rank >= Step.LATE.rank or former.by == last.day:
        return None
    # the notice of that year was loaded and moved the last day to apply on
    return replace(former, revision=former.revision + 1, by=last.day, provisional=last.provisional)


@dataclass(frozen=True, slots=True)
class Term:
    """Until when the desk has to decide."""

    day: date
    provisional: bool


def decision_term(applied_on: date, accepted_on: date | None, calendar: WorkCalendar) -> Term:
    """20 working days from acceptance; 5 after the application while its acceptance is not dated."""
    accepted = accepted_on or calendar.add_working_days(applied_on, TO_ACCEPT)
    day = calendar.add_working_days(accepted, TO_DECIDE)
    return Term(day, calendar.provisional(min(applied_on, accepted), day))


def _desk(
    accounts: Mapping[date, Account], expiry: Expiry, today: date, now: datetime, calendar: WorkCalendar
) -> tuple[dict[date, Account], list[Saying]]:
    kept, sayings = dict(accounts), []
    for valid_to, account in accounts.items():
        if account.open and (valid_to != expiry.valid_to or expiry.applied_on is None):
            why = Cleared.DECIDED if expiry.valid_to > valid_to else Cleared.TAKEN_BACK
            sayings.append(_close(kept, DECISION_DUE, valid_to, why))
    wanted = _desk_wanted(kept.get(expiry.valid_to), expiry, today, now, calendar)
    if wanted is not None:
        kept[expiry.valid_to] = wanted
        sayings.append(Saying(DECISION_DUE, expiry.valid_to, wanted))
    return kept, sayings


def _desk_wanted(
    former: Account | None, expiry: Expiry, today: date, now: datetime, calendar: WorkCalendar
) -> Account | None:
    if expiry.applied_on is None:
        return None
    term = decision_term(expiry.applied_on, expiry.accepted_on, calendar)
    step = desk_step(term, expiry, today)
    same = former is not None and (former.by, former.applied_on) == (term.day, expiry.applied_on)
    if former is not None and same and DeskStep(former.step).rank >= step.rank:
        return None  # a clock set back takes nothing back, and what was withdrawn and filed again is not said again
    opened = former.opened_at if former and former.open else now
    revision = former.revision + 1 if former else 1
    return Account(step, revision, opened, term.day, term.provisional, applied_on=expiry.applied_on)


def desk_step(term: Term, expiry: Expiry, today: date) -> DeskStep:
    """The gravest that holds: the permit ran out, the term ran out, or it runs."""
    if today > expiry.valid_to:
        return DeskStep.EXPIRED
    return DeskStep.OVERDUE if today > term.day else DeskStep.PENDING


def _desk_next(expiry: Expiry, today: date, calendar: WorkCalendar) -> date | None:
    if expiry.applied_on is None:
        return None
    term = decision_term(expiry.applied_on, expiry.accepted_on, calendar)
    days = (term.day + ONE_DAY, expiry.valid_to + ONE_DAY)
    return min((day for day in days if day > today), default=None)
