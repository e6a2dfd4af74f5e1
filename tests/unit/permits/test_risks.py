"""The words and facts of the risks that the register publishes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.permits.domain.enterprise import EnterpriseDocument
from services.permits.domain.obligation import DECISION_DUE, RENEWAL, DeskStep, PublishedRisk, RiskChange
from services.permits.domain.renewal import Step
from services.permits.domain.risks import event_type, permit_risk
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED
from shared.domain.risk import Cleared, Risk, RiskState

NOW = datetime(2026, 12, 20, 1, tzinfo=UTC)
VALID_TO = date(2026, 12, 15)
HOLDER = EnterpriseDocument(credit_code="91150102MA0N0AAA1B", name="企业", industry="D4411", region="150102")


def a_change(kind: str = RENEWAL, step: str = Step.LATE, cleared: Cleared | None = None, **more: object) -> RiskChange:
    fields = {"revision": 1, "opened_at": NOW, "by": date(2026, 10, 16), **more}
    return RiskChange(kind, VALID_TO, PublishedRisk(step=step, **fields), cleared)  # type: ignore[arg-type]


def a_risk(change: RiskChange) -> Risk:
    return permit_risk(change, f"{HOLDER.credit_code}001P", HOLDER, now=NOW, today=date(2026, 12, 20))


@pytest.mark.parametrize("kind", [RENEWAL, DECISION_DUE])
def test_discharge_after_the_end_names_the_day_of_the_application_in_both_languages(kind: str) -> None:
    risk = a_risk(a_change(kind, Step.EXPIRED_DISCHARGING, applied_on=date(2026, 12, 18)))
    assert risk.condition == "expired_discharging"
    assert "延续申请已于2026-12-18提交" in risk.why["zh"]
    assert "application filed on 2026-12-18" in risk.why["en"]
    assert risk.facts["applied_on"] == "2026-12-18"


def test_discharge_after_the_end_names_no_application_where_there_is_none() -> None:
    risk = a_risk(a_change(step=Step.EXPIRED_DISCHARGING))
    assert (risk.why["zh"], risk.why["en"]) == ("有效期届满后仍有排放", "discharge was seen after it expired")
    assert risk.facts["applied_on"] is None


def test_a_step_after_a_refusal_names_its_day_in_both_languages() -> None:
    risk = a_risk(a_change(refused_on=date(2026, 11, 2)))
    assert risk.why["zh"].endswith("；延续申请已于2026-11-02撤回或未获批准")
    assert risk.why["en"].endswith("; the application was withdrawn or refused on 2026-11-02")


@pytest.mark.parametrize(
    ("kind", "step"), [*((RENEWAL, step) for step in Step), *((DECISION_DUE, step) for step in DeskStep)]
)
def test_every_step_has_words_in_both_languages_with_all_places_filled(kind: str, step: str) -> None:
    risk = a_risk(a_change(kind, step, applied_on=date(2026, 12, 18)))
    assert risk.why["zh"] and risk.why["en"]
    assert "{" not in risk.why["zh"] + risk.why["en"]


@pytest.mark.parametrize(
    ("revision", "cleared", "kind"),
    [(1, None, RISK_OPENED), (2, None, RISK_CHANGED), (3, Cleared.APPLIED, RISK_CLEARED)],
)
def test_the_type_of_the_event_follows_from_state_and_revision(
    revision: int, cleared: Cleared | None, kind: str
) -> None:
    assert event_type(a_risk(a_change(revision=revision, cleared=cleared))) == kind


def test_a_risk_that_ended_says_why_and_when() -> None:
    risk = a_risk(a_change(cleared=Cleared.RENEWED))
    assert (risk.state, risk.cleared, risk.cleared_at) == (RiskState.CLEARED, Cleared.RENEWED, NOW)
    assert risk.why == {"zh": "已延续", "en": "it was renewed"}


def test_an_end_is_the_same_risk_whatever_its_step_and_another_end_is_another_one() -> None:
    late, expired = a_risk(a_change()), a_risk(a_change(step=Step.EXPIRED_QUIET, revision=2))
    assert late.id == expired.id
    other = RiskChange(RENEWAL, date(2031, 12, 15), a_change().risk)
    assert a_risk(other).id != late.id
    assert a_risk(a_change(DECISION_DUE, DeskStep.PENDING)).id != late.id
