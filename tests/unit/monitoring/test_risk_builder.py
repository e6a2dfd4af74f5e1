"""How a finding becomes a risk: whom it concerns, its id, its end, its words; and which windows are still news."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from services.monitoring.detectors.risk_builder import Place, RiskDraft, is_recent, measured_by
from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import NO_REGION, Site
from services.monitoring.domain.risk_row import RiskRow, RiskSpan
from services.monitoring.domain.verdict import GRACE_S, Status, ValueKind
from services.monitoring.domain.windows import LENGTH_S, seconds
from shared.domain.clock import Instant
from shared.domain.errors import Invalid
from shared.domain.risk import Cleared, RiskState
from shared.register import (
    Enterprise,
    Limit,
    Outlet,
    Permit,
    PermitVersion,
    Point,
    read_enterprise,
    read_permit,
    read_point,
)
from tests.unit.monitoring.verdict_rows import a_verdict

CODE = "91150102MA0N0AAA1B"
AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
NOW = Instant(AT, AT)
SPAN = RiskSpan(0, 0, 0)
ENTERPRISE = Enterprise(CODE, "示例热电", "D4411", "150102", group="集团")
OUTLET = Outlet("DA001", "air", "1号锅炉烟囱", ("A1",), (Limit("a21026", "hour", Decimal(35), "mg/m3"),))
PERMIT = Permit(
    f"{CODE}001P", CODE, (PermitVersion(date(2024, 1, 1), date(2024, 1, 1), date(2028, 12, 31), AT, (OUTLET,), {}),)
)
SITE = Site(Point("A1", "31", CODE, outlet="DA009", permit=f"{CODE}009P"), ENTERPRISE, (PERMIT,))


def test_a_window_concerns_the_outlet_and_enterprise_of_its_verdict() -> None:
    place = Place.of_window(a_verdict(start_s=seconds(AT)), SITE)
    assert (place.region, place.industry, place.group, place.enterprise_name) == ("150102", "D4411", "集团", "示例热电")
    assert (place.permit, place.outlet, place.outlet_name) == (f"{CODE}001P", "DA001", "1号锅炉烟囱")
    assert (place.credit_code, place.factor, place.mn) == (CODE, "a21026", "A1")


def test_of_a_point_that_is_not_registered_any_more_the_verdict_alone_speaks() -> None:
    place = Place.of_window(a_verdict(), None)
    assert (place.region, place.enterprise_name, place.outlet_name) == (NO_REGION, None, None)
    assert (place.credit_code, place.outlet) == (CODE, "DA001")


def test_a_point_stands_where_the_permit_in_force_has_it_else_where_it_says_itself() -> None:
    governed = Place.of_point(SITE, seconds(AT))
    assert (governed.permit, governed.outlet, governed.outlet_name) == (f"{CODE}001P", "DA001", "1号锅炉烟囱")
    before = Place.of_point(Site(SITE.point, ENTERPRISE, ()), seconds(AT))
    assert (before.permit, before.outlet, before.outlet_name) == (f"{CODE}009P", "DA009", None)
    assert Place.of_point(Site(SITE.point, None, ()), 0).region == NO_REGION


def a_draft(*, issued: int = 0, before: RiskRow | None = None, condition: str = "fault") -> RiskDraft:
    return RiskDraft.about(
        Place.of_point(SITE, seconds(AT)),
        kind="data.fault",
        condition=condition,
        why=wording.faulty(["a21026"], "D"),
        subject="A1",
        span=SPAN,
        now=NOW,
        before=before,
        issued=issued,
    )


def a_row(draft: RiskDraft) -> RiskRow:
    risk = draft.risk
    return RiskRow(
        risk.id,
        draft.subject,
        risk.kind,
        risk.condition,
        risk.state,
        1,
        risk.mn,
        0,
        0,
        0,
        seconds(AT),
        None,
        risk.document(),
    )


def test_the_same_finding_has_the_same_id_and_the_next_of_its_subject_another() -> None:
    assert a_draft().risk.id == a_draft(condition="implausible").risk.id
    assert a_draft().risk.id != a_draft(issued=1).risk.id


def test_a_risk_that_is_open_already_keeps_its_id_whatever_was_issued() -> None:
    row = a_row(a_draft())
    assert a_draft(issued=5, before=row).risk.id == row.id


@pytest.mark.parametrize("reason", list(Cleared))
def test_an_end_says_why_and_only_what_was_taken_back_is_withdrawn(reason: Cleared) -> None:
    row = a_row(a_draft())
    later = Instant(AT + timedelta(hours=2), AT)
    ended = RiskDraft.ended(row, reason, later).risk
    assert ended.state is (RiskState.WITHDRAWN if reason is Cleared.TAKEN_BACK else RiskState.CLEARED)
    assert (ended.id, ended.cleared, ended.cleared_at, ended.changed_at) == (row.id, reason, later.field, later.field)
    assert ended.opened_at == AT and ended.why["zh"] and ended.why["en"]


def test_the_end_may_have_words_of_its_own() -> None:
    words = wording.healed()
    assert RiskDraft.ended(a_row(a_draft()), Cleared.COMPLIANT, NOW, why=words).risk.why == words


def test_a_stored_risk_comes_back_with_its_facts_and_span() -> None:
    row = replace(a_row(a_draft()), first_window_s=3, start_s=1, last_s=5)
    assert row.risk == a_draft().risk
    assert (row.facts, row.span) == ({}, RiskSpan(3, 1, 5))


def test_the_values_of_a_risk_are_text_with_the_decimals_of_the_limit() -> None:
    row = a_verdict(status=Status.OVER, decided=48_213_700)._replace(
        measured=42_100_000,
        value_kind=ValueKind.CONVERTED,
        reference_o2_pct="6",
    )
    risk = measured_by(a_draft().risk, row)
    assert (risk.measured, risk.decided, risk.limit, risk.unit) == ("42.1", "48.21", "35", "mg/m3")
    assert risk.basis == {
        "permit": f"{CODE}001P", "limit_from": "permit", "value_kind": "converted", "reference_o2_pct": "6"
    }  # fmt: skip
    assert measured_by(a_draft().risk, a_verdict()).decided is None


@pytest.mark.parametrize("averaging", ["hour", "day"])
def test_a_window_is_news_for_two_more_of_its_length_and_the_grace(averaging: str) -> None:
    row = a_verdict(averaging=averaging)
    last = row.end_s + 2 * LENGTH_S[averaging] + GRACE_S
    for at_s, recent in ((row.end_s, True), (last, True), (last + 1, False)):
        moment = datetime.fromtimestamp(at_s, UTC)
        assert is_recent(row, Instant(moment, moment)) is recent


VERSION = {
    "effective_from": "2024-01-01",
    "recorded_at": "2024-01-01T08:00:00+08:00",
    "document": {"valid_from": "2024-01-01", "valid_to": "2028-12-31", "outlets": [{"code": "DA001", "name": "烟囱"}]},
}


def test_a_permit_whose_outlets_have_neither_points_nor_limits_is_read() -> None:
    permit = read_permit({"id": f"{CODE}001P", "credit_code": CODE, "versions": [VERSION]})
    (outlet,) = permit.versions[0].outlets
    assert (outlet.points, outlet.limits, outlet.medium, outlet.limits_for("a21026")) == ((), (), None, ())
    assert permit.versions[0].outlet("DA009") is None


@pytest.mark.parametrize("missing", ["effective_from", "recorded_at", "document"])
def test_a_version_without_one_of_its_parts_is_refused_by_name(missing: str) -> None:
    version = {name: value for name, value in VERSION.items() if name != missing}
    with pytest.raises(Invalid, match=missing):
        read_permit({"id": f"{CODE}001P", "credit_code": CODE, "versions": [version]})


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({}, "mn"),
        ({"mn": "A1", "credit_code": CODE}, "system"),
        ({"mn": "A1", "system": "31", "credit_code": CODE, "interval_s": "60"}, "interval_s"),
        ({"mn": "A1", "system": "31", "credit_code": CODE, "period_stamp": "middle"}, "period_stamp"),
        ({"mn": "A1", "system": "31", "credit_code": CODE, "units": ["mg/m3"]}, "units"),
    ],
)
def test_a_point_s_record_of_another_shape_is_refused_by_its_field(document: dict[str, object], wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_point({"document": document})  # type: ignore[dict-item]
    assert refused.value.detail.startswith("a record of the register is no Point: ") and wrong in refused.value.detail
    assert refused.value.rule == "the fields of Point"


def test_null_in_a_record_is_the_default_and_unknown_fields_pass() -> None:
    document = {"mn": "A1", "system": "31", "credit_code": CODE, "units": None, "dialect": None, "of_later": 7}
    point = read_point({"document": document, "sealed_password": "sealed"})
    assert (point.units, point.dialect, point.period_stamp, point.sealed_password) == ({}, "hj212", "start", "sealed")
    known = {"credit_code": CODE, "name": "示例", "industry": "D4411", "region": "150102"}
    assert read_enterprise({"document": {**known, "positive_list_until": "2028-02-29"}}).positive_list_until == date(
        2028, 2, 29
    )
