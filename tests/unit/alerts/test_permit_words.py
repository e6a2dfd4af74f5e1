"""The end of a permit as permits publishes it and alerts words it: every condition has a row, its days stand in the headline."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain import wording
from services.alerts.domain.alert import opened_by
from services.alerts.domain.catalogue import UNKNOWN, Audience, Level, Row
from services.permits.domain.enterprise import EnterpriseDocument
from services.permits.domain.obligation import DECISION_DUE, RENEWAL, DeskStep, PublishedRisk, RiskChange
from services.permits.domain.renewal import Step
from services.permits.domain.risks import permit_risk
from shared.domain.risk import Risk

NOW = datetime(2026, 12, 20, 1, tzinfo=UTC)
TODAY, VALID_TO, APPLIED_ON = date(2026, 12, 20), date(2026, 12, 15), date(2026, 12, 18)
HOLDER = EnterpriseDocument(credit_code="91150102MA0N0AAA1B", name="企业", industry="D4411", region="150102")
CATALOGUE = load_catalogue()


def a_risk(kind: str, step: str, applied_on: date | None = None) -> Risk:
    published = PublishedRisk(step, 1, NOW, date(2026, 10, 16), applied_on=applied_on)
    return permit_risk(RiskChange(kind, VALID_TO, published), f"{HOLDER.credit_code}001P", HOLDER, now=NOW, today=TODAY)


def row_of(risk: Risk) -> Row:
    return CATALOGUE.row(risk.kind, risk.condition, region=risk.region, day=TODAY)


def headline(risk: Risk) -> dict[str, str]:
    row = row_of(risk)
    return dict(wording.headline(opened_by(risk, row).alert, row))


@pytest.mark.parametrize(
    ("kind", "step"), [*((RENEWAL, step) for step in Step), *((DECISION_DUE, step) for step in DeskStep)]
)
def test_every_condition_that_permits_publishes_is_in_the_catalogue(kind: str, step: str) -> None:
    risk = a_risk(kind, step, APPLIED_ON)
    row = row_of(risk)
    assert (row.kind, row.condition) == (kind, step) and row.kind != UNKNOWN
    words = headline(risk)
    assert HOLDER.name in words["zh"] and "—" not in words["zh"] + words["en"].replace(" — ", "")


def test_discharge_beside_a_late_application_has_one_level_for_enterprise_and_desk_and_names_its_day() -> None:
    enterprise, desk = (a_risk(kind, "expired_discharging", APPLIED_ON) for kind in (RENEWAL, DECISION_DUE))
    assert row_of(enterprise).level == row_of(desk).level == Level.RED
    assert Audience.ENTERPRISE in row_of(enterprise).audience
    assert row_of(desk).audience == (Audience.DESK,) and row_of(desk).hidden_from_enterprise
    for risk in (enterprise, desk):
        words = headline(risk)
        assert "延续申请已于2026-12-18提交" in words["zh"]
        assert "application filed on 2026-12-18" in words["en"]


def test_discharge_without_an_application_names_none() -> None:
    words = headline(a_risk(RENEWAL, "expired_discharging"))
    assert "申请" not in words["zh"] and "application" not in words["en"]
