"""Monitoring over HTTP on real parts: the embedded log, SQLite, signed tokens. Records are handled as the host would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from services.monitoring.service import build
from shared.access import Caller, Role
from shared.domain.clock import Clock, rfc3339
from shared.domain.errors import Unreachable
from shared.domain.events import PACKETS, QUARANTINE, REGISTRY
from shared.ports import NewRecord, Record
from shared.runtime.auth import SigningKey, Verifier, claims, signing_key
from shared.runtime.body_limit import BodyLimits
from shared.runtime.metrics import Metrics
from shared.runtime.service import Context, Service
from shared.runtime.web import install_problems
from tests.support.clients import client_of
from tests.support.contexts import a_context, migrated
from tests.unit.monitoring.harness import CREDIT_CODE, MN, NOX, O2, PERMIT_NUMBER, SO2, MonitoringHarness, a_limit, at

NOW = at("2026-11-20 09:00")
API = "/monitoring/v1"
OTHER_CODE, OTHER_MN = "91110000MA00AAAA1X", "B110000_0001"


@dataclass
class ApiHarness:
    """The service behind a test client; `pump` handles what the log holds."""

    context: Context
    service: Service
    key: SigningKey
    app: FastAPI = field(default_factory=FastAPI)
    read: set[tuple[str, int, int]] = field(default_factory=set)  # topic, partition, offset

    def public_key(self, kid: str) -> str | None:
        return self.key.public_pem() if kid == self.key.kid else None

    def revoked(self, _jti: str) -> bool:
        return False

    def client(self, role: Role = Role.ADMIN, **scope: Any) -> TestClient:
        token = self.key.sign(claims(Caller(role, role.value, **scope), now=NOW))
        return client_of(self.app, {"Authorization": f"Bearer {token}"})

    def device(self) -> TestClient:
        return self.client(Role.DEVICE, mns=(MN,))

    def records(self, topic: str) -> list[Record]:
        following = self.context.log.follow(topic)
        found: list[Record] = []
        while not following.caught_up():
            found += following.poll(0.01)
        following.close()
        return found

    def pump(self) -> None:
        """Everything on the log that was not handled yet, to its handler, in one transaction each."""
        for consumption in self.service.consumptions:
            for topic, handler in consumption.handlers.items():
                found = {(topic, record.partition, record.offset): record for record in self.records(topic)}
                records = [record for place, record in found.items() if place not in self.read]
                self.read.update(found)
                with self.service.database.transaction() as session:
                    handler(session, [_unheaded(record) for record in records])

    def publish(self, records: Sequence[Record]) -> None:
        """Put records of the register on the log and into the look-up."""
        self.context.log.append(REGISTRY, [NewRecord(r.key, r.value) for r in records]).result(5)
        for record in self.records(REGISTRY):
            self.context.directory.take(record)
        self.pump()


def _unheaded(record: Record) -> Record:
    """Progress rows are the consumer's affair; here nothing waits for the register."""
    return Record(record.topic, record.partition, record.offset, record.key, record.value, {}, record.appended_at)


@contextmanager
def opened(folder: Path, url: str | None = None) -> Iterator[ApiHarness]:
    clock = Clock(wall_now=lambda: NOW, field_now=lambda: NOW)
    context = migrated(a_context(folder, clock, database_url=url), "monitoring")
    harness = ApiHarness(context, build(context), signing_key(folder / "signing.key"))
    harness.app.router.routes.extend(harness.service.router.routes)
    harness.app.state.verifier = Verifier(harness, clock.wall_now)
    install_problems(harness.app)
    harness.app.add_middleware(BodyLimits, metrics=context.metrics)
    try:
        yield harness
    finally:
        harness.service.database.close()
        context.log.close()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[ApiHarness]:
    """Two enterprises with a point each; SO2 35 at 6 % oxygen, NOx 100."""
    with opened(tmp_path) as found:
        found.publish(two_enterprises(tmp_path))
        yield found


def two_enterprises(folder: Path) -> list[Record]:
    """The register's records; the first point has the password 123456."""
    register = MonitoringHarness(folder / "register")
    registered: list[Record] = []
    register.take_registry = lambda *records: registered.extend(records)  # type: ignore[method-assign]
    register.an_enterprise()
    register.a_point(password="123456")
    register.a_permit(a_limit(), a_limit(NOX, "100", o2=None))
    register.an_enterprise(OTHER_CODE, region="110105")
    register.a_point(OTHER_MN, code=OTHER_CODE)
    register.a_permit(a_limit(), mns=[OTHER_MN], code=OTHER_CODE)
    register.database.close()
    return registered


