"""A request that no route answers learns why: the methods that its path has, the nearest path, what is not a token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.support.whole import Whole, whole

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("unrouted")) as made:
        yield made


@pytest.fixture(scope="module")
def client(product: Whole) -> TestClient:
    return product.client()


def declared(product: Whole) -> dict[str, set[str]]:
    """The methods of each path, as the OpenAPI documents have them."""
    found: dict[str, set[str]] = defaultdict(set)
    for route in product.routes():
        found[route.path].add(route.verb.upper())
    return found


def test_allow_names_exactly_the_methods_of_the_path(product: Whole, client: TestClient) -> None:
    several = 0
    for path, methods in declared(product).items():
        address = path.replace("{", "").replace("}", "")
        if path == "/alerts/v1/peer-notices/drafts":  # its address is one of a peer notice too; both have GET alone
            assert methods == {"GET"}
        several += len(methods) > 1
        for method in set(METHODS) - methods:
            answer = client.request(method, address)
            assert answer.status_code == 405, f"{method} {path}: {answer.status_code}"
            assert set(answer.headers["allow"].split(", ")) == methods, f"{method} {path}"
            if method != "HEAD":
                detail = answer.json()["detail"]
                assert detail.startswith(f"{method} is not a method of {address}: allowed are "), detail
                assert set(detail.rpartition("allowed are ")[2].split(", ")) == methods
    assert several > 5


def test_pages_name_their_methods_too(client: TestClient) -> None:
    for path in ("/", "/docs", "/healthz", "/readyz", "/metrics", "/alerts/v1/openapi.json"):
        answer = client.post(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET"), path


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/alerts/v1/alert", "/alerts/v1/alerts"),
        ("/alerts/alerts", "/alerts/v1/alerts"),
        ("/permits/v1/permit/91150102MA0N0AAA1B001P", "/permits/v1/permits/{number}"),
        ("/monitoring/v1/packages", "/monitoring/v1/packets"),
    ],
)
def test_a_path_that_there_is_not_is_named_with_the_nearest(client: TestClient, path: str, nearest: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not-found"
    assert answer.json()["detail"] == f"no such path {path}: the nearest is {nearest}"


def test_a_long_path_is_cut_in_the_answer(client: TestClient) -> None:
    answer = client.get("/" + "a" * 5_000)
    assert answer.status_code == 404
    assert len(answer.json()["detail"]) < 400


@pytest.mark.parametrize(
    "path",
    [
        "/alerts/v1/alerts/{id}",
        "/alerts/v1/endpoints/{id}",
        "/alerts/v1/deliveries/{id}",
        "/alerts/v1/subscriptions/{id}",
        "/alerts/v1/peer-notices/{id}",
        "/permits/v1/enterprises/{id}",
        "/permits/v1/permits/{id}",
        "/permits/v1/points/{id}",
        "/permits/v1/regions/{id}",
        "/permits/v1/imports/{id}",
        "/monitoring/v1/points/{id}/latest",
    ],
)
def test_an_object_that_there_is_not_is_named(client: TestClient, path: str) -> None:
    answer = client.get(path.replace("{id}", "nobody"))
    assert answer.status_code == 404
    assert "'nobody'" in answer.json()["detail"]


@pytest.mark.parametrize("text", ["garbage", "not.a.token", "a.b", "eyJhbGciOiJFZERTQSJ9", "x" * 3_000])
def test_what_is_not_a_token_is_called_so(product: Whole, text: str) -> None:
    answer = product.client(text).get("/alerts/v1/alerts")
    assert answer.status_code == 401
    assert answer.json()["code"] == "not-a-token"
    assert "is not a token" in answer.json()["detail"]
    assert text not in answer.text


def test_a_token_that_was_changed_or_is_of_another_installation_is_called_something_else(product: Whole) -> None:
    token = product.token("ops")
    head, body, _signature = token.split(".")
    changed = product.client(f"{head}.{body}.{'A' * 86}").get("/alerts/v1/alerts").json()
    assert (changed["code"], "not valid" in changed["detail"]) == ("unauthorized", True)
    other = "eyJhbGciOiJFZERTQSIsImtpZCI6Im90aGVyIn0.e30." + "A" * 86
    assert product.client(other).get("/alerts/v1/alerts").json()["code"] == "key-unknown"
