"""Who sees what, over all routes of the three services: nothing of another enterprise, of another division, of another role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.monitoring.handlers.frame_archiving import FrameArchiving
from tests.support.ledger import Receiver
from tests.support.product import Logger, Source, eventually, frame, last_hour
from tests.support.whole import Route, Whole, packet, whole

A = Source(number=4101, region="150102", password="pwAAAA")
B = Source(number=4102, region="150202", password="pwBBBB")
STREAM = "/alerts/v1/stream"
NOWHERE = "zzz_aaaaaaaaaaaaaaaaaaaaaaaaaa"
PUBLIC = {"/permits/v1/keys", "/permits/v1/calendar", "/permits/v1/calendar/{year}"}

# role → what it may call: E enterprise, O officer, D device, P operators; the admin may call everything
MAY = {
    "GET /permits/v1/enterprises/{credit_code}": "EO",
    "PUT /permits/v1/enterprises/{credit_code}": "O",
    "GET /permits/v1/enterprises": "EO",
    "GET /permits/v1/permits/{number}": "EO",
    "PUT /permits/v1/permits/{number}": "O",
    "GET /permits/v1/permits": "EO",
    "GET /permits/v1/points/{mn}": "EO",
    "PUT /permits/v1/points/{mn}": "O",
    "DELETE /permits/v1/points/{mn}": "O",
    "GET /permits/v1/points": "EO",
    "GET /permits/v1/regions/{code}": "O",
    "PUT /permits/v1/regions/{code}": "O",
    "GET /permits/v1/regions": "O",
    "GET /permits/v1/keys": "EODP",
    "POST /permits/v1/keys": "",
    "POST /permits/v1/keys/revocations": "",
    "GET /permits/v1/expiring": "EO",
    "GET /permits/v1/coverage": "O",
    "GET /permits/v1/calendar": "EODP",
    "GET /permits/v1/calendar/{year}": "EODP",
    "PUT /permits/v1/calendar/{year}": "",
    "POST /permits/v1/imports": "O",
    "GET /permits/v1/imports/{id}": "O",
    "GET /permits/v1/imports/{id}/report": "O",
    "POST /monitoring/v1/packets": "DP",
    "GET /monitoring/v1/points/{mn}/series": "EOD",
    "GET /monitoring/v1/points/{mn}/latest": "EOD",
    "GET /monitoring/v1/points/{mn}/frames": "EOD",
    "GET /monitoring/v1/points/{mn}/notes": "EOD",
    "GET /monitoring/v1/exceedances": "EO",
    "GET /monitoring/v1/quarantine": "OP",
    "POST /monitoring/v1/quarantine/{kept_id}/put-back": "OP",
    "POST /monitoring/v1/quarantine/{kept_id}/dismiss": "OP",
    "GET /alerts/v1/alerts": "EOP",
    "GET /alerts/v1/alerts/{alert_id}": "EOP",
    "POST /alerts/v1/alerts/{alert_id}/acknowledge": "E",
    "POST /alerts/v1/alerts/{alert_id}/answer": "E",
    "POST /alerts/v1/alerts/{alert_id}/objection": "E",
    "POST /alerts/v1/alerts/{alert_id}/verify": "O",
    "POST /alerts/v1/alerts/{alert_id}/close": "O",
    "POST /alerts/v1/alerts/{alert_id}/withdraw": "O",
    "GET /alerts/v1/events": "EOP",
    "GET /alerts/v1/stream": "EOP",
    "GET /alerts/v1/endpoints": "EOP",
    "POST /alerts/v1/endpoints": "EOP",
    "GET /alerts/v1/endpoints/{endpoint_id}": "EOP",
    "DELETE /alerts/v1/endpoints/{endpoint_id}": "EOP",
    "PATCH /alerts/v1/endpoints/{endpoint_id}": "EOP",
    "POST /alerts/v1/endpoints/{endpoint_id}/pause": "EOP",
    "POST /alerts/v1/endpoints/{endpoint_id}/resume": "EOP",
    "GET /alerts/v1/offices": "EOP",
    "PUT /alerts/v1/offices/{division}": "",
    "DELETE /alerts/v1/offices/{division}": "",
    "POST /alerts/v1/endpoints/{endpoint_id}/test": "EOP",
    "POST /alerts/v1/endpoints/{endpoint_id}/rotate": "EOP",
    "POST /alerts/v1/endpoints/{endpoint_id}/disable": "OP",
    "POST /alerts/v1/endpoints/{endpoint_id}/enable": "EOP",
    "GET /alerts/v1/deliveries": "EOP",
    "GET /alerts/v1/deliveries/{push_id}": "EOP",
    "POST /alerts/v1/deliveries/{push_id}/replay": "EOP",
    "GET /alerts/v1/subscriptions": "OP",
    "POST /alerts/v1/subscriptions": "O",
    "GET /alerts/v1/subscriptions/{subscription_id}": "OP",
    "PUT /alerts/v1/subscriptions/{subscription_id}": "O",
    "DELETE /alerts/v1/subscriptions/{subscription_id}": "O",
    "GET /alerts/v1/peer-notices": "EOP",
    "GET /alerts/v1/peer-notices/drafts": "O",
    "GET /alerts/v1/peer-notices/{notice_id}": "EOP",
    "GET /alerts/v1/regions/{code}/summary": "O",
}
INITIAL = {"enterprise": "E", "officer": "O", "device": "D", "ops": "P"}


@dataclass
class Side:
    """One enterprise of one division, the tokens of its people, and the names of what belongs to it."""

    source: Source
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)  # path parameter → value

    @property
    def marks(self) -> set[str]:
        """What would give it away; the code of a division alone does not."""
        own = {name: value for name, value in self.ids.items() if name not in ("code", "division", "kept_id", "year")}
        return {*own.values(), self.source.enterprise()["name"]}

    def path(self, route: Route, **other: str) -> str:
        return route.path.format(**{**self.ids, **other})


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("scopes")) as made:
        yield made


@pytest.fixture(scope="module")
def sides(product: Whole, receiver: Receiver) -> tuple[Side, Side]:
    a, b = Side(A), Side(B)
    for side in (a, b):
        settle(product, side, receiver)
    for side in (a, b):
        happen(product, side)
    assert product.worker(FrameArchiving).take()
    return a, b


def settle(product: Whole, side: Side, receiver: Receiver) -> None:
    """Enterprise, permit, point, tokens, endpoints of enterprise and officer, a subscription, an import."""
    source, admin = side.source, product.client()
    source.register(admin)
    product.knows_point(source.mn)
    side.tokens = {
        "enterprise": product.token("enterprise", credit_codes=[source.code]),
        "officer": product.token("officer", region=source.region[:4], scopes=["register"]),
        "device": product.token("device", mns=[source.mn]),
        "ops": product.token("ops"),
    }
    officer = product.client(side.tokens["officer"])
    side.ids |= {
        "credit_code": source.code,
        "number": source.permit,
        "mn": source.mn,
        "code": source.region,
        "division": source.region,
        "year": "2026",
        "notice_id": NOWHERE,
        "endpoint_id": receiver.register(product.client(side.tokens["enterprise"]), f"e{source.number}"),
        "officers": receiver.register(officer, f"o{source.number}"),
    }
    assert officer.put(f"/permits/v1/regions/{source.region}", json={"register_complete": True}).status_code == 201
    wish = {"name": f"订阅{source.number}", "via": {"endpoint": side.ids["officers"]}}
    side.ids["subscription_id"] = officer.post("/alerts/v1/subscriptions", json=wish).json()["id"]
    imported = officer.post("/permits/v1/imports", params={"filename": "x.json"}, content=b"[]")
    assert imported.status_code == 202, imported.text
    side.ids["id"] = imported.json()["id"]


def happen(product: Whole, side: Side) -> None:
    """An excess with its alert and pushes, and a frame that goes to quarantine."""
    source, admin = side.source, product.client()
    product.exceeds(source, 90.0)
    with Logger(product.gateway_port) as logger:
        assert b"9014" in logger.ask(source.hour(last_hour(2), 20.0))
        logger.ask(frame(source, "2061", "DataTime=19990101000000;a21026-Avg=1"))

    def first(path: str, **query: str) -> Any:
        found = eventually(lambda: admin.get(path, params=query).json()["items"], what=path)
        return found[0]["id"]

    side.ids["kept_id"] = str(first("/monitoring/v1/quarantine", mn=source.mn))
    side.ids["alert_id"] = first("/alerts/v1/alerts", credit_code=source.code)
    side.ids["push_id"] = first("/alerts/v1/deliveries", endpoint=side.ids["endpoint_id"])


def gets(product: Whole) -> list[Route]:
    return [route for route in product.routes() if route.verb == "get" and route.path != STREAM]


def needed(route: Route) -> dict[str, str]:
    return {"factor": "a21026"} if route.path.endswith("/series") else {}


def others(client: TestClient, route: Route, mine: Side, theirs: Side) -> Iterator[Any]:
    """Answers to one who asks for what is another's, in every way that the route knows."""
    if "{" in route.path:
        yield client.get(theirs.path(route), params=needed(route))
        return
    yield client.get(route.path, params={"limit": "100"} if "limit" in route.parameters("query") else {})
    source = theirs.source
    asked = {
        "credit_code": source.code,
        "region": source.region,
        "mn": source.mn,
        "endpoint": theirs.ids["endpoint_id"],
        "alert": theirs.ids["alert_id"],
    }
    for name in set(asked) & set(route.parameters("query")):
        yield client.get(route.path, params={name: asked[name]})


