"""The life of an alert: what may be done in which state, and that nothing is edited away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain.alert import ENDED, UNVERIFIED, Alert, Change, Move, Status, Step, opened_by
from services.alerts.domain.catalogue import Row
from shared.domain.errors import Conflict
from shared.domain.risk import RiskState
from tests.support.alerts_case import T0, a_risk, cleared

CATALOGUE = load_catalogue()
PATH = (Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY, Move.CLOSE)


def row(condition: str = "first", kind: str = "emission.exceeded") -> Row:
    return CATALOGUE.row(kind, condition, region="150102", day=date(2026, 11, 20))


def moved(alert: Alert, *moves: Move) -> Alert:
    for move in moves:
        alert = alert.moved(move, at=T0, who="enterprise:a", text="…").alert
    return alert


def test_an_alert_goes_from_open_to_closed_step_by_step() -> None:
    alert = opened_by(a_risk(), row()).alert
    states = [moved(alert, *PATH[:n]).status for n in range(5)]
    assert states == ["open", "acknowledged", "answered", "verified", "closed"]
    assert moved(alert, *PATH).revision == 5


def test_an_illegal_move_names_the_state_and_what_is_allowed() -> None:
    alert = opened_by(a_risk(), row()).alert
    with pytest.raises(
        Conflict, match="the alert is open: verify is not possible, allowed is acknowledge, objection, withdraw"
    ):
        alert.moved(Move.VERIFY, at=T0, who="officer:o", text="")


@pytest.mark.parametrize("done", [0, 1, 2])
def test_an_unverified_alert_can_be_withdrawn(done: int) -> None:
    alert = moved(opened_by(a_risk(), row()).alert, *PATH[:done], Move.WITHDRAW)
    assert alert.status is Status.WITHDRAWN and alert.allowed() == ()


def test_an_objection_is_written_down_and_changes_no_state() -> None:
    after = opened_by(a_risk(), row()).alert.moved(Move.OBJECTION, at=T0, who="enterprise:a", text="检修")
    step = after.step
    assert (after.alert.status, step.what, step.text, step.who) == (
        Status.OPEN,
        Change.OBJECTED,
        "检修",
        "enterprise:a",
    )


def test_a_warning_beforehand_is_closed_without_an_answer() -> None:
    alert = opened_by(a_risk(kind="emission.nearing", condition="near_80"), row("near_80", "emission.nearing")).alert
    assert moved(alert, Move.CLOSE).status is Status.CLOSED


def test_being_cleared_and_being_acknowledged_are_orthogonal() -> None:
    alert = moved(opened_by(a_risk(), row()).alert, Move.ACKNOWLEDGE)
    after = alert.taken(cleared(a_risk(), 2), row())
    assert (after.alert.status, after.step.what, after.alert.risk.state) == (
        Status.ACKNOWLEDGED,
        Change.CLEARED,
        RiskState.CLEARED,
    )
    assert moved(alert, Move.ANSWER).status is Status.ANSWERED


@pytest.mark.parametrize("done", [3, 4], ids=["verified", "closed"])
def test_a_verified_or_closed_alert_is_contradicted_not_withdrawn(done: int) -> None:
    alert = moved(opened_by(a_risk(), row()).alert, *PATH[:done])
    after = alert.taken(a_risk(revision=2, state=RiskState.WITHDRAWN), row())
    assert (after.alert.status, after.step.what) == (alert.status, Change.CONTRADICTED)


def test_the_id_is_the_same_whenever_the_risk_is_read_again() -> None:
    assert opened_by(a_risk(), row()).alert.id == opened_by(a_risk(revision=7), row("grave")).alert.id
    assert opened_by(a_risk(), row()).alert.id != opened_by(a_risk(), row(), number=2).alert.id


class Life(RuleBasedStateMachine):
    """Any sequence of moves and risk revisions keeps the promises of the state diagram."""

    @initialize(condition=st.sampled_from(["first", "lasting", "grave", "repeated"]))
    def opened(self, condition: str) -> None:
        self.risk = a_risk(condition=condition)
        opened = opened_by(self.risk, row(condition))
        self.alert = opened.alert
        self.history: list[Step] = [opened.step]
        self.before = self.alert

    @rule(move=st.sampled_from(list(Move)))
    def try_a_move(self, move: Move) -> None:
        self.before = self.alert
        allowed = self.alert.allowed()
        try:
            after = self.alert.moved(move, at=T0, who="somebody", text="why")
        except Conflict as refused:
            assert move not in allowed
            assert self.alert.status in refused.detail
        else:
            assert move in allowed
            self.alert = after.alert
            self.history.append(after.step)

    @rule(
        condition=st.sampled_from(["first", "lasting", "grave", "repeated"]),
        state=st.sampled_from(list(RiskState)),
        later=st.integers(0, 50),
    )
    def take_the_risk(self, condition: str, state: RiskState, later: int) -> None:
        self.before = self.alert
        at = self.risk.changed_at + timedelta(hours=later)
        self.risk = replace(self.risk, revision=self.risk.revision + 1, condition=condition, state=state, changed_at=at)
        after = self.alert.taken(self.risk, row(condition))
        self.alert = after.alert
        self.history.append(after.step)

    @invariant()
    def revisions_count_the_history(self) -> None:
        assert [step.revision for step in self.history] == list(range(1, self.alert.revision + 1))
        assert self.history[-1].status is self.alert.status

    @invariant()
    def ended_stays_ended(self) -> None:
        if self.before.status in ENDED:
            assert self.alert.status is self.before.status

    @invariant()
    def only_the_unverified_are_withdrawn(self) -> None:
        if self.alert.status is Status.WITHDRAWN and self.before.status is not Status.WITHDRAWN:
            assert self.before.status in UNVERIFIED

    @invariant()
    def stage_and_level_are_the_catalogue_s(self) -> None:
        assert (self.alert.stage, self.alert.level) == (row(self.risk.condition).stage, row(self.risk.condition).level)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
