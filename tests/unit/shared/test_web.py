"""Errors leave as problem+json of the right kind; cursors come back as they went, and none but ours is taken."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.domain.errors import Ahead, Conflict, DomainError, Forbidden, Invalid, NotFound, Unauthorized, Unreachable
from shared.runtime.web import MEDIA, STATUS, cursor, install_problems, read_cursor


class Missing(NotFound):
    """A child of a child."""


def asked(error: Exception) -> Any:
    """The answer of a route that raises."""
    app = FastAPI()
    install_problems(app)

    @app.get("/")
    def route() -> None:
        raise error

    return TestClient(app, raise_server_exceptions=False).get("/")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Invalid("no"), 422, "invalid"),
        (NotFound("no"), 404, "not-found"),
        (Missing("no", code="gone-for-good"), 404, "gone-for-good"),
        (Conflict("no"), 409, "conflict"),
        (Forbidden("no"), 403, "forbidden"),
        (Unauthorized("no"), 401, "unauthorized"),
        (Unreachable("no"), 503, "unreachable"),
        (DomainError("no"), 500, "error"),
        (HTTPException(413, "no"), 413, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_kind_of_wrong_has_its_status_and_code(error: Exception, status: int, code: str | None) -> None:
    answer = asked(error)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA)
    body = answer.json()
    assert (body["type"], body["status"], body["detail"]) == ("about:blank", status, "no")
    assert body["title"] and (code is None or body["code"] == code)


def test_every_kind_of_wrong_has_a_status() -> None:
    assert set(STATUS) == {*DomainError.__subclasses__(), Ahead}


def test_what_is_away_says_when_to_come_again_and_an_unknown_caller_how_to_come() -> None:
    assert asked(Unreachable("no", retry_after_s=7)).headers["retry-after"] == "7"
    assert asked(Unauthorized("no")).headers["www-authenticate"] == "Bearer"


def test_a_defect_says_nothing_of_itself() -> None:
    answer = asked(RuntimeError("the password is pw7Q9z"))
    assert (answer.status_code, answer.json()["code"]) == (500, "unexpected")
    assert "pw7Q9z" not in answer.text


def test_an_invalid_one_names_every_field_value_and_rule() -> None:
    other = Invalid("b", field="outlets[0].name", value={"whole": "object"}, rule="text")
    answer = asked(Invalid("a", field="limit", value=-1, rule="greater than 0", also=[other]))
    assert answer.json()["errors"] == [
        {"field": "limit", "value": -1, "rule": "greater than 0", "rule_zh": "大于 0"},
        {"field": "outlets[0].name", "value": '{"whole": "object"}', "rule": "text", "rule_zh": "不符合要求"},
    ]


class Inner(BaseModel):
    password: str
    count: int


class Body(BaseModel):
    model_config = {"extra": "forbid"}
    items: list[Inner] = []


@pytest.fixture(scope="module")
def api() -> TestClient:
    app = FastAPI()
    install_problems(app)

    @app.post("/")
    def route(body: Body, limit: Annotated[int, Query(ge=1)] = 1) -> None:
        return None

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"items": [{"password": 7777, "count": 1}]}, "items[0].password", None),
        ({"items": [{"password": "x", "count": "seven"}]}, "items[0].count", "seven"),
        ({"pasword": "pw7Q9z"}, "pasword", None),
        ({"items": "x" * 300}, "items", "x" * 199 + "…"),
        ({"items": {"count": 1}}, "items", '{"count": 1}'),
        ({"items": {"password": "pw7Q9z"}}, "items", None),
        ({"items": [{"password": "x"}]}, "items[0].count", None),
        ([], "body", "[]"),
    ],
    ids=[
        "a secret's value is not echoed",
        "a wrong value is",
        "an unknown field's is not",
        "a long one is cut",
        "an object is shown as JSON",
        "but not one with a secret",
        "nothing came",
        "no object",
    ],
)
def test_a_body_that_does_not_fit_names_its_field(api: TestClient, body: Any, field: str, value: Any) -> None:
    answer = api.post("/", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA)
    (error, *_) = answer.json()["errors"]
    assert (error["field"], error["value"]) == (field, value)
    assert error["rule"]


@pytest.mark.parametrize(
    "body",
    [b"[" * 20_000, b'{"items":' * 20_000, b'{"items": ' + b"[" * 980 + b"]" * 980 + b"}", b"\xff\xfe", b"9" * 5_000],
    ids=["nested lists", "nested objects", "nested as deep as can be read", "no UTF-8", "a number of 5000 digits"],
)
def test_a_body_that_no_parser_reads_is_invalid_like_any_other(api: TestClient, body: bytes) -> None:
    answer = api.post("/", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA)
    assert answer.json()["code"] == "invalid" and answer.json()["errors"]


def test_half_a_pair_in_a_detail_leaves_as_text() -> None:
    assert asked(Conflict("the name \ud800")).json()["detail"] == "the name \\ud800"


def test_an_address_that_is_not_there_and_a_wrong_verb_are_problems_too(api: TestClient) -> None:
    for answer, status in ((api.get("/nowhere"), 404), (api.delete("/"), 405), (api.post("/", content=b"{"), 422)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA)


numbers, texts = (
    st.integers(1 - 2**62, 2**62 - 1),
    st.text(st.characters(codec="utf-8"), max_size=60).filter(str.isprintable),
)


@given(number=numbers, text=texts)
def test_a_cursor_comes_back_as_it_went(number: int, text: str) -> None:
    made = cursor(number, text)
    assert read_cursor(made, int, str) == [number, text]
    assert made.isascii() and not set("+/=&? ") & set(made)


@pytest.mark.parametrize("none", [None, ""])
def test_no_cursor_is_the_beginning(none: str | None) -> None:
    assert read_cursor(none, int) is None


@pytest.mark.parametrize(
    "forged",
    [
        "%%%",
        "é",
        "AAAA",
        urlsafe_b64encode(b"7").decode(),
        urlsafe_b64encode(json.dumps({"a": 1}).encode()).decode(),
        cursor(),
        cursor("x", 1),
        cursor(1, "x", 2),
        cursor(1, None),
        cursor(True, "x"),
        cursor(1.5, "x"),
        cursor(2**63, "x"),
        cursor(1, "a\x00b"),
        cursor(1, ["x"]),
        urlsafe_b64encode(b"[" * 700).decode(),
        urlsafe_b64encode(b"[" * 20_000).decode(),
        urlsafe_b64encode(b'{"a":' * 20_000).decode(),
        "A" * 1001,
    ],
    ids=lambda text: text[:60],
)
def test_a_cursor_that_is_not_of_this_list_is_refused(forged: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_cursor(forged, int, str)
    assert refused.value.field == "cursor"


@given(st.text(max_size=40))
def test_no_text_as_a_cursor_does_more_than_be_refused(text: str) -> None:
    try:
        found = read_cursor(text, int, str)
    except Invalid:
        return
    assert found is None or (isinstance(found[0], int) and isinstance(found[1], str))
