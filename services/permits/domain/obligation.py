"""What is required about one permit's end, by whom, and what of it is news: the enterprise's renewal and the desk's decision.

Pure: timeline, what was published, today in; the changes to publish and the next day to check out. One risk an expiry date and
kind; its revision is counted here. The desk has 20 working days from acceptance (排污许可管理条例 Art. 14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from services.permits.domain.calendar import ONE_DAY, WorkCalendar
from services.permits.domain.renewal import (
    Decision,
    Expiry,
    LastPublished,
    Reason,
    Step,
    Timeline,
    deadline,
    decide,
    next_day,
)
from shared.domain.risk import Cleared

RENEWAL, DECISION_DUE = "permit.renewal", "permit.decision_due"
TO_ACCEPT = 5  # working days counted from the application while no acceptance is dated; to be confirmed by the desk
TO_DECIDE = 20


class DeskStep(StrEnum):
    """Conditions of `permit.decision_due`, the mildest first."""

    PENDING = "pending"
    OVERDUE = "overdue"
    EXPIRED = "expired"
    EXPIRED_DISCHARGING = "expired_discharging"  # the application was filed after the end, and discharge was seen since

    @property
    def rank(self) -> int:
        return list(DeskStep).index(self)


@dataclass(frozen=True, slots=True)
class PublishedRisk:
    """One risk as it was last published: `by` is the day to apply or to decide by; `applied_on`: of the application that it
    is about, or that stands beside it; `refused_on`: of the one before, which was withdrawn or refused."""

    step: str
    revision: int
    opened_at: datetime
    by: date
    provisional: bool = False
    open: bool = True
    applied_on: date | None = None
    refused_on: date | None = None


@dataclass(frozen=True, slots=True)
class PublishedRisks:
    """The risks of one permit by expiry date; none is ever removed, so nothing is published twice."""

    renewal: Mapping[date, PublishedRisk] = field(default_factory=dict)
    desk: Mapping[date, PublishedRisk] = field(default_factory=dict)

    @property
    def steps(self) -> dict[date, Step]:
        return {valid_to: Step(risk.step) for valid_to, risk in self.renewal.items()}

    def last(self, valid_to: date) -> LastPublished | None:
        risk = self.renewal.get(valid_to)
        return LastPublished(Step(risk.step), risk.open, risk.applied_on) if risk else None


@dataclass(frozen=True, slots=True)
class RiskChange:
    """One revision to be published of the risk of `kind` and `valid_to`; `cleared`: why it ended, None while it is open."""

    kind: str
    valid_to: date
    risk: PublishedRisk
    cleared: Cleared | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation of one permit came to; `next_check_on` None: only an edit or a discharge can bring news."""

    published: PublishedRisks
    changes: tuple[RiskChange, ...]
    valid_to: date
    next_check_on: date | None
    reason: Reason


class _Risks:
    """The risks of one kind while they are evaluated, and the changes so far."""

    def __init__(self, kind: str, published: Mapping[date, PublishedRisk]) -> None:
        self.kind = kind
        self.published = dict(published)
        self.changes: list[RiskChange] = []

    def close(self, valid_to: date, why: Cleared) -> None:
        risk = self.published[valid_to]
        self.published[valid_to] = closed = replace(risk, open=False, revision=risk.revision + 1)
        self.changes.append(RiskChange(self.kind, valid_to, closed, why))

    def put(self, valid_to: date, risk: PublishedRisk) -> None:
        self.published[valid_to] = risk
        self.changes.append(RiskChange(self.kind, valid_to, risk))


def evaluate(
    line: Timeline,
    published: PublishedRisks,
    *,
    today: date,
    now: datetime,
    calendar: WorkCalendar,
    discharged_on: date | None = None,
) -> Evaluation:
    """Everything due by today and not yet published. A second evaluation on the same day changes nothing."""
    expiry = line.on(today)
    decision = decide(expiry, published.last(expiry.valid_to), today, discharged_on=discharged_on, calendar=calendar)
    renewal = _renewal(published.renewal, expiry, decision, now, calendar)
    desk = _desk(published.desk, expiry, today, now, calendar, discharged_on)
    after = PublishedRisks(renewal.published, desk.published)
    days = [next_day(line, expiry, decision.published, today, calendar=calendar), _desk_next(expiry, today, calendar)]
    next_check_on = min((day for day in days if day), default=None)
    return Evaluation(after, (*renewal.changes, *desk.changes), expiry.valid_to, next_check_on, decision.reason)