def packet(start: str = "2026-11-20 08:00", *, mn: str = MN, **more: Any) -> dict[str, Any]:
    factors = {SO2: {"Avg": 42.1, "Flag": "N"}, O2: {"Avg": 7.9, "Flag": "N"}}
    return {"mn": mn, "command": "2061", "data_time": rfc3339(at(start)), "factors": factors, **more}


def post(client: TestClient, items: Any) -> Any:
    answer = client.post(f"{API}/packets", json=items)
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_a_packet_over_http_becomes_an_exceedance(harness: ApiHarness) -> None:
    assert post(harness.device(), [packet()]) == {"accepted": 1, "rejected": []}
    (record,) = harness.records(PACKETS)
    assert (record.key, record.headers["registry"]) == (MN, b"6")
    harness.pump()
    officer = harness.client(Role.OFFICER, region="15")
    (window,) = officer.get(f"{API}/exceedances").json()["items"]
    assert (window["decided"], window["limit"], window["multiple"], window["outlet"]) == (
        "48.21",
        "35",
        "0.377",
        "DA001",
    )
    assert window["window"]["from"] == "2026-11-20T08:00:00+08:00"
    (episode,) = officer.get(f"{API}/exceedances", params={"of": "episodes"}).json()["items"]
    assert (episode["condition"], episode["permit"], episode["state"]) == ("first", PERMIT_NUMBER, "open")


def test_each_item_has_its_own_outcome(harness: ApiHarness) -> None:
    far = packet((NOW + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M"))
    items = [
        packet(),
        packet(mn="NOBODY"),
        packet(factors={SO2: {"Avg": "42"}}),
        packet(data_time="2026-11-20 08:00"),
        packet(command="9021"),
        packet(factors={}),
        far,
        17,
        packet(factors={"a b": {"Avg": 1}}),
    ]
    answer = post(harness.client(Role.OPS), items)
    assert answer["accepted"] == 1
    assert [(found["index"], found["code"]) for found in answer["rejected"]] == [
        (1, "unknown-point"),
        (2, "bad-number"),
        (3, "bad-time"),
        (4, "bad-command"),
        (5, "no-factors"),
        (6, "future"),
        (7, "bad-json"),
        (8, "bad-number"),
    ]


def test_a_device_speaks_for_its_own_points_only(harness: ApiHarness) -> None:
    answer = post(harness.device(), [packet(mn=OTHER_MN), packet()])
    assert (answer["accepted"], answer["rejected"][0]["code"]) == (1, "not-yours")
    assert (
        harness.client(Role.ENTERPRISE, credit_codes=(CREDIT_CODE,)).post(f"{API}/packets", json=[]).status_code == 403
    )
    assert TestClient(harness.app).post(f"{API}/packets", json=[]).status_code == 401


def test_lines_are_taken_and_a_bad_line_is_refused_alone(harness: ApiHarness) -> None:
    lines = "\n".join([json.dumps(packet()), "{oops", "", json.dumps(packet("2026-11-20 07:00"))])
    answer = harness.device().post(f"{API}/packets", content=lines, headers={"content-type": "application/x-ndjson"})
    assert answer.status_code == 202 and answer.json()["accepted"] == 2
    assert [(found["index"], found["code"]) for found in answer.json()["rejected"]] == [(1, "bad-json")]


def test_a_batch_of_which_nothing_is_accepted_is_a_problem_with_its_report(harness: ApiHarness) -> None:
    items = [packet(mn="NOBODY"), 17, packet(data_time="yesterday")]
    answer = harness.client(Role.OPS).post(f"{API}/packets", json=items)
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (body["status"], body["code"]) == (422, "all-rejected")
    assert [(one["index"], one["code"]) for one in body["rejected"]] == [
        (0, "unknown-point"),
        (1, "bad-json"),
        (2, "bad-time"),
    ]
    assert body["detail"].startswith("packets sent: 3, accepted: none; the first: unknown-point, ")
    assert "rejected" not in harness.device().post(f"{API}/packets", content=b"{").json()  # no batch: no report


def test_a_batch_of_which_something_is_accepted_and_an_empty_one_are_202(harness: ApiHarness) -> None:
    assert harness.device().post(f"{API}/packets", json=[packet(), 17]).status_code == 202
    assert harness.device().post(f"{API}/packets", json=[]).status_code == 202
    lines = {"content-type": "application/x-ndjson"}
    assert harness.device().post(f"{API}/packets", content=b"{oops\n{oops", headers=lines).status_code == 422


@pytest.mark.parametrize("nested", [b"[" * 20_000, b'{"a":' * 20_000], ids=["lists", "objects"])
def test_a_line_nested_too_deep_is_refused_alone_and_an_array_as_a_whole(harness: ApiHarness, nested: bytes) -> None:
    good = json.dumps(packet()).encode()
    answer = harness.device().post(
        f"{API}/packets", content=nested + b"\n" + good, headers={"content-type": "application/x-ndjson"}
    )
    assert answer.status_code == 202 and answer.json()["accepted"] == 1
    assert [(found["index"], found["code"]) for found in answer.json()["rejected"]] == [(0, "bad-json")]
    assert harness.device().post(f"{API}/packets", content=b"[" + nested).status_code == 422


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 422), (b'{"mn": 1}', 422), (b"[" + b" " * (5 * 1024 * 1024) + b"]", 413)],
    ids=["no JSON", "no array", "too large"],
)
def test_a_body_that_makes_no_batch_is_a_problem(harness: ApiHarness, content: bytes, status: int) -> None:
    answer = harness.device().post(f"{API}/packets", content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_while_the_log_is_away_nothing_is_acknowledged(tmp_path: Path, harness: ApiHarness) -> None:
    class AwayLog:
        def append(self, _topic: str, _records: Sequence[NewRecord]) -> Future[list[tuple[int, int]]]:
            refused: Future[list[tuple[int, int]]] = Future()
            refused.set_exception(Unreachable("the disk is nearly full", code="log-away"))
            return refused

    away = Context(
        harness.context.settings, harness.context.clock, AwayLog(), harness.context.sealer, harness.context.directory, Metrics()  # type: ignore[arg-type]
    )  # fmt: skip
    service = build(away)
    app = FastAPI()
    app.router.routes.extend(service.router.routes)
    app.state.verifier = harness.app.state.verifier
    install_problems(app)
    app.add_middleware(BodyLimits, metrics=away.metrics)
    harness.app = app
    answer = harness.device().post(f"{API}/packets", json=[packet()])
    service.database.close()
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "5", "log-away")


