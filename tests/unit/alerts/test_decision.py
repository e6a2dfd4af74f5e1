"""Whether a change is pushed, and the reason that is given: one line of the table a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain.alert import Alert, Move, opened_by
from services.alerts.domain.audience import Owner, audience_of, owners
from services.alerts.domain.catalogue import Audience, Push, Row
from services.alerts.domain.decision import Decision, Reason, decide
from services.alerts.domain.grouping import is_news, opens_follow_up
from shared.domain.risk import Risk, RiskState
from tests.support.alerts_case import ENTERPRISE, T0, a_risk, cleared, longer

CATALOGUE = load_catalogue()


def row_of(risk: Risk) -> Row:
    return CATALOGUE.row(risk.kind, risk.condition, region=risk.region, day=date(2026, 11, 20))


def played(*risks: Risk, row: Row | None = None, moves: tuple[Move, ...] = ()) -> tuple[Alert | None, Alert, Decision]:
    """The last step of what the risks (with moves after the first) bring about: before, after, decision."""
    before: Alert | None = None
    alert = opened_by(risks[0], row or row_of(risks[0])).alert
    decision = decide(None, alert, row or row_of(risks[0]))
    for number, risk in enumerate(risks):
        if number:
            before = alert
            alert = alert.taken(risk, row or row_of(risk)).alert
            decision = decide(before, alert, row or row_of(risk))
        if decision.push is Push.NOW and decision.reason not in (Reason.CLEARED, Reason.WITHDRAWN):
            alert = alert.announced_now()
        if number == 0:
            for move in moves:
                alert = alert.moved(move, at=T0, who="x", text="").alert
    return before, alert, decision


FIRST = a_risk()
NEAR = a_risk(kind="emission.nearing", condition="near_80")
OFFLINE = a_risk(kind="data.offline", condition="hours", window=None)
GONE = replace(FIRST, revision=2, state=RiskState.WITHDRAWN)
CASES: list[tuple[str, tuple[Any, ...], Push, Reason]] = [
    ("an exceedance opens", (FIRST,), Push.NOW, Reason.FIRST),
    ("another hour, same level", (FIRST, longer(FIRST, 2, "first", hours=2)), Push.NONE, Reason.UNCHANGED),
    ("three hours", (FIRST, longer(FIRST, 2, "lasting", hours=3)), Push.NOW, Reason.LEVEL_RAISED),
    ("same level, but afterwards", (replace(FIRST, condition="lasting"), longer(FIRST, 2, "grave", hours=2)),
     Push.NOW, Reason.STAGE_RAISED),
    ("a silence of a day", (OFFLINE, replace(OFFLINE, revision=2, condition="day")), Push.NOW, Reason.STAGE_RAISED),
    ("it ends", (FIRST, cleared(FIRST, 2)), Push.NOW, Reason.CLEARED),
    ("it ended already", (FIRST, cleared(FIRST, 2), cleared(FIRST, 3, hours=3)), Push.NONE, Reason.UNCHANGED),
    ("it ended, and turns out graver", (FIRST, cleared(FIRST, 2), replace(cleared(FIRST, 3), condition="grave")),
     Push.NOW, Reason.LEVEL_RAISED),
    ("it is there again", (FIRST, cleared(FIRST, 2), longer(FIRST, 3, "first", hours=4)), Push.NOW, Reason.REOPENED),
    ("it was none", (FIRST, GONE), Push.NOW, Reason.WITHDRAWN),
    ("it was none, and nobody knew", (replace(FIRST, muted="area_outage"), GONE), Push.NONE, Reason.WITHDRAWN),
    ("it lives on in another", (FIRST, replace(GONE, state=RiskState.MERGED)), Push.NONE, Reason.MERGED),
    ("older than 72 h", (replace(FIRST, historical=True),), Push.DIGEST, Reason.HISTORICAL),
    ("older than 72 h, and over", (replace(FIRST, historical=True), replace(cleared(FIRST, 2), historical=True)),
     Push.DIGEST, Reason.HISTORICAL),
    ("muted", (replace(OFFLINE, muted="area_outage"),), Push.NONE, Reason.MUTED),
    ("received after all", (replace(OFFLINE, muted="area_outage"), replace(OFFLINE, revision=2)), Push.NOW, Reason.FIRST),
    ("first received of when over, an answer is required", (cleared(FIRST, 2),), Push.NOW, Reason.FIRST),
    ("first received of when over, nothing is required", (cleared(NEAR, 2),), Push.NONE, Reason.CLEARED),
    ("first received of when none", (GONE,), Push.NONE, Reason.WITHDRAWN),
]  # fmt: skip


@pytest.mark.parametrize(("risks", "push", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_table_of_decisions(risks: tuple[Risk, ...], push: Push, reason: Reason) -> None:
    assert played(*risks)[2] == Decision(push, reason)


@pytest.mark.parametrize("push", [Push.DIGEST, Push.NONE])
def test_the_catalogue_may_ask_for_a_digest_or_for_silence(push: Push) -> None:
    row = replace(row_of(FIRST), push=push)
    assert played(FIRST, row=row)[2] == Decision(push, Reason.BY_CATALOGUE)


def test_an_acknowledged_alert_is_still_raised() -> None:
    risks = (FIRST, longer(FIRST, 2, "lasting", hours=3))
    assert played(*risks, moves=(Move.ACKNOWLEDGE,))[2] == Decision(Push.NOW, Reason.LEVEL_RAISED)


def test_officers_learn_once_that_what_they_verified_was_none() -> None:
    moves = (Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY)
    assert played(FIRST, GONE, moves=moves)[2] == Decision(Push.NOW, Reason.CONTRADICTED)
    again = replace(GONE, revision=3)
    assert played(FIRST, GONE, again, moves=moves)[2] == Decision(Push.NONE, Reason.UNCHANGED)


def test_an_ended_alert_says_nothing_more() -> None:
    assert played(FIRST, cleared(FIRST, 2), moves=(Move.WITHDRAW,))[2] == Decision(Push.NONE, Reason.UNCHANGED)


def test_only_a_newer_revision_is_news() -> None:
    alert = opened_by(a_risk(revision=3), row_of(FIRST)).alert
    assert [is_news(alert, a_risk(revision=n)) for n in (2, 3, 4)] == [False, False, True]
    assert is_news(None, FIRST)


def test_after_an_end_only_facts_that_nobody_judged_open_a_follow_up() -> None:
    open_ = opened_by(FIRST, row_of(FIRST)).alert
    ended = open_.moved(Move.WITHDRAW, at=T0, who="officer:o", text="检修").alert
    more, graver = longer(FIRST, 2, "first", hours=2), replace(FIRST, revision=2, condition="grave")
    assert opens_follow_up(ended, more, row_of(more))
    assert opens_follow_up(ended, graver, row_of(graver))
    assert not opens_follow_up(ended, cleared(FIRST, 2), row_of(FIRST))
    assert not opens_follow_up(ended, GONE, row_of(FIRST))
    assert not opens_follow_up(open_, more, row_of(more))


def test_the_audience_is_the_enterprise_and_its_own_authorities_only() -> None:
    everyone = (Audience.ENTERPRISE, Audience.COUNTY, Audience.CITY, Audience.PROVINCE, Audience.OPERATORS)
    found = owners(everyone, credit_code=ENTERPRISE, region="150102")
    assert found == (
        Owner(credit_code=ENTERPRISE),
        Owner(region="150102"),
        Owner(region="1501"),
        Owner(region="15"),
        Owner(operators=True),
    )
    assert [audience_of(owner) for owner in found] == list(everyone)
    assert owners((Audience.ENTERPRISE,), credit_code=None, region="150102") == ()
    assert owners((Audience.COUNTY, Audience.CITY), credit_code=None, region="150100") == (Owner(region="1501"),)
