"""What callers and `registry` are shown of permits, points and enterprises: everything that is known, never a secret."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

from services.permits.api.responses import EnterpriseOut, PermitOut, PointOut
from services.permits.domain.enterprise import EnterpriseDocument, registered
from services.permits.domain.permit import PermitHistory, Version
from services.permits.domain.permit_document import OutletPoint, PermitDocument, PermitOutlet
from services.permits.domain.point import PointSettings, Registration
from services.permits.handlers.enterprises import published_enterprise
from services.permits.handlers.permits import PermitView, published_permit, published_versions

CODE, NUMBER, MN, PASSWORD = "91150102MA0N0AAA1B", "91150102MA0N0AAA1B001P", "A110000_0001", "pw4711"
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
FIRST, LAST = date(2021, 12, 16), date(2026, 12, 15)


def a_document(**more: object) -> PermitDocument:
    outlet = PermitOutlet(code="DA001", points=(OutletPoint(mn=MN, system="31"),))
    fields = {
        "number": NUMBER,
        "credit_code": CODE,
        "valid_from": FIRST,
        "valid_to": LAST,
        "outlets": (outlet,),
        **more,
    }
    return PermitDocument(**fields)  # type: ignore[arg-type]


def a_history(*documents: PermitDocument) -> PermitHistory:
    return PermitHistory(NUMBER, CODE, tuple(Version(FIRST, NOW, document) for document in documents), len(documents))


def a_point(password: str | None = PASSWORD) -> Registration:
    settings = PointSettings(system="31", interval_s=30, units={"a21026": "mg/m3"})
    return Registration(MN, CODE, "DA001", NUMBER, settings, NOW, password, revision=1)


def a_view(on: date = date(2026, 11, 20), points: dict[str, Registration] | None = None) -> PermitView:
    return PermitView(a_history(a_document()), {MN: a_point()} if points is None else points, on)


def test_a_permit_shows_its_points_with_their_settings_and_no_password() -> None:
    shown = PermitOut.of(a_view())
    (outlet,) = shown.outlets or ()
    (point,) = outlet.points or ()
    assert (point.mn, point.interval_s, point.units, point.password_set) == (MN, 30, {"a21026": "mg/m3"}, True)
    assert PASSWORD not in shown.model_dump_json()


def test_a_point_that_is_not_registered_shows_no_settings() -> None:
    (outlet,) = PermitOut.of(a_view(points={})).outlets or ()
    (point,) = outlet.points or ()
    assert (point.mn, point.system, point.password_set, point.strict, point.interval_s) == (MN, "31", False, None, None)


def test_a_permit_before_its_first_day_is_shown_and_not_in_force() -> None:
    assert PermitOut.of(a_view(FIRST)).in_force
    before = PermitOut.of(a_view(date(2021, 12, 15)))
    assert (before.in_force, before.effective_from, before.on) == (False, FIRST, date(2021, 12, 15))


def test_what_nobody_reported_is_named_and_null() -> None:
    shown = PermitOut.of(PermitView(a_history(a_document(outlets=None)), {}, LAST))
    assert (shown.outlets, shown.reports) == (None, None)
    assert shown.incomplete == ["category", "authority", "outlets"]


def test_every_version_is_published_in_order_with_whether_a_password_is_set_and_no_password() -> None:
    history = a_history(a_document(authority="A"), a_document(authority="B"))
    record = published_permit(history, {MN: a_point()})
    text = json.dumps(record.facts, ensure_ascii=False)
    versions = json.loads(text)["versions"]
    assert [version["document"]["authority"] for version in versions] == ["A", "B"]
    assert versions[0]["document"]["outlets"][0]["points"] == [{"mn": MN, "system": "31", "password_set": True}]
    assert (record.subject, record.revision) == (f"permit:{NUMBER}", 2)
    assert PASSWORD not in text


def test_a_password_that_is_set_or_taken_away_changes_what_is_published_of_the_permit() -> None:
    history = a_history(a_document())
    assert published_versions(history, {MN: a_point()}) != published_versions(history, {MN: a_point(None)})


def test_a_refusal_is_published_where_there_is_one_and_nowhere_else() -> None:
    applied = a_document(renewal_applied_on=date(2026, 10, 9))
    refused = replace(applied, renewal_refused_on=date(2026, 10, 20))
    first, second = json.loads(json.dumps(published_versions(a_history(applied, refused), {})))
    assert "renewal_refused_on" not in first["document"]
    assert second["document"]["renewal_refused_on"] == "2026-10-20"


def test_a_point_shows_that_a_password_is_set_and_not_which() -> None:
    shown = PointOut.of(a_point())
    assert (shown.password_set, shown.registered_at) == (True, "2026-11-20T09:00:00+08:00")
    assert PASSWORD not in shown.model_dump_json()
    assert not PointOut.of(a_point(None)).password_set


def test_an_enterprise_is_shown_and_published_with_all_it_was_registered_as() -> None:
    document = EnterpriseDocument(credit_code=CODE, name="企业", industry="D4411", region="150102", longitude=111)
    enterprise = registered(registered(None, document, NOW), replace(document, name="另一名称"), NOW)
    shown = EnterpriseOut.of(enterprise)
    assert (shown.name, shown.revision, shown.check_character_doubtful) == ("另一名称", 2, False)
    assert [version.document.name for version in shown.versions] == ["企业", "另一名称"]
    facts = json.loads(json.dumps(published_enterprise(enterprise).facts))
    assert facts["document"] == facts["versions"][-1]["document"]
    assert facts["document"]["longitude"] == 111
    assert facts["versions"][0]["recorded_at"] == "2026-11-20T09:00:00+08:00"