@pytest.mark.parametrize("role", ["enterprise", "officer"])
def test_nobody_sees_what_is_anothers(product: Whole, sides: tuple[Side, Side], role: str) -> None:
    for mine, theirs in (sides, sides[::-1]):
        client = product.client(mine.tokens[role])
        for route in gets(product):
            for answer in others(client, route, mine, theirs):
                if answer.status_code == 200:
                    found = {mark for mark in theirs.marks - mine.marks if mark in answer.text}
                    assert not found, f"{role} {route} shows {found}"
                    assert "{" not in route.path or route.path in PUBLIC, f"{role} {route} found what is another's"
                else:
                    assert answer.status_code in (403, 404), f"{role} {route}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("role", ["enterprise", "officer"])
def test_what_is_anothers_is_refused_like_what_does_not_exist(
    product: Whole, sides: tuple[Side, Side], role: str
) -> None:
    mine, theirs = sides
    client = product.client(mine.tokens[role])
    strange = dict.fromkeys(theirs.ids, NOWHERE) | {
        "credit_code": Source(number=9999, region=B.region).code,
        "number": Source(number=9999, region=B.region).permit,
        "mn": "A150202_9999",
        "code": "150203",
        "division": "150203",
        "kept_id": "999999",
        "year": "2026",
    }
    for route in gets(product):
        if "{" not in route.path or route.path in PUBLIC:
            continue
        there = client.get(theirs.path(route), params=needed(route))
        nowhere = client.get(route.path.format(**strange), params=needed(route))
        assert there.status_code == nowhere.status_code, f"{route}: {there.text} {nowhere.text}"
        assert answered(there, theirs.ids) == answered(nowhere, strange), route


