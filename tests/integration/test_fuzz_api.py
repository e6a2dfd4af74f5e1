"""Every route of every service, asked what its OpenAPI document allows and what it does not: no 5xx, no answer that is not
documented, every error problem+json, nothing without a token.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.schemas import APIOperation

from services.composition import SERVICES
from shared.access import Caller, Role
from shared.runtime.auth import claims, signing_key
from shared.runtime.web import MEDIA, cursor
from tests.support.product import Source, eventually
from tests.support.whole import Route, Whole, whole_with_exceedance

EXAMPLES = 8  # a route; deeper runs: raise this
JSON = "application/json"
IMPORTS = "/permits/v1/imports"  # takes any bytes, and reports what is wrong with them
STREAM = "/alerts/v1/stream"  # never ends; its refusals are asked below
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
FORGED = [
    cursor(),
    cursor(None),
    cursor({}),
    cursor("x"),
    cursor(10**30),
    cursor(-1),
    cursor("x", "y"),
    cursor(None, None),
    cursor("2026-11-20T00:00:00+08:00", {"a": 1}),
    cursor("2026-11-20T00:00:00+08:00", "\x00"),
    cursor(10**30, "x"),
    cursor(*"abcd"),
    cursor(1, None, [], {}),
    cursor(*range(9)),
    *(urlsafe_b64encode(opening * depth).decode() for opening in (b"[", b'{"a":') for depth in (700, 9_000)),
    "bm90LWpzb24",
    "%%%",
    "é",
]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The product with one enterprise that has something of everything."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database_at_head()
    with whole_with_exceedance(tmp_path_factory.mktemp(f"fuzz-{request.param}"), 4001, url) as made:
        yield made


@pytest.fixture(scope="module")
def client(product: Whole) -> TestClient:
    return product.client()


def problem(answer: Any) -> dict[str, Any]:
    """The problem in an answer that is an error."""
    assert answer.headers["content-type"] == MEDIA, f"{answer.status_code} {answer.text[:200]}"
    body = answer.json()
    assert {"type", "title", "title_zh", "status", "detail", "detail_zh", "code"} <= set(body), body
    assert body["status"] == answer.status_code
    return dict(body)


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_makes_an_undocumented_answer(product: Whole, client: TestClient, service: str) -> None:
    schema = schemathesis.openapi.from_dict(product.document(service))
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path != STREAM:
            ask(operation, client)


def ask(operation: APIOperation[Any, Any, Any], client: TestClient) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def once(case: schemathesis.Case) -> None:
        case.query.pop("wait", None)  # a long poll waits as long as its limit allows
        case.headers["Authorization"] = client.headers["Authorization"]
        answer = client.request(**sendable(case))
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            problem(answer)

    once()


def sendable(case: schemathesis.Case) -> dict[str, Any]:
    """What the case says, as arguments of a client's request."""
    arguments = case.as_transport_kwargs(base_url="http://testserver")
    wanted = {"method", "url", "params", "headers", "json", "content", "data"}
    request = {name: value for name, value in arguments.items() if name in wanted and value is not None}
    if isinstance(request.get("data"), bytes | str):
        request["content"] = request.pop("data")
    return request


def test_every_route_refuses_who_has_no_token(product: Whole) -> None:
    bare = product.bare()
    for route in product.routes():
        for authorization in (None, "Bearer not.a.token", "Basic eA=="):
            headers = {"Authorization": authorization} if authorization else {}
            answer = bare.request(route.verb, filled(route), headers=headers)
            assert answer.status_code == 401, f"{route}: {answer.status_code}"
            code = "not-a-token" if "Bearer" in (authorization or "") else "unauthorized"
            assert problem(answer)["code"] == code
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_forged_cursor_is_refused_or_finds_nothing(product: Whole, client: TestClient) -> None:
    for route in listing(product):
        needed = {"factor": "a21026"} if "factor" in route.parameters("query") else {}
        for text in FORGED:
            answer = client.get(filled(route), params={**needed, "cursor": text})
            assert answer.status_code in (200, 404, 422), f"{route} {text!r}: {answer.status_code}"
            if answer.status_code != 200:
                problem(answer)


def listing(product: Whole) -> list[Route]:
    return [route for route in product.routes() if route.verb == "get" and "cursor" in route.parameters("query")]


ODD = [
    *("\x00", "a\x00b", "𒀀", "'; --", "%", str(2**63), "-" + "9" * 30, "9" * 5_000, "1e400", "nan", "-inf"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31", "0000-00-00"),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:30])
def test_no_text_in_an_address_or_a_query_fells_a_route(product: Whole, client: TestClient, odd: str) -> None:
    fallen = []
    for route in product.routes():
        if route.path == STREAM:
            continue
        body = {"json": {}} if route.verb in ("post", "put") else {}
        answers = [client.request(route.verb, filled(route, odd), **body)]
        answers += [
            client.request(route.verb, filled(route), params={name: odd}, **body) for name in route.parameters("query")
        ]
        for answer in answers:
            if answer.status_code >= 400:
                problem(answer)
            if answer.status_code >= 500:
                fallen.append(f"{route}: {answer.status_code} at {answer.request.url.query!r}")
    assert not fallen


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "a" * 100_000], ids=["NUL", "half a pair", "100 kB"])
def test_no_text_in_a_body_fells_a_route(product: Whole, client: TestClient, odd: str) -> None:
    """Each text of a body that would be good is replaced in its turn."""
    fallen = []
    for verb, path, body in good_bodies(product):
        for name in [name for name, value in body.items() if isinstance(value, str)]:
            answer = client.request(
                verb,
                path,
                content=json.dumps({**body, name: odd}),
                headers={"content-type": "application/json"},
            )
            if answer.status_code >= 400:
                problem(answer)
            if answer.status_code >= 500:
                fallen.append(f"{verb} {path} {name}: {answer.status_code}")
    assert not fallen


