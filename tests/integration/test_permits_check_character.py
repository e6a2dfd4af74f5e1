"""Credit codes whose check character does not fit: refused from callers until an officer accepts one, marked when a list has
one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shared.access import Role
from tests.support.importing import a_list, enterprises, report, take_in
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, put, register_harness

RIGHT = Source(number=1)
WRONG_CODE = RIGHT.code[:-1] + ("0" if RIGHT.code[-1] != "0" else "1")
WRONG_PERMIT = f"{WRONG_CODE}001P"
PATH = f"/permits/v1/enterprises/{WRONG_CODE}"
ACCEPTING = f"{PATH}?accept_check_character=true"
REGISTER = ("register",)


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[RegisterHarness]:
    """The same on SQLite only."""
    with register_harness(tmp_path) as opened:
        yield opened


def a_body(**more: Any) -> dict[str, Any]:
    return {**RIGHT.enterprise(), "credit_code": WRONG_CODE, **more}


def a_permit() -> dict[str, Any]:
    return {**RIGHT.document(), "number": WRONG_PERMIT, "credit_code": WRONG_CODE}


def errors(client: TestClient, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.put(path, json=body)
    assert answer.status_code == 422, answer.text
    return list(answer.json()["errors"])


def test_a_code_with_a_wrong_check_character_is_refused_with_the_way_to_accept_it(register: RegisterHarness) -> None:
    admin = register.client()
    (error,) = errors(admin, PATH, a_body())
    assert (error["field"], error["value"]) == ("credit_code", WRONG_CODE)
    assert "accept_check_character=true" in error["rule"]
    assert admin.get(PATH).status_code == 404
    assert register.published() == []


def test_an_officer_accepts_such_a_code_and_it_is_accepted_from_then_on(register: RegisterHarness) -> None:
    officer = register.client(Role.OFFICER, region="15", scopes=REGISTER)
    made = put(officer, ACCEPTING, a_body(), 201)
    assert (made["credit_code"], made["check_character_doubtful"], made["changed"]) == (WRONG_CODE, False, True)
    renamed = put(officer, PATH, a_body(name="另一名称"), 200)
    assert (renamed["name"], renamed["revision"]) == ("另一名称", 2)
    permit = put(officer, f"/permits/v1/permits/{WRONG_PERMIT}", a_permit(), 201)
    assert permit["credit_code"] == WRONG_CODE
    (event,) = register.published(f"enterprise:{WRONG_CODE}")[:1]
    assert event["data"]["document"]["credit_code"] == WRONG_CODE


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.ENTERPRISE, {"credit_codes": (WRONG_CODE,)}, 403),
        (Role.OFFICER, {"region": "15"}, 403),
        (Role.OFFICER, {"region": "11", "scopes": REGISTER}, 404),
        (Role.OFFICER, {"region": "1501", "scopes": REGISTER}, 201),
        (Role.ADMIN, {}, 201),
    ],
    ids=["an enterprise", "an officer without the scope", "an officer of elsewhere", "the own officer", "an admin"],
)
def test_only_who_keeps_the_register_accepts_a_code(
    embedded: RegisterHarness, role: Role, scope: dict[str, Any], status: int
) -> None:
    assert embedded.client(role, **scope).put(ACCEPTING, json=a_body()).status_code == status


@pytest.mark.parametrize(
    "code",
    ["Z1150102MA0000001X", "91O50102MA0000001X", "11010519491231002X", WRONG_CODE[:-1], "91150102MI0000001X"],
    ids=["no department", "a letter in the region", "an identity card", "17 characters", "a letter that no code has"],
)
def test_accepting_a_check_character_accepts_no_other_structure(embedded: RegisterHarness, code: str) -> None:
    path = f"/permits/v1/enterprises/{code}?accept_check_character=true"
    found = errors(embedded.client(), path, a_body(credit_code=code))
    assert found[0]["field"] == "credit_code"
    assert "accept_check_character" not in found[0]["rule"]


def test_everything_wrong_is_named_beside_the_check_character(embedded: RegisterHarness) -> None:
    found = errors(embedded.client(), PATH, a_body(region="999999"))
    assert [error["field"] for error in found] == ["credit_code", "region"]


def listed(number: str) -> bytes:
    return a_list(f"{number},企业,火力发电,2022-01-01至2026-12-31,简化管理,内蒙古自治区")


def test_a_code_of_the_official_list_is_marked_until_an_officer_accepts_it(register: RegisterHarness) -> None:
    done = take_in(register, listed(WRONG_PERMIT))
    assert done["counts"]["created"] == 1
    admin, mark = register.client(), "check_character_doubtful"
    shown = admin.get(PATH).json()
    assert shown[mark] is True
    body = {name: shown[name] for name in ("credit_code", "name", "industry", "region")}
    (error,) = errors(admin, PATH, body)
    assert "accept_check_character=true" in error["rule"]
    events = len(register.published())
    accepted = put(admin, ACCEPTING, body, 200)
    assert (accepted[mark], accepted["changed"], accepted["revision"]) == (False, True, shown["revision"])
    assert len(register.published()) == events  # what is published of it is the same
    assert put(admin, PATH, body, 200)["changed"] is False
    assert take_in(register, listed(WRONG_PERMIT))["counts"]["unchanged"] == 1
    assert admin.get(PATH).json()[mark] is False


def test_the_list_of_enterprises_shows_the_doubtful_codes_alone(register: RegisterHarness) -> None:
    admin = register.client()
    put(admin, f"/permits/v1/enterprises/{RIGHT.code}", RIGHT.enterprise())
    take_in(register, listed(WRONG_PERMIT))

    def codes(**asked: object) -> list[str]:
        items = admin.get("/permits/v1/enterprises", params=asked).json()["items"]
        return [item["credit_code"] for item in items]

    assert codes(check_character_doubtful=True) == [WRONG_CODE]
    assert codes(check_character_doubtful=False) == [RIGHT.code]
    assert codes() == sorted([RIGHT.code, WRONG_CODE])


def test_a_document_of_an_import_is_refused_as_from_any_caller(embedded: RegisterHarness) -> None:
    done = take_in(embedded, json.dumps(a_body()).encode() + b"\n" + enterprises(2))
    assert done["counts"] == {"refused": 1, "created": 1}
    (finding,) = report(embedded, done["id"])
    assert (finding["line"], finding["field"], finding["value"]) == (1, "credit_code", WRONG_CODE)


def test_a_token_is_given_to_an_enterprise_that_is_registered_under_such_a_code_and_to_no_other(
    register: RegisterHarness,
) -> None:
    admin = register.client()
    asked = {"role": "enterprise", "credit_codes": [WRONG_CODE]}
    refused = admin.post("/permits/v1/keys", json=asked)
    assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "credit_codes[0]"
    put(admin, ACCEPTING, a_body(), 201)
    token = admin.post("/permits/v1/keys", json=asked).json()["token"]
    mine = register.bare({"Authorization": f"Bearer {token}"}).get(PATH)
    assert (mine.status_code, mine.json()["credit_code"]) == (200, WRONG_CODE)
