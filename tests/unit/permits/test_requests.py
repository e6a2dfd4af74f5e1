"""The documents that callers send: what each kind of text takes, and the rule that a refusal names."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from services.permits.api.register import enterprise_document, outlet_wishes, permit_wish
from services.permits.api.requests import EnterpriseIn, LimitIn, PermitIn, PointIn
from services.permits.domain.point import GivenSettings

CODE, NUMBER = "91150102MA0N0AAA1B", "91150102MA0N0AAA1B001P"
LIMIT = {"factor": "a21026", "averaging": "hour", "limit": "35", "unit": "mg/m3"}
POINT = {"mn": "A110000_0001", "system": "31"}
PERMIT: dict[str, Any] = {"valid_from": "2021-12-16", "valid_to": "2026-12-15"}
ENTERPRISE: dict[str, Any] = {"name": "企业", "industry": "D4411", "region": "150102"}


def rules(kind: type[Any], document: dict[str, Any]) -> list[str]:
    """What was expected instead, empty for a document that is taken."""
    try:
        kind.model_validate(document)
    except ValidationError as wrong:
        return [error["msg"] for error in wrong.errors()]
    return []


@pytest.mark.parametrize("text", ["35", "0.05", "0", "123456789012", "1.123456"])
def test_a_limit_is_a_decimal_number_as_text(text: str) -> None:
    assert rules(LimitIn, {**LIMIT, "limit": text}) == []


@pytest.mark.parametrize(
    "value", ["", "-1", "1e3", "35 ", "1.1234567", "1234567890123", ".5", "٣٥", "NaN", "1,5"], ids=repr
)
def test_what_is_no_decimal_number_is_refused(value: str) -> None:
    (rule,) = rules(LimitIn, {**LIMIT, "limit": value})
    assert "at most 6 decimals" in rule


@pytest.mark.parametrize("value", [35, 35.0, None, True, ["35"]], ids=repr)
def test_a_number_that_decides_does_not_travel_as_a_float(value: object) -> None:
    (rule,) = rules(LimitIn, {**LIMIT, "limit": value})
    assert "travels as text" in rule


@pytest.mark.parametrize("day", ["1990-01-01", "2024-02-29", "2199-12-31"])
def test_a_day_that_the_calendar_has_is_taken(day: str) -> None:
    assert rules(PermitIn, {**PERMIT, "renewal_applied_on": day}) == []


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-02-29", "that the calendar has"),
        ("2026-13-01", "that the calendar has"),
        ("1989-12-31", "between 1990-01-01 and 2199-12-31"),
        ("2200-01-01", "between 1990-01-01 and 2199-12-31"),
        ("20261215", "YYYY-MM-DD"),
        ("2026-12-15T00:00:00", "YYYY-MM-DD"),
        (20261215, "YYYY-MM-DD"),
        (0, "YYYY-MM-DD"),
    ],
)
def test_what_is_no_day_is_refused(day: object, expected: str) -> None:
    (rule,) = rules(PermitIn, {**PERMIT, "renewal_applied_on": day})
    assert expected in rule


@pytest.mark.parametrize("password", ["123456", "!", "~" * 32, None])
def test_a_password_that_a_frame_can_carry_is_taken(password: str | None) -> None:
    assert rules(PointIn, {**POINT, "password": password}) == []


@pytest.mark.parametrize("password", ["", "12 456", "12;456", "12&456", "1" * 33, "密码", 123456, ["123456"]], ids=repr)
def test_a_password_that_no_frame_can_carry_is_refused_and_not_repeated(password: object) -> None:
    with pytest.raises(ValidationError) as refused:
        PointIn.model_validate({**POINT, "password": password})
    assert "visible ASCII" in str(refused.value)
    assert not isinstance(password, str) or not password or password not in str(refused.value)


@pytest.mark.parametrize("kind", [PermitIn, EnterpriseIn], ids=["permit", "enterprise"])
def test_a_name_that_is_not_known_is_refused_rather_than_dropped(kind: type[Any]) -> None:
    base = PERMIT if kind is PermitIn else ENTERPRISE
    assert rules(kind, {**base, "renewal_applied": "2026-11-20"}) == ["Extra inputs are not permitted"]


@pytest.mark.parametrize(
    ("longitude", "taken"),
    [(111.66, True), (-180, True), (180.0, True), (180.1, False), ("111.66", False), (float("inf"), False)],
    ids=repr,
)
def test_degrees_are_numbers_within_the_globe(longitude: object, taken: bool) -> None:
    assert (rules(EnterpriseIn, {**ENTERPRISE, "longitude": longitude}) == []) is taken


def test_an_address_names_what_the_document_leaves_out() -> None:
    document = permit_wish(NUMBER, PermitIn.model_validate(PERMIT)).document
    assert (document.number, document.credit_code) == (NUMBER, CODE)
    assert (document.valid_from, document.outlets, document.reports) == (date(2021, 12, 16), None, None)
    assert enterprise_document(CODE, EnterpriseIn.model_validate(ENTERPRISE)).credit_code == CODE


def test_a_name_in_the_document_is_kept_beside_another_address_so_that_it_can_be_refused() -> None:
    body = PermitIn.model_validate({**PERMIT, "number": "x", "credit_code": "y"})
    document = permit_wish(NUMBER, body).document
    assert (document.number, document.credit_code) == ("x", "y")


def test_settings_and_password_belong_to_the_point_and_not_to_the_document() -> None:
    point = {**POINT, "password": "123456", "interval_s": 30}
    body = PermitIn.model_validate({**PERMIT, "outlets": [{"code": "DA001", "points": [point]}]})
    document = permit_wish(NUMBER, body).document
    assert document.outlets is not None
    assert [(one.mn, one.system) for one in document.outlets[0].points or ()] == [("A110000_0001", "31")]
    assert "123456" not in repr(document)
    (wish,) = outlet_wishes(body)
    assert (wish.path, wish.outlet, wish.wish.mn) == ("outlets[0].points[0]", "DA001", "A110000_0001")
    assert wish.wish.settings == GivenSettings(system="31", interval_s=30)
    assert (wish.wish.password_given, wish.wish.password) == (True, "123456")


def test_null_for_a_password_is_given_and_an_absent_one_is_not() -> None:
    def given(**more: object) -> bool:
        outlets = [{"code": "DA001", "points": [{**POINT, **more}]}]
        (wish,) = outlet_wishes(PermitIn.model_validate({**PERMIT, "outlets": outlets}))
        return wish.wish.password_given

    assert given(password=None)
    assert not given()
