"""The API of alerts: scopes over every GET, moves, endpoints, deliveries, events by poll and by stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select, update

from services.alerts.channels import all_channels
from services.alerts.channels.guard import Guard
from services.alerts.delivery.event_stream import EventStream
from services.alerts.service import router
from services.alerts.store.tables import ENDPOINT, OUTBOX
from shared.access import Caller, Role
from shared.runtime.web import install_problems
from tests.support.alerts_case import ENTERPRISE, LOOPBACK, DeliveryHarness, a_delivery_harness, a_risk, cleared, longer

OTHER = "91150103MA0N0CCC3D"
CALLERS = {
    "a": Caller(Role.ENTERPRISE, "a", credit_codes=(ENTERPRISE,)),
    "b": Caller(Role.ENTERPRISE, "b", credit_codes=(OTHER,)),
    "county": Caller(Role.OFFICER, "county", region="150102"),
    "elsewhere": Caller(Role.OFFICER, "elsewhere", region="1502"),
    "province": Caller(Role.OFFICER, "province", region="15"),
    "ops": Caller(Role.OPS, "ops"),
    "device": Caller(Role.DEVICE, "device", mns=("A110000_0001",)),
    "admin": Caller(Role.ADMIN, "admin"),
}
A_RISK, B_RISK = (
    a_risk(id="rsk_a"),
    a_risk(id="rsk_b", credit_code=OTHER, region="150103", enterprise_name="乙厂", permit=f"{OTHER}001P"),
)


class Names:
    """Takes a caller's name for a token."""

    def caller(self, token: str) -> Caller:
        return CALLERS[token]


@dataclass
class ApiHarness:
    """A web server over the service; `relay` gives the outbox rows their numbers as the relay would."""

    delivery: DeliveryHarness
    url: str
    feed: EventStream
    stopping: threading.Event

    def ask(self, who: str, path: str, **query: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=query, headers={"authorization": f"Bearer {who}"}, timeout=20)

    def post(self, who: str, path: str, body: Any = None, verb: str = "POST") -> httpx.Response:
        return httpx.request(
            verb, f"{self.url}{path}", json=body, headers={"authorization": f"Bearer {who}"}, timeout=20
        )

    def relay(self) -> None:
        with self.delivery.database.transaction() as session:
            connection = session.connection()
            last = connection.execute(select(func.max(OUTBOX.c.stream_no))).scalar() or 0
            unsent = connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.sent_at.is_(None)).order_by(OUTBOX.c.id))
            for number, row_id in enumerate(unsent.scalars().all(), start=last + 1):
                sent = update(OUTBOX).where(OUTBOX.c.id == row_id)
                connection.execute(sent.values(sent_at=datetime.now(UTC), stream_no=number))


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[ApiHarness]:
    delivery, stopping = a_delivery_harness(tmp_path), threading.Event()
    app, feed = FastAPI(), EventStream(delivery.database, poll_s=0.02)
    install_problems(app)
    app.state.verifier, app.state.stopping = Names(), stopping
    app.router.routes.extend(router(delivery.parts, all_channels(Guard(LOOPBACK)), feed).routes)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    delivery.wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield ApiHarness(delivery, f"http://127.0.0.1:{port}/alerts/v1", feed, stopping)
    stopping.set()
    server.should_exit = True
    thread.join(8)
    assert not thread.is_alive(), "the server did not stop in time"
    delivery.database.close()


@pytest.fixture
def both(harness: ApiHarness) -> ApiHarness:
    """Two enterprises with an alert, an endpoint and a delivery each."""
    harness.delivery.endpoint("http://127.0.0.1:1/a", credit_code=ENTERPRISE)
    harness.delivery.endpoint("http://127.0.0.1:1/b", credit_code=OTHER)
    harness.delivery.endpoint("http://127.0.0.1:1/county", region="150102")
    harness.delivery.take(A_RISK, B_RISK, a_risk(id="rsk_hidden", kind="data.suspect", condition="flat"))
    harness.relay()
    return harness


def test_no_get_shows_an_enterprise_anything_of_another(both: ApiHarness) -> None:
    delivery = both.delivery
    ids = {
        "a": [delivery.alert("rsk_a").id, delivery.endpoints()["http://127.0.0.1:1/a"].id],
        "b": [delivery.alert("rsk_b").id, delivery.endpoints()["http://127.0.0.1:1/b"].id],
    }
    pushes = {row.id: row.credit_code for row in delivery.rows(ENDPOINT)}
    of = {push.id: pushes[push.endpoint_id] for push in delivery.pushes()}
    for me, other, code in (("a", "b", OTHER), ("b", "a", ENTERPRISE)):
        for path in ("/alerts", "/events", "/endpoints", "/deliveries"):
            answer = both.ask(me, path)
            assert answer.status_code == 200 and answer.json()["items"], path
            assert code not in answer.text and not any(one in answer.text for one in ids[other]), path
        paths = [f"/alerts/{ids[other][0]}", f"/endpoints/{ids[other][1]}"]
        paths += [f"/deliveries/{push}" for push, owner in of.items() if owner != CALLERS[me].credit_codes[0]]
        assert {both.ask(me, path).status_code for path in paths} == {404}
        assert both.ask(me, "/alerts", credit_code=code).json()["items"] == []
        assert both.ask(me, "/deliveries", endpoint=ids[other][1]).json()["items"] == []