def answered(answer: Any, ids: dict[str, str]) -> str:
    """What an answer says, whatever was asked for."""
    text = str(answer.text).replace(answer.headers["x-request-id"], "the request's own")
    for value in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(value, "…")
    return text


LISTS = ["enterprises", "permits", "points", "exceedances", "alerts", "events", "endpoints", "deliveries"]


@pytest.mark.parametrize("role", ["enterprise", "officer"])
def test_everybody_sees_their_own(product: Whole, sides: tuple[Side, Side], role: str) -> None:
    for side in sides:
        client = product.client(side.tokens[role])
        for route in gets(product):
            if "{" in route.path and INITIAL[role] in MAY[str(route)] and "notice_id" not in route.path:
                answer = client.get(side.path(route), params=needed(route))
                own = "push_id" in route.path and role == "officer"  # that push went to the enterprise
                assert answer.status_code == (404 if own or theirs_alone(route, role) else 200), (
                    f"{route} {answer.text}"
                )
            elif route.path.rsplit("/", 1)[-1] in LISTS:
                answer = client.get(route.path)
                assert any(mark in answer.text for mark in side.marks), f"{role} does not see their own in {route}"


def theirs_alone(route: Route, role: str) -> bool:
    """An enterprise's endpoint is its own; officers have theirs."""
    return role == "officer" and "endpoint_id" in route.path