def good_bodies(product: Whole) -> list[tuple[str, str, dict[str, Any]]]:
    source, client = Source(number=4001), product.client()
    (alert, *_) = eventually(lambda: client.get("/alerts/v1/alerts").json()["items"], what="alert")
    endpoint = client.post("/alerts/v1/endpoints", json={"url": "http://127.0.0.1:9/x", "owner": {"region": "150102"}})
    via = {"endpoint": endpoint.json()["id"]}
    permit = source.document(holder="x")
    return [
        ("PUT", f"/permits/v1/enterprises/{source.code}", {**source.enterprise(), "address": "x", "group": "x"}),
        ("PUT", f"/permits/v1/permits/{source.permit}", {**permit, "reason": "x", "effective_from": "2026-01-01"}),
        ("PUT", f"/permits/v1/points/{source.mn}", {"password": "x", "dialect": "x", "outlet": "DA001"}),
        ("PUT", "/permits/v1/calendar/2027", {"holidays": [], "source": "x"}),
        ("POST", "/permits/v1/keys", {"role": "ops", "subject": "x", "region": "15"}),
        ("POST", "/permits/v1/keys/revocations", {"jti": "x"}),
        ("POST", "/alerts/v1/endpoints", {"url": "http://127.0.0.1:9/x"}),
        ("POST", "/alerts/v1/subscriptions", {"name": "x", "via": via}),
        *(("POST", f"/alerts/v1/alerts/{alert['id']}/{verb}", {"text": "x"}) for verb in MOVES),
    ]


MOVES = ("acknowledge", "answer", "objection", "verify", "close", "withdraw")


def filled(route: Route, value: str = "x") -> str:
    """The address with every parameter filled."""
    path = route.path
    for name in route.parameters("path"):
        path = path.replace("{" + name + "}", "".join(f"%{byte:02X}" for byte in value.encode()))
    return path


DEEP = [
    b"[" * 20_000,
    b'{"text":' * 20_000,
    b"[" * 900 + b"]" * 900,
    b'{"text":' * 900 + b"1" + b"}" * 900,
    b"9" * 5_000,
]


@pytest.mark.parametrize("body", DEEP, ids=["lists", "objects", "closed lists", "closed objects", "a long number"])
def test_a_deeply_nested_body_is_invalid_on_every_route(product: Whole, client: TestClient, body: bytes) -> None:
    for route in product.routes():
        if "requestBody" in route.operation and route.path != IMPORTS:
            answer = client.request(route.verb, filled(route), content=body, headers={"content-type": JSON})
            assert answer.status_code == 422, f"{route}: {answer.status_code} {answer.text[:200]}"
            problem(answer)


@pytest.mark.parametrize("number", ["9" * 5_000, "²", "-1", "nan"], ids=lambda number: number[:5])
def test_a_last_event_id_that_is_none_is_refused(client: TestClient, number: str) -> None:
    answer = client.get(STREAM, headers={"Last-Event-ID": number.encode("latin-1")})
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["field"] == "Last-Event-ID"


ODD_CLAIMS = [
    {"exp": "soon"},
    {"exp": None},
    {"exp": []},
    {"exp": float("nan")},
    {"exp": float("inf")},
    {"exp": 10**400},
]
ODD_CLAIMS += [{"jti": ["x"]}, {"sub": None}, {"credit_codes": 7}, {"credit_codes": [7]}, {"region": [1]}, {"role": []}]


@pytest.mark.parametrize("odd", ODD_CLAIMS, ids=repr)
def test_a_token_of_ours_with_an_odd_claim_is_none(product: Whole, odd: dict[str, Any]) -> None:
    key = signing_key(product.host.context.settings.signing_key)
    body = claims(Caller(Role.OFFICER, "odd", region="15"), now=datetime.now(UTC))
    token = key.sign({**body, **odd})
    for route in product.routes():
        answer = product.client(token).request(route.verb, filled(route))
        assert answer.status_code == 401, f"{route}: {answer.status_code}"
        problem(answer)


TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(body=TEXTS | st.binary(max_size=30))
@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_body_that_is_no_document_is_refused(product: Whole, client: TestClient, body: Any) -> None:
    for route in product.routes():
        if route.verb not in ("post", "put"):
            continue
        arguments = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = client.request(route.verb, filled(route), headers={"content-type": "application/json"}, **arguments)
        assert answer.status_code < 500, f"{route} {body!r}: {answer.status_code} {answer.text[:200]}"
        if answer.status_code >= 400:
            problem(answer)
