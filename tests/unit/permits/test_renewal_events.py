"""Whatever happens to a permit, in any order: no step is published twice, none is missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.permits.domain.obligation import (
    RENEWAL,
    Evaluation,
    PublishedRisks,
)
from services.permits.domain.renewal import Step, Timeline, due_step
from tests.unit.permits.renewing import (
    CALENDAR,
    ONE_DAY,
    VALID_TO,
    a_filing,
    evaluated,
)

# What may happen to a permit, in any order: (what, how many days or which date)
ENDS = (VALID_TO, date(2026, 12, 31), date(2027, 2, 28), date(2026, 12, 1))
EVENTS = st.one_of(
    st.tuples(st.just("clock"), st.integers(-40, 90)),
    st.tuples(st.just("end"), st.integers(0, len(ENDS) - 1)),
    st.tuples(st.just("apply"), st.just(0)),
    st.tuples(st.just("withdraw"), st.just(0)),
    st.tuples(st.just("refuse"), st.integers(0, 30)),
    st.tuples(st.just("renew"), st.integers(0, 20)),
    st.tuples(st.just("take back renewal"), st.just(0)),
    st.tuples(st.just("discharge"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)


class Permit:
    """A permit living through events; after each it is evaluated, sometimes only on its `next_check_on`."""

    def __init__(self) -> None:
        self.today = date(2026, 5, 1)
        self.valid_to = VALID_TO
        self.applied_on: date | None = None
        self.refused_on: date | None = None
        self.renewed_from: date | None = None
        self.discharged_on: date | None = None
        self.published = PublishedRisks()
        self.steps: list[tuple[date, Step]] = []

    def line(self) -> Timeline:
        filings = [a_filing(self.valid_to, applied_on=self.applied_on, refused_on=self.refused_on)]
        if self.renewed_from:
            filings.append(a_filing(self.renewed_from + timedelta(days=1826), self.renewed_from))
        return Timeline(tuple(filings))

    def meet(self, what: str, amount: int) -> None:
        if what == "clock":
            self.today += timedelta(days=amount)
        elif what == "end":
            self.valid_to = ENDS[amount]
        elif what == "apply":
            self.applied_on, self.refused_on = self.today, None
        elif what == "withdraw":
            self.applied_on = self.refused_on = None
        elif what == "refuse" and self.applied_on is not None:
            self.refused_on = self.applied_on + timedelta(days=amount)
        elif what == "renew":
            self.renewed_from = self.valid_to + timedelta(days=1 + amount)
        elif what == "take back renewal":
            self.renewed_from = None
        elif what == "discharge":
            self.discharged_on = max(self.today, self.discharged_on or self.today)
        elif what == "restart":
            self.published = PublishedRisks(
                {day: replace(risk) for day, risk in self.published.renewal.items()},
                {day: replace(risk) for day, risk in self.published.desk.items()},
            )

    def evaluate(self) -> Evaluation:
        before = self.published.steps
        evaluation = evaluated(self.line(), self.published, self.today, discharged_on=self.discharged_on)
        self.published = evaluation.published
        for one in evaluation.changes:
            if one.kind == RENEWAL and one.cleared is None:
                step = Step(one.risk.step)
                if before.get(one.valid_to) != step:
                    self.steps.append((one.valid_to, step))
        return evaluation


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=30))
def test_no_step_is_published_twice_or_missed_whatever_happens(events: list[tuple[str, int]]) -> None:
    permit = Permit()
    for what, amount in events:
        permit.meet(what, amount)
        permit.evaluate()
        assert len(set(permit.steps)) == len(permit.steps)
        expiry = permit.line().on(permit.today)
        due = due_step(expiry, permit.today, discharged_on=permit.discharged_on, calendar=CALENDAR)
        if due is not None and expiry.applied_on is None:
            assert permit.published.steps[expiry.valid_to].rank >= due.rank
        assert permit.evaluate().changes == ()  # the same day again publishes nothing
        open_for = [day for day, risk in permit.published.renewal.items() if risk.open]
        assert open_for in ([], [expiry.valid_to])
        beside = expiry.applied_late and expiry.discharging(permit.today, permit.discharged_on)
        if expiry.applied_on is not None and not beside:
            assert open_for == []
        risk = permit.published.renewal.get(expiry.valid_to)
        if expiry.refused_on is not None and due is not None and risk is not None and risk.step == due:
            assert risk.open  # no application is pending, and the enterprise is warned
        if beside:
            assert risk is not None and risk.step == Step.EXPIRED_DISCHARGING


@given(st.lists(EVENTS.filter(lambda event: event[0] != "clock"), max_size=6), st.integers(1, 400))
def test_evaluating_only_on_the_next_check_publishes_the_same_as_evaluating_every_day(
    events: list[tuple[str, int]], days: int
) -> None:
    daily, scheduled = Permit(), Permit()
    for permit in (daily, scheduled):
        for what, amount in events:
            permit.meet(what, amount)
        next_check = permit.evaluate().next_check_on
        for _ in range(days):
            permit.today += ONE_DAY
            if permit is daily or (next_check is not None and next_check <= permit.today):
                next_check = permit.evaluate().next_check_on
    assert scheduled.published == daily.published
    assert scheduled.steps == daily.steps


@given(st.lists(EVENTS, max_size=30))
def test_revisions_of_a_risk_only_grow(events: list[tuple[str, int]]) -> None:
    permit, seen = Permit(), dict[tuple[str, date], int]()
    for what, amount in events:
        permit.meet(what, amount)
        for one in permit.evaluate().changes:
            assert one.risk.revision == seen.get((one.kind, one.valid_to), 0) + 1
            seen[one.kind, one.valid_to] = one.risk.revision