def test_codes_of_2005_are_read_as_those_of_2017(harness: ApiHarness) -> None:
    post(harness.device(), [packet(factors={"02": {"Avg": 42.1}, "S01": {"Avg": 7.9}})])
    harness.pump()
    items = harness.device().get(f"{API}/points/{MN}/latest").json()["items"]
    assert {item["factor"]: item["value"] for item in items} == {SO2: "42.1", O2: "7.9"}


def test_a_series_is_paged_and_tells_the_verdicts(harness: ApiHarness) -> None:
    post(harness.device(), [packet(f"2026-11-20 0{hour}:00") for hour in range(5)])
    harness.pump()
    client = harness.client(Role.ENTERPRISE, credit_codes=(CREDIT_CODE,))
    asked = {"factor": SO2, "from": "2026-11-20T01:00:00+08:00", "to": "2026-11-20T04:00:00+08:00", "limit": 2}
    page = client.get(f"{API}/points/{MN}/series", params=asked).json()
    rest = client.get(f"{API}/points/{MN}/series", params={**asked, "cursor": page["next"]}).json()
    assert [item["at"][11:13] for item in page["items"] + rest["items"]] == ["01", "02", "03"]
    assert rest["next"] is None
    assert page["items"][0]["verdict"]["decided"] == "48.21" and page["items"][0]["unit"] == "mg/m3"


