"""What a wrong document gets: 422 with field, value and rule, everything at once, and no secret back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.product import Source
from tests.support.register_harness import put, refusal, register_harness

SOURCE = Source(valid_from="2024-01-01", valid_to="2026-12-15")
OTHER = Source(number=2, region="110105")
ENTERPRISES, PERMITS, POINTS = "/permits/v1/enterprises", "/permits/v1/permits", "/permits/v1/points"
PERMIT = f"{PERMITS}/{SOURCE.permit}"


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[TestClient]:
    with register_harness(tmp_path) as opened, opened.client() as client:
        put(client, f"{ENTERPRISES}/{SOURCE.code}", SOURCE.enterprise())
        yield client


def with_limit(limit: Any, **changes: Any) -> dict[str, Any]:
    document = SOURCE.document(**changes)
    document["outlets"][0]["limits"][0]["limit"] = limit
    return document


def changed(**changes: Any) -> dict[str, Any]:
    return SOURCE.document(**changes)


def changed_point(**changes: Any) -> dict[str, Any]:
    document = SOURCE.document()
    document["outlets"][0]["points"][0] |= changes
    return document


LIMIT, POINT = "outlets[0].limits[0].limit", "outlets[0].points[0]"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(changed(valid_to="2023-12-31"), "valid_to", id="ends before it begins"),
        pytest.param(changed(valid_from="2023-02-29"), "valid_from", id="a 29 February that never was"),
        pytest.param(changed(valid_from=1704067200), "valid_from", id="a day as a number"),
        pytest.param(changed(valid_from="0001-01-01"), "valid_from", id="a day before all permits"),
        pytest.param(changed(number="91150102MA0N0AAA1B001P"), "number", id="another number than the address"),
        pytest.param(changed(credit_code=OTHER.code), "credit_code", id="another enterprise than the number's"),
        pytest.param(changed(catgory="key"), "catgory", id="a misspelt field"),
        pytest.param(changed(category="重点"), "category", id="a category outside the list"),
        pytest.param(changed(outlets="DA001"), "outlets", id="outlets that are no list"),
        pytest.param(changed(reason="a\x00b", correction=False), "reason", id="a control character"),
        pytest.param(with_limit(35), LIMIT, id="a limit as JSON number"),
        pytest.param(with_limit("thirty"), LIMIT, id="a limit in words"),
        pytest.param(with_limit("1e3"), LIMIT, id="a limit with exponent"),
        pytest.param(with_limit("-1"), LIMIT, id="a limit below zero"),
        pytest.param(with_limit("0"), LIMIT, id="a limit of zero"),
        pytest.param(with_limit("NaN"), LIMIT, id="a limit that is no number"),
        pytest.param(changed_point(system="air"), f"{POINT}.system", id="a system in words"),
        pytest.param(changed_point(interval_s="60"), f"{POINT}.interval_s", id="an interval as text"),
        pytest.param(changed_point(password=123456), f"{POINT}.password", id="a password as number"),
        pytest.param(changed_point(password="x" * 33), f"{POINT}.password", id="a password too long"),
        pytest.param(changed_point(pasword="123456"), f"{POINT}.pasword", id="a misspelt password"),
        pytest.param(changed_point(units={"a99": "mg/m3"}), f"{POINT}.units.a99", id="a unit of an unknown factor"),
        pytest.param([], "body", id="a list for a document"),
    ],
)
def test_a_wrong_permit_is_reported_field_value_and_rule(admin: TestClient, body: Any, field: str) -> None:
    errors = refusal(admin, PERMIT, body)
    assert [error["field"] for error in errors] == [field]
    assert admin.get(PERMIT).status_code == 404


def test_all_that_is_wrong_is_reported_at_once(admin: TestClient) -> None:
    body = with_limit("0", valid_to="2020-01-01")
    body["outlets"][0]["limits"][0] |= {"factor": "a99999", "unit": "ppm"}
    fields = {error["field"] for error in refusal(admin, PERMIT, body)}
    assert fields == {"valid_to", LIMIT, "outlets[0].limits[0].factor", "outlets[0].limits[0].unit"}


@pytest.mark.parametrize("password", [123456789, "planted-" * 8, "plan;ted"], ids=["number", "too long", "semicolon"])
def test_a_refused_password_is_not_echoed(admin: TestClient, password: Any) -> None:
    for body in (changed_point(password=password), changed_point(pasword=password)):
        assert str(password) not in admin.put(PERMIT, json=body).text


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        pytest.param(SOURCE.code, {"region": "999999"}, "region", id="no such division"),
        pytest.param(SOURCE.code, {"industry": "4411"}, "industry", id="an industry without its message"),
        pytest.param(SOURCE.code, {"longitude": 200}, "longitude", id="beyond the date line"),
        pytest.param(SOURCE.code, {"name": ""}, "name", id="no name"),
        pytest.param(SOURCE.code, {"credit_code": OTHER.code}, "credit_code", id="another code than the address"),
        pytest.param("91150102MA0N0AAA11", {"credit_code": None}, "credit_code", id="a wrong check character"),
    ],
)
def test_a_wrong_enterprise_is_reported_field_value_and_rule(
    admin: TestClient, path: str, body: dict[str, Any], field: str
) -> None:
    errors = refusal(admin, f"{ENTERPRISES}/{path}", SOURCE.enterprise() | body)
    assert [error["field"] for error in errors] == [field]


def test_numbers_that_json_does_not_know_are_refused_and_answered(admin: TestClient) -> None:
    body = '{"name": "x", "industry": "D4411", "region": "150102", "longitude": NaN, "latitude": "\\ud800"}'
    answer = admin.put(f"{ENTERPRISES}/{SOURCE.code}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} >= {"longitude"}


def test_a_permit_needs_its_enterprise_first(admin: TestClient) -> None:
    (error,) = refusal(admin, f"{PERMITS}/{OTHER.permit}", OTHER.document())
    assert (error["field"], error["value"]) == ("credit_code", OTHER.code)
    assert "PUT /permits/v1/enterprises" in error["rule"]


def test_a_number_that_is_none_is_refused(admin: TestClient) -> None:
    (error,) = refusal(admin, f"{PERMITS}/12345", SOURCE.document())
    assert (error["field"], error["value"]) == ("number", "12345")
