"""A filter whose values are a closed list refuses a value that is none of them and names the nearest: it would find nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.product import Source, eventually
from tests.support.whole import Route, Whole, whole_with_exceedance

# by the name of the parameter, on whatever route: a wrong value, and the known one nearest to it
CLOSED = {
    "kind": ("emision.exceeded", "emission.exceeded"),
    "status": ("opened", "open"),
    "level": ("oranje", "orange"),
    "stage": ("beforehand", "before"),
    "state": ("pendng", ""),  # of pushes and of quarantined items
    "reason": ("unknown-pint", "unknown-point"),
    "of": ("episode", "episodes"),
    "order": ("descending", "desc"),
    "period": ("hours", "hour"),
    "region": ("99", ""),  # which is nearest depends on the table
    "industry": ("D4499", ""),
    "factor": ("a21027", ""),
}
# any text may be asked for: ids and names of objects, codes that no table has in full
OPEN = {
    "credit_code",
    "outlet",
    "endpoint",
    "alert",
    "mn",
    "filename",
    "cursor",
    "from",
    "to",
    "since",
    "on",
    "expiring_by",
}
# of a series: what a point sent under a code that no table has is kept and shown
SENT = {("GET /monitoring/v1/points/{mn}/series", "factor")}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_with_exceedance(tmp_path_factory.mktemp("closed"), 4100) as made:
        yield made


@pytest.fixture(scope="module")
def client(product: Whole) -> TestClient:
    return product.client()


def texts(route: Route) -> list[str]:
    """The query parameters that are texts, or one of a list of texts."""

    def is_text(schema: dict[str, Any]) -> bool:
        choices = schema.get("anyOf", [schema])
        return any(one.get("type") == "string" or "$ref" in one for one in choices)

    return [
        one["name"] for one in route.operation.get("parameters", []) if one["in"] == "query" and is_text(one["schema"])
    ]


def test_every_filter_is_known_as_closed_or_open(product: Whole) -> None:
    names = {name for route in product.routes() for name in texts(route)}
    assert names == set(CLOSED) | OPEN


def test_a_value_that_is_none_of_the_closed_list_is_refused_with_the_nearest(
    product: Whole, client: TestClient
) -> None:
    asked = 0
    for route in product.routes():
        for name in set(texts(route)) & set(CLOSED):
            if (str(route), name) in SENT:
                continue
            wrong, nearest = CLOSED[name]
            needed = {"factor": "a21026"} if "factor" in route.parameters("query") else {}
            path = route.path.replace("{mn}", Source(number=4100).mn)
            answer = client.get(path, params={**needed, name: wrong})
            assert answer.status_code == 422, f"{route} {name}: {answer.status_code}"
            (error,) = answer.json()["errors"]
            assert error["field"] == name
            assert f"the nearest is {nearest}" in error["rule"], f"{route} {name}: {error}"
            asked += 1
    assert asked > 12


def test_a_known_value_finds_what_there_is(client: TestClient) -> None:
    def found(**filter: str) -> int:
        return len(client.get("/alerts/v1/alerts", params=filter).json()["items"])

    eventually(lambda: found() > 0, what="an alert")
    assert found(kind="emission.exceeded") == 1
    assert found(region="15") == found(region="150000") == found(region="1501") == found()
    assert found(region="11") == 0
    assert found(factor=Source(number=4100).factor, kind="emission.exceeded") == 1