def test_no_verb_moves_what_is_anothers(product: Whole, sides: tuple[Side, Side]) -> None:
    mine, theirs = sides
    before = product.client().get(f"/alerts/v1/alerts/{theirs.ids['alert_id']}").json()
    bodies: dict[str, Any] = {
        "/permits/v1/enterprises/{credit_code}": theirs.source.enterprise(),
        "/permits/v1/permits/{number}": theirs.source.document(),
        "/permits/v1/points/{mn}": {"credit_code": B.code, "outlet": "DA001", "system": "31"},
        "/permits/v1/regions/{code}": {"register_complete": False},
        "/alerts/v1/endpoints/{endpoint_id}": {"name": "x"},
        "/alerts/v1/subscriptions/{subscription_id}": {"name": "x", "via": {"endpoint": mine.ids["officers"]}},
    }
    for role in ("enterprise", "officer", "device"):
        client = product.client(mine.tokens[role])
        for route in product.routes():
            if route.verb == "get" or "{" not in route.path:
                continue
            body = None if route.verb == "delete" else bodies.get(route.path, {"text": "x"})
            answer = client.request(route.verb, theirs.path(route), json=body)
            assert answer.status_code in (403, 404), f"{role} {route}: {answer.status_code} {answer.text}"
    assert product.client().get(f"/alerts/v1/alerts/{theirs.ids['alert_id']}").json() == before


def test_every_role_may_call_what_the_table_says_and_nothing_else(product: Whole, sides: tuple[Side, Side]) -> None:
    routes = {str(route): route for route in product.routes()}
    assert set(routes) == set(MAY), f"routes without a row, or rows without a route: {sorted(set(routes) ^ set(MAY))}"
    for name, route in routes.items():
        for role in ["device"] if route.path == STREAM else INITIAL:  # the stream never ends: only its refusal is asked
            client = product.client(sides[0].tokens[role])
            address = route.path.format(**dict.fromkeys(sides[0].ids, NOWHERE))
            answer = client.request(route.verb, address)
            allowed = INITIAL[role] in MAY[name]
            refused = answer.status_code == 403 and "the role" in answer.text
            assert refused != allowed, f"{role} {name}: {answer.status_code} {answer.text[:200]}"


def test_a_device_sees_its_own_values_and_sends_its_own_packets_only(product: Whole, sides: tuple[Side, Side]) -> None:
    client = product.client(sides[0].tokens["device"])
    for route in gets(product):
        for side, status in ((sides[0], 200), (sides[1], 404)):
            answer = client.get(side.path(route), params=needed(route))
            if route.path in PUBLIC:
                assert answer.status_code == 200
            elif route.path.startswith("/monitoring/v1/points/"):
                assert answer.status_code == status, f"{route} {answer.text}"
            else:
                assert answer.status_code == 403, f"{route} {answer.text}"
    packets = [packet(side.source, last_hour(3), 20.0) for side in sides]
    taken = client.post("/monitoring/v1/packets", json=packets).json()
    assert taken["accepted"] == 1, taken
    assert [one["index"] for one in taken["rejected"]] == [1]


def test_the_stream_keeps_to_the_scope_of_its_listener(product: Whole, sides: tuple[Side, Side]) -> None:
    """What the stream would say is what the events' list says: both ask the same rows."""
    for mine, theirs in (sides, sides[::-1]):
        for role in ("enterprise", "officer"):
            found = product.client(mine.tokens[role]).get("/alerts/v1/events").json()["items"]
            assert found
            for event in found:
                assert (event["data"].get("enterprise") or {}).get("credit_code") in (mine.source.code, None)
                assert theirs.source.code not in str(event)