@pytest.mark.parametrize(
    ("who", "seen"), [("county", 1), ("elsewhere", 0), ("province", 2), ("ops", 0), ("admin", 3), ("a", 1), ("b", 1)]
)
def test_officers_see_their_region_and_the_hidden_alert_shows_to_no_enterprise(
    both: ApiHarness, who: str, seen: int
) -> None:
    assert len(both.ask(who, "/alerts").json()["items"]) == seen
    assert len(both.ask(who, "/events").json()["items"]) == seen


def test_who_has_no_business_here_is_refused(both: ApiHarness) -> None:
    alert = both.delivery.alert("rsk_a").id
    assert both.ask("device", "/alerts").status_code == 403
    assert httpx.get(f"{both.url}/alerts").status_code == 401
    assert both.post("county", f"/alerts/{alert}/acknowledge").status_code == 403
    assert both.post("a", f"/alerts/{alert}/verify").status_code == 403
    assert both.post("b", f"/alerts/{alert}/acknowledge").status_code == 404
    assert both.post("elsewhere", f"/alerts/{alert}/withdraw", {"text": "误报"}).status_code == 404
    assert both.post("b", f"/deliveries/{both.delivery.pushes()[0].id}/replay").status_code in (202, 404)


def test_an_alert_is_acknowledged_answered_verified_and_closed_with_its_history(both: ApiHarness) -> None:
    path = f"/alerts/{both.delivery.alert('rsk_a').id}"
    assert both.post("county", f"{path}/close").status_code == 409
    assert both.post("a", f"{path}/acknowledge", {"note": "收到"}).json()["status"] == "acknowledged"
    again = both.post("a", f"{path}/acknowledge")
    assert again.status_code == 409 and "the alert is acknowledged" in again.json()["detail"]
    assert both.post("a", f"{path}/objection", {"text": "仪器在校准"}).json()["status"] == "acknowledged"
    assert both.post("a", f"{path}/answer", {}).status_code == 422
    assert both.post("a", f"{path}/answer", {"text": "已更换喷嘴"}).json()["status"] == "answered"
    assert both.post("county", f"{path}/verify").json()["status"] == "verified"
    closed = both.post("county", f"{path}/close", {"text": "已恢复"}).json()
    assert closed["status"] == "closed" and closed["actions"] == [] and closed["revision"] == 6
    seen = [(step["what"], step["who"], step["why"]) for step in both.ask("a", path).json()["history"]]
    assert [what for what, _, _ in seen] == ["opened", "acknowledged", "objected", "answered", "verified", "closed"]
    assert seen[3] == ("answered", "enterprise:a", "已更换喷嘴") and seen[5][1] == "officer:county"


def test_lists_are_filtered_and_paged_without_loss_or_repetition(harness: ApiHarness) -> None:
    risks = [a_risk(id=f"rsk_{n:02}", outlet=f"DA00{n % 3}") for n in range(11)]
    harness.delivery.take(*risks, longer(risks[0], 2, "repeated", hours=4))
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = harness.ask("a", "/alerts", limit=4, **({"cursor": cursor} if cursor else {})).json()
        found += [item["id"] for item in page["items"]]
        cursor, pages = page["next"], pages + 1
    assert pages == 3 and len(found) == len(set(found)) == 11

    def count(**query: str) -> int:
        return len(harness.ask("province", "/alerts", **query).json()["items"])

    assert count(level="red", stage="after", status="open") == 1
    assert count(outlet="DA001") == 4 and count(outlet="DA001", factor="a34013") == 0
    assert (count(region="1501"), count(region="1502"), count(kind="data.offline")) == (11, 0, 0)
    assert (count(since="2026-11-20T09:00:00+08:00"), count(since="2026-11-20T09:00:01+08:00")) == (11, 0)
    assert harness.ask("a", "/alerts", level="purple").status_code == 422
    assert harness.ask("a", "/alerts", cursor="nonsense").status_code == 422


def test_an_endpoint_belongs_to_its_caller_and_its_secret_is_shown_once(harness: ApiHarness) -> None:
    mine = harness.post("a", "/endpoints", {"url": "http://127.0.0.1:9/hook"})
    assert mine.status_code == 201 and mine.json()["secret"].startswith("whsec_")
    assert mine.json()["owner"] == {"credit_code": ENTERPRISE}
    path = f"/endpoints/{mine.json()['id']}"
    assert "secret" not in harness.ask("a", path).json() and harness.ask("a", path).json()["secret_set"] is True
    assert mine.json()["secret"] not in str(harness.delivery.rows(ENDPOINT))
    rotated = harness.post("a", f"{path}/rotate").json()["secret"]
    assert rotated.startswith("whsec_") and rotated != mine.json()["secret"]
    assert harness.post("b", f"{path}/rotate").status_code == harness.post("b", path, verb="DELETE").status_code == 404
    assert harness.post("county", "/endpoints", {"url": "http://127.0.0.1:9/"}).json()["owner"] == {"region": "150102"}
    given = {"url": "http://127.0.0.1:9/", "owner": {"credit_code": OTHER}}
    assert harness.post("a", "/endpoints", given).status_code == 403
    assert harness.post("admin", "/endpoints", given).status_code == 422  # its check character is wrong
    assert harness.post("admin", "/endpoints", {"url": "http://127.0.0.1:9/"}).status_code == 422
    region = harness.post("admin", "/endpoints", {"url": "http://127.0.0.1:9/", "owner": {"region": "150100"}})
    assert region.json()["owner"] == {"region": "1501"}
    assert harness.post("a", path, verb="DELETE").status_code == 204
    assert harness.ask("a", path).status_code == 404