def test_what_is_outside_the_scope_is_not_there(harness: ApiHarness) -> None:
    post(harness.client(Role.OPS), [packet(), packet(mn=OTHER_MN)])
    harness.pump()
    other = harness.client(Role.ENTERPRISE, credit_codes=(OTHER_CODE,))
    assert other.get(f"{API}/points/{MN}/series", params={"factor": SO2}).status_code == 404
    assert harness.client(Role.DEVICE, mns=(OTHER_MN,)).get(f"{API}/points/{MN}/latest").status_code == 404
    officer = harness.client(Role.OFFICER, region="1101")
    for client, seen in ((other, OTHER_CODE), (officer, OTHER_CODE)):
        for of in ("windows", "episodes"):
            items = client.get(f"{API}/exceedances", params={"of": of}).json()["items"]
            assert [item["credit_code"] for item in items] == [seen]
    admin = harness.client()
    page = admin.get(f"{API}/exceedances", params={"limit": 1}).json()
    rest = admin.get(f"{API}/exceedances", params={"limit": 1, "cursor": page["next"]}).json()
    assert {page["items"][0]["point"], rest["items"][0]["point"]} == {MN, OTHER_MN} and rest["next"] is None


def test_exceedances_come_newest_first_unless_asked_otherwise(harness: ApiHarness) -> None:
    post(
        harness.client(Role.OPS),
        [packet(f"2026-11-20 0{hour}:00", mn=mn) for hour in (0, 2, 4) for mn in (MN, OTHER_MN)],
    )
    post(harness.client(Role.OPS), [{**packet("2026-11-20 01:00"), "factors": {SO2: {"ZsAvg": 10, "Flag": "N"}}}])
    harness.pump()
    admin = harness.client()

    def walked(**asked: str | int) -> list[tuple[str, str]]:
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = admin.get(f"{API}/exceedances", params={"limit": 2, **asked, **after}).json()
            found += page["items"]
            if page["next"] is None:
                return [(item["window"]["from"][11:13], item.get("point") or item["mn"]) for item in found]
            after = {"cursor": page["next"]}

    oldest_first = [(hour, mn) for hour in ("00", "02", "04") for mn in (MN, OTHER_MN)]
    assert walked(order="asc") == oldest_first
    assert walked() == walked(order="desc") == oldest_first[::-1]
    episodes = walked(of="episodes", order="asc")
    assert [hour for hour, _ in episodes] == ["00", "00", "02"]
    assert walked(of="episodes") == episodes[::-1]
    assert admin.get(f"{API}/exceedances", params={"order": "sideways"}).status_code == 422


def test_quarantine_is_read_put_back_and_dismissed_once(harness: ApiHarness) -> None:
    def kept(mn: str) -> NewRecord:
        document = {"reason": "unknown-point", "mn": mn, "received_at": rfc3339(NOW), "source": "gateway",
                    "address": "10.0.0.9", "raw": "IyM=", "sealed_password": None, "detail": "no active point"}  # fmt: skip
        return NewRecord(mn, json.dumps(document).encode())

    harness.context.log.append(QUARANTINE, [kept(MN), kept("UNKNOWN")]).result(5)
    foreign = {**packet(mn="UNKNOWN"), "received_at": rfc3339(NOW), "source": "bridge"}
    harness.context.log.append(PACKETS, [NewRecord("UNKNOWN", json.dumps(foreign).encode())]).result(5)
    harness.pump()
    ops = harness.client(Role.OPS)
    items = ops.get(f"{API}/quarantine").json()["items"]
    assert [(item["mn"], item["form"], item["state"]) for item in items][::-1] == [
        ("UNKNOWN", "packet", "kept"),
        (MN, "frame", "kept"),
        ("UNKNOWN", "frame", "kept"),
    ]
    officer = harness.client(Role.OFFICER, region="15")
    (own,) = officer.get(f"{API}/quarantine").json()["items"]
    assert own["mn"] == MN
    whole = next(item["id"] for item in items if item["form"] == "packet")
    broken = next(item["id"] for item in items if item["mn"] == MN)
    assert officer.post(f"{API}/quarantine/{whole}/put-back").status_code == 404
    assert ops.post(f"{API}/quarantine/{whole}/put-back").json()["state"] == "put-back"
    assert ops.post(f"{API}/quarantine/{whole}/put-back").status_code == 409
    assert ops.post(f"{API}/quarantine/{broken}/put-back").json()["code"] == "no-packet"
    assert officer.post(f"{API}/quarantine/{broken}/dismiss").json()["moved_by"] == "officer"
    assert ops.get(f"{API}/quarantine", params={"state": "kept"}).json()["items"][0]["form"] == "frame"