def _renewal(
    published: Mapping[date, PublishedRisk], expiry: Expiry, decision: Decision, now: datetime, calendar: WorkCalendar
) -> _Risks:
    risks = _Risks(RENEWAL, published)
    for valid_to, risk in published.items():
        ended = _ended(risk, valid_to, expiry, decision)
        if ended is not None:
            risks.close(valid_to, ended)
    due = _due(risks.published.get(expiry.valid_to), expiry, decision, now, calendar)
    if due is not None:
        risks.put(expiry.valid_to, due)
    return risks


def _ended(risk: PublishedRisk, valid_to: date, expiry: Expiry, decision: Decision) -> Cleared | None:
    """Why an open risk is over."""
    if not risk.open:
        return None
    if valid_to != expiry.valid_to:
        return Cleared.RENEWED if expiry.valid_to > valid_to else Cleared.TAKEN_BACK
    return Cleared.APPLIED if decision.reason is Reason.APPLIED else None


def _due(
    former: PublishedRisk | None, expiry: Expiry, decision: Decision, now: datetime, calendar: WorkCalendar
) -> PublishedRisk | None:
    """The risk as it is to be published; None when there is no news."""
    last = deadline(expiry.valid_to, calendar)
    if decision.step is not None:
        opened = former.opened_at if former and former.open else now
        return PublishedRisk(
            step=decision.step,
            revision=former.revision + 1 if former else 1,
            opened_at=opened,
            by=last.day,
            provisional=last.provisional,
            applied_on=expiry.applied_on,
            refused_on=expiry.refused_on,
        )
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
    published: Mapping[date, PublishedRisk],
    expiry: Expiry,
    today: date,
    now: datetime,
    calendar: WorkCalendar,
    discharged_on: date | None,
) -> _Risks:
    risks = _Risks(DECISION_DUE, published)
    for valid_to, risk in published.items():
        if risk.open and (valid_to != expiry.valid_to or expiry.applied_on is None):
            risks.close(valid_to, _desk_ending(valid_to, expiry))
    step = desk_step(expiry, today, calendar, discharged_on=discharged_on)
    due = _desk_due(risks.published.get(expiry.valid_to), expiry, step, now, calendar)
    if due is not None:
        risks.put(expiry.valid_to, due)
    return risks


def _desk_ending(valid_to: date, expiry: Expiry) -> Cleared:
    decided = expiry.valid_to > valid_to or (expiry.valid_to == valid_to and expiry.refused_on is not None)
    return Cleared.DECIDED if decided else Cleared.TAKEN_BACK


def _desk_due(
    former: PublishedRisk | None, expiry: Expiry, step: DeskStep | None, now: datetime, calendar: WorkCalendar
) -> PublishedRisk | None:
    if expiry.applied_on is None or step is None:
        return None
    term = decision_term(expiry.applied_on, expiry.accepted_on, calendar)
    same = former is not None and (former.by, former.applied_on) == (term.day, expiry.applied_on)
    if former is not None and same and DeskStep(former.step).rank >= step.rank:
        return (
            None  # a clock set back takes nothing back, and what was withdrawn and filed again is not published again
        )
    opened = former.opened_at if former and former.open else now
    revision = former.revision + 1 if former else 1
    return PublishedRisk(step, revision, opened, term.day, term.provisional, applied_on=expiry.applied_on)


def desk_step(
    expiry: Expiry, today: date, calendar: WorkCalendar, *, discharged_on: date | None = None
) -> DeskStep | None:
    """The gravest that holds while an application is pending: it was filed after the end and discharge was seen since, the
    permit ran out, the term ran out, or it runs. None: no application is pending."""
    if expiry.applied_on is None:
        return None
    if expiry.applied_late and expiry.discharging(today, discharged_on):
        return DeskStep.EXPIRED_DISCHARGING
    if today > expiry.valid_to:
        return DeskStep.EXPIRED
    term = decision_term(expiry.applied_on, expiry.accepted_on, calendar)
    return DeskStep.OVERDUE if today > term.day else DeskStep.PENDING


def _desk_next(expiry: Expiry, today: date, calendar: WorkCalendar) -> date | None:
    if expiry.applied_on is None:
        return None
    term = decision_term(expiry.applied_on, expiry.accepted_on, calendar)
    days = (term.day + ONE_DAY, expiry.valid_to + ONE_DAY)
    return min((day for day in days if day > today), default=None)