def test_a_private_target_is_refused_with_the_address_and_the_setting(harness: ApiHarness) -> None:
    answer = harness.post("a", "/endpoints", {"url": "http://10.0.0.7/hook"})
    assert answer.status_code == 422
    assert "10.0.0.7" in answer.json()["detail"] and "YUJING_ALLOW_PRIVATE_TARGETS" in answer.json()["detail"]
    assert harness.delivery.endpoints() == {}


def test_a_test_push_goes_the_usual_way_and_shows_among_the_deliveries(harness: ApiHarness) -> None:
    endpoint = harness.post("a", "/endpoints", {"url": "http://127.0.0.1:1/hook"}).json()["id"]
    test = harness.post("a", f"/endpoints/{endpoint}/test")
    assert test.status_code == 202 and test.json()["id"].startswith("psh_")
    with harness.delivery.sending():
        harness.delivery.wait_until(lambda: harness.ask("a", f"/deliveries/{test.json()['id']}").json()["attempts"])
    (item,) = harness.ask("a", "/deliveries", endpoint=endpoint, state="due").json()["items"]
    assert (item["reason"], item["attempts"][0]["reason"]) == ("test", "connect")
    assert harness.post("a", f"/deliveries/{item['id']}/replay").status_code == 202
    assert harness.post("b", f"/deliveries/{item['id']}/replay").status_code == 404


def test_events_are_polled_by_number_and_a_long_poll_ends_with_the_first_event(harness: ApiHarness) -> None:
    assert harness.ask("a", "/events").json() == {"items": [], "next": 0, "pushes": []}
    harness.delivery.take(A_RISK, B_RISK)
    harness.relay()
    first = harness.ask("a", "/events").json()
    assert [event["type"] for event in first["items"]] == ["yujing.alert.issued.v1"]
    answers: list[dict[str, Any]] = []
    poll = threading.Thread(target=lambda: answers.append(harness.ask("a", "/events", after=2, wait=15).json()))
    poll.start()
    harness.delivery.wait_until(lambda: harness.feed._listeners == 1)
    harness.delivery.take(cleared(B_RISK, 2), cleared(A_RISK, 2))
    harness.relay()
    poll.join(10)
    (answer,) = answers
    assert [e["data"]["enterprise"]["credit_code"] for e in answer["items"]] == [ENTERPRISE]
    assert answer["next"] == 4 and harness.ask("a", "/events", after=4).json() == {"items": [], "next": 4, "pushes": []}


def test_the_stream_resumes_behind_the_last_id_and_ends_when_the_process_stops(harness: ApiHarness) -> None:
    harness.delivery.take(A_RISK, B_RISK)
    harness.relay()
    lines: list[str] = []
    ended = threading.Event()

    def listen() -> None:
        headers = {"authorization": "Bearer province", "last-event-id": "1"}
        with httpx.stream("GET", f"{harness.url}/stream", headers=headers, timeout=20) as stream:
            lines.extend([f"type: {stream.headers['content-type']}"])
            lines.extend(line for line in stream.iter_lines() if line)
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    harness.delivery.wait_until(lambda: sum(line.startswith("id:") for line in lines) == 1)
    harness.delivery.take(cleared(A_RISK, 2))
    harness.relay()
    harness.delivery.wait_until(lambda: [line for line in lines if line.startswith("id:")] == ["id: 2", "id: 3"])
    harness.stopping.set()
    assert ended.wait(3), "the stream did not end with the process"
    assert "text/event-stream" in lines[0]
    received = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [event["type"] for event in received] == ["yujing.alert.issued.v1", "yujing.alert.changed.v1"]
    assert harness.ask("province", "/stream", after=-1).status_code == 422


def test_one_query_serves_many_listeners(harness: ApiHarness) -> None:
    count = 20
    got: list[str] = []

    def listen() -> None:
        with httpx.stream("GET", f"{harness.url}/stream", headers={"authorization": "Bearer a"}, timeout=20) as stream:
            got.append(next(line for line in stream.iter_lines() if line.startswith("id:")))

    threads = [threading.Thread(target=listen, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    harness.delivery.wait_until(lambda: harness.feed._listeners == count)
    harness.delivery.take(A_RISK)
    harness.relay()
    for thread in threads:
        thread.join(10)
    assert got == ["id: 1"] * count
    harness.delivery.wait_until(lambda: harness.feed._listeners == 0)
