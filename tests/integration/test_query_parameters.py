"""A query parameter that a route does not know is refused by name on every route of every service, and so is one that
comes twice where one is expected; what is declared passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.whole import Route, Whole, whole

STREAM = "/alerts/v1/stream"  # never ends when it is asked rightly
ALPHABET = "abcdefghijklmnopqrstuvwxyz_"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("query")) as made:
        yield made


@pytest.fixture(scope="module")
def client(product: Whole) -> TestClient:
    return product.client()


def address(route: Route) -> str:
    path = route.path
    for name in route.parameters("path"):
        path = path.replace("{" + name + "}", "x")
    return path


def test_a_misspelt_parameter_is_named_with_the_nearest_on_every_route(product: Whole, client: TestClient) -> None:
    routes = product.routes()
    assert len(routes) > 50
    for route in routes:
        known = route.parameters("query")
        for name in known or ["region"]:
            wrong = name[:-1] + "_" + name[-1]
            answer = client.request(route.verb, address(route), params={wrong: "15"})
            assert answer.status_code == 422, f"{route} {wrong}: {answer.status_code} {answer.text[:200]}"
            body = answer.json()
            assert body["errors"][0]["field"] == wrong
            assert (f"did you mean {name!r}" if known else "no query parameters") in body["detail"], f"{route}: {body}"
            rule = f"one of {', '.join(sorted(known))}" if known else "this route has no query parameters"
            assert body["errors"][0]["rule"] == rule, f"{route}: not what its OpenAPI document declares"


def test_a_parameter_that_comes_twice_is_refused_where_one_is_expected(product: Whole, client: TestClient) -> None:
    for route in product.routes():
        for name in route.parameters("query"):
            if takes_list(route, name) and route.path == STREAM:
                continue
            answer = client.request(route.verb, address(route), params=[(name, "1"), (name, "2")])
            refused = {
                "field": name,
                "value": None,
                "rule": "given once",
                "rule_zh": "只给出一次",
            } in answer.json().get("errors", ())
            assert refused != takes_list(route, name), f"{route} {name}: {answer.status_code} {answer.text[:200]}"


def takes_list(route: Route, name: str) -> bool:
    (declared,) = (one for one in route.operation["parameters"] if (one["in"], one["name"]) == ("query", name))
    return any(kind.get("type") == "array" for kind in (declared["schema"], *declared["schema"].get("anyOf", ())))


@settings(max_examples=60, deadline=None)
@given(name=st.text(ALPHABET, min_size=1, max_size=12) | st.text(min_size=1, max_size=300))
def test_no_unknown_name_passes(product: Whole, client: TestClient, name: str) -> None:
    (route,) = (one for one in product.routes() if (one.verb, one.path) == ("get", "/alerts/v1/alerts"))
    if name in route.parameters("query"):
        return
    answer = client.get(route.path, params={name: "x"})
    assert answer.status_code == 422
    assert len(answer.content) < 2_000


def test_what_is_declared_passes(client: TestClient) -> None:
    assert client.get("/alerts/v1/alerts", params={"region": "15", "limit": 5}).status_code == 200
    assert client.get("/alerts/v1/alerts").status_code == 200


def test_who_may_not_call_a_route_learns_nothing_of_its_parameters(product: Whole) -> None:
    unknown = product.bare()
    for route in product.routes():
        answer = unknown.request(route.verb, address(route), params={"regoin": "15"})
        assert answer.status_code == 401, f"{route}: {answer.status_code}"
    device = product.client(product.token("device", mns=["A" * 24]))
    assert device.get("/permits/v1/points", params={"regoin": "15"}).status_code == 403


def test_many_wrong_names_are_counted_not_echoed(client: TestClient) -> None:
    answer = client.get("/alerts/v1/alerts", params={f"n{number}": "s3cret" for number in range(300)})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20
    assert "s3cret" not in answer.text
