"""A suspicion shows to nobody without the scope: what others get is the same, byte for byte, whether there is one or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.domain.events import RISK_OPENED, RISKS, Event
from shared.domain.identity import derived_id
from shared.domain.risk import SCOPE_OF_KIND, Risk, RiskState
from shared.eventlog.codec import encode_event
from shared.ports import NewRecord
from tests.support.ledger import Receiver
from tests.support.product import Source, eventually
from tests.support.whole import Whole, whole

SOURCE = Source(number=5101)
ASKED = {"factor": SOURCE.factor}
STREAM = "/alerts/v1/stream"  # never ends; it asks the rows that the list of events asks


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Whole]:
    """An enterprise with an excess, an alert, an endpoint and an officer's subscription to everything."""
    with whole(tmp_path_factory.mktemp("investigation")) as made:
        SOURCE.register(made.client())
        made.knows_point(SOURCE.mn)
        officer = made.client(made.token("officer", region="15"))
        endpoint = receiver.register(officer)
        wish = {"name": "x", "via": {"endpoint": endpoint}, "filter": {"stages": ["before", "during", "after"]}}
        assert officer.post("/alerts/v1/subscriptions", json=wish).status_code == 201
        made.exceeds(SOURCE)
        alerts = made.client().get
        eventually(lambda: alerts("/alerts/v1/alerts").json()["items"], what="an alert")
        eventually(lambda: alerts("/alerts/v1/events").json()["items"], what="its event")
        delivered = {"state": "delivered"}
        eventually(lambda: alerts("/alerts/v1/deliveries", params=delivered).json()["items"], what="its push")
        yield made


def callers(product: Whole) -> dict[str, str]:
    """Tokens of those who may not see a suspicion at this enterprise."""
    return {
        "enterprise": product.token("enterprise", credit_codes=[SOURCE.code]),
        "officer without the scope": product.token("officer", region="15"),
        "officer of another division": product.token("officer", region="32", scopes=["investigate"]),
        "operator": product.token("ops"),
        "device": product.token("device", mns=[SOURCE.mn]),
    }


def answers(product: Whole, tokens: dict[str, str], ids: dict[str, str]) -> dict[tuple[str, str], bytes]:
    """What each caller gets of every route that can be asked, with and without a filter by kind."""
    found = {}
    for who, token in tokens.items():
        client = product.client(token)
        client.headers["x-request-id"] = "the-same"  # an error shows it
        for route in product.routes():
            if route.verb != "get" or route.path == STREAM:
                continue
            query = ASKED if route.path.endswith("/series") else {}
            found[who, str(route)] = client.get(route.path.format(**ids), params=query).content
            if "kind" in route.parameters("query"):
                for kind in SCOPE_OF_KIND:
                    found[who, f"{route}?kind={kind}"] = client.get(
                        route.path.format(**ids), params={"kind": kind}
                    ).content
    return found


def suspicion(product: Whole, kind: str) -> Risk:
    """A risk of this kind at the enterprise whose excess is known."""
    listed = product.client().get("/alerts/v1/alerts", params={"kind": "emission.exceeded"}).json()["items"]
    with product.host.services[2].database.read() as session:  # the excess as alerts keeps it
        from services.alerts.store.tables import ALERT

        row = session.connection().execute(ALERT.select().where(ALERT.c.id == listed[0]["id"])).one()
    excess = Risk.read(row.risk)
    return replace(excess, id=derived_id("rsk", kind, SOURCE.mn), kind=kind, condition="flat", state=RiskState.OPEN)


def place(product: Whole, risk: Risk) -> str:
    """Publish the risk as monitoring would; gives the alert's id once there is one."""
    event = Event(RISK_OPENED, "/monitoring", risk.id, 1, risk.changed_at, risk.document())
    product.host.context.log.append(RISKS, [NewRecord(SOURCE.code, encode_event(event))]).result(20)
    admin = product.client()
    asked = {"kind": risk.kind}
    (alert,) = eventually(lambda: admin.get("/alerts/v1/alerts", params=asked).json()["items"], what=risk.kind)
    eventually(lambda: risk.kind in admin.get("/alerts/v1/events").text, what="its event")
    return str(alert["id"])


@pytest.mark.parametrize("kind", SCOPE_OF_KIND)
def test_a_suspicion_changes_no_byte_for_those_who_may_not_see_it(product: Whole, kind: str) -> None:
    alert_id = derived_id("alr", "none", "1")
    names = {name for route in product.routes() for name in re.findall(r"{(\w+)}", route.path)}
    ids = dict.fromkeys(names, "0")
    ids |= {"credit_code": SOURCE.code, "number": SOURCE.permit, "mn": SOURCE.mn, "code": SOURCE.region, "year": "2026"}
    ids["alert_id"] = alert_id
    tokens = callers(product)
    before = answers(product, tokens, ids)
    planted = place(product, suspicion(product, kind))
    found = answers(product, tokens, {**ids, "alert_id": planted})
    after = {
        key: value.replace(planted.encode(), alert_id.encode()) for key, value in found.items()
    }  # the id that was asked for
    assert len(before) > 80
    assert {key: value for key, value in after.items() if value != before[key]} == {}
    holder = product.client(product.token("officer", region="15", scopes=["investigate"]))
    assert holder.get(f"/alerts/v1/alerts/{planted}").json()["kind"] == kind
    assert kind in holder.get("/alerts/v1/events").text
    assert holder.get("/alerts/v1/regions/15/summary").json()["by_kind"][kind] == 1
