"""The product in one of its shapes as the fuzzer sees it: processes, clients, the log that others may write to, and what is
registered there. Names in braces (`{alert}`) stand for identities that differ from one product to the next.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from kafka import KafkaProducer

from shared.eventlog.embedded import EmbeddedLog
from shared.ports import NewRecord
from shared.runtime.auth import SigningKey, signing_key
from tests.fuzz.inputs import Input
from tests.support.distributed import Distributed, running_apart
from tests.support.product import Process, Source, eventually, last_hour, pages, running
from tests.support.servers import KafkaServer, PostgresServer
from tests.support.whole import packet

TARGET = Source(number=9101, password=None)  # what the fuzzer writes about; guessed passwords would shut it out
GUARDED = Source(number=9104)  # the same with a password
GOOD = Source(number=9102)  # what must go on working
FOREIGN = Source(number=4201)  # the golden point: its password was sealed by another installation's key
LISTED = Source(number=9103)  # comes by imports of the official list
ELSEWHERE = "650100"  # a division where nothing else of the fuzzer is
ROLES: Mapping[str, Mapping[str, Any]] = {
    "device": {"mns": [TARGET.mn]},
    "enterprise": {"credit_codes": [TARGET.code]},
    "officer": {"region": ELSEWHERE},
}
# the fuzzer asks as fast as it can, by one token
NO_BUDGET = {f"YUJING_TOKEN_{what}": "1000000" for what in ("CALLS_PER_S", "CALLS_BURST")}
GOLDEN = Path(__file__).resolve().parents[1] / "contract" / "golden"
CALLER = "x-caller"  # among the headers of an input
SERVICES = ("permits", "monitoring", "alerts")

Headers = tuple[tuple[str, bytes], ...]
Append = Callable[[str, bytes, bytes | None, Headers], Callable[[], object]]


@dataclass
class Site:
    """`append(topic, key, value, headers)` writes to the log as another producer does; what it returns waits until it is
    there."""

    product: Process | Distributed
    append: Append
    names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def client(self) -> httpx.Client:
        """The administrator's."""
        return self.product.client()

    def caller(self, one: Input) -> httpx.Client:
        """A client of the role that the input's header `x-caller` names; the administrator's when it names none."""
        return self.as_role(dict(one.headers).get(CALLER, b"").decode())

    def as_role(self, role: str) -> httpx.Client:
        return self._callers[role] if role in ROLES else self.client

    @cached_property
    def _callers(self) -> dict[str, httpx.Client]:
        return {role: self._of(role, scope) for role, scope in ROLES.items()}

    def _of(self, role: str, scope: Mapping[str, Any]) -> httpx.Client:
        answer = self.client.post("/permits/v1/keys", json={"role": role, "subject": role, **scope})
        assert answer.status_code == 201, answer.text
        return self.product.client(answer.json()["token"])

    @property
    def processes(self) -> list[Process]:
        return list(self.product.processes.values()) if isinstance(self.product, Distributed) else [self.product]

    def process_of(self, path: str) -> Process:
        """Whose port answers this path."""
        if isinstance(self.product, Process):
            return self.product
        name = path.split("/")[1] if path.startswith("/") else ""
        return self.product.processes.get(name) or self.product.processes["permits"]

    @cached_property
    def key(self) -> SigningKey:
        """The installation's own."""
        if isinstance(self.product, Distributed):
            return signing_key(Path(self.product.settings["YUJING_SIGNING_KEY_FILE"]))
        return signing_key(self.product.folder / "data" / "signing.key")

    @cached_property
    def routes(self) -> list[Route]:
        """Every operation of every OpenAPI document."""
        found = []
        for service in SERVICES:
            document = self.client.get(f"/{service}/v1/openapi.json").json()
            for path, operations in document["paths"].items():
                found += [Route(verb.upper(), path, operation) for verb, operation in operations.items()]
        return found

    def filled(self, text: str) -> str:
        """With the names of this product."""
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def errors(self, most: int = 3) -> str:
        """The last different errors that the processes logged, each with the end of its trace."""
        logged = [line for one in self.processes for line in one.tail(600).splitlines() if '"level": "error"' in line]
        found = {}
        for line in logged:
            entry = json.loads(line)
            trace = "\n".join(entry.get("exception", "").splitlines()[-12:])
            found[entry["event"], trace] = f"{entry['event']}: {entry.get('error', '')}\n{trace[-1500:]}"
        return "\n".join([*found.values()][-most:])

    def close(self) -> None:
        for client in (*self.__dict__.get("_callers", {}).values(), self.client):
            client.close()


@dataclass(frozen=True, slots=True)
class Route:
    """One operation."""

    verb: str
    path: str
    operation: Mapping[str, Any]

    def parameters(self, where: str) -> list[str]:
        return [one["name"] for one in self.operation.get("parameters", []) if one["in"] == where]

    def needed(self) -> list[str]:
        """Query parameters without which the route refuses."""
        return [one["name"] for one in self.operation.get("parameters", []) if one["in"] == "query" and one["required"]]

    def body_types(self) -> list[str]:
        return list(self.operation.get("requestBody", {}).get("content", {}))


@contextmanager
def embedded_site(folder: Path) -> Iterator[Site]:
    """One process on SQLite files; its log opened beside it, as the commands do."""
    with running(folder, **NO_BUDGET) as process:
        log = EmbeddedLog(folder / "data" / "log.sqlite", wall_now=lambda: datetime.now(UTC), exclusive=False)

        def append(topic: str, key: bytes, value: bytes | None, headers: Headers) -> Callable[[], object]:
            written = log.append(topic, [NewRecord(key.decode(errors="replace"), value, dict(headers))])
            return lambda: written.result(20)

        try:
            with _furnished(Site(process, append)) as site:
                yield site
        finally:
            log.close()


@contextmanager
def distributed_site(folder: Path, kafka: KafkaServer, postgres: PostgresServer) -> Iterator[Site]:
    """Three processes on Kafka and PostgreSQL; a producer of its own for the log."""
    with running_apart(folder, kafka, postgres, **NO_BUDGET) as made:
        producer = KafkaProducer(
            bootstrap_servers=kafka.bootstrap, acks="all", linger_ms=0, max_request_size=4 * 1024**2
        )
        prefix = made.settings["YUJING_KAFKA_TOPIC_PREFIX"]

        def append(topic: str, key: bytes, value: bytes | None, headers: Headers) -> Callable[[], object]:
            written = producer.send(f"{prefix}{topic}", key=key, value=value, headers=list(headers))
            return lambda: written.get(timeout=20)

        try:
            with _furnished(Site(made, append)) as site:
                yield site
        finally:
            producer.close()


@contextmanager
def _furnished(site: Site) -> Iterator[Site]:
    """Something of everything: points, an alert, an endpoint, a subscription, an import, something quarantined."""
    try:
        for source in (TARGET, GUARDED, GOOD):
            source.register(site.client)
        site.append("registry", b"point:foreign", (GOLDEN / "yujing.registered.v1.point.json").read_bytes(), ())()
        for source in (TARGET, GUARDED, GOOD, FOREIGN):
            eventually(lambda s=source: _known(site, s), what=f"point {source.mn} known")  # type: ignore[misc]
        site.names |= {
            "key": site.key.kid,
            **_alerted(site),
            **_subscribed(site),
            **_quarantined(site),
            **_imported(site),
        }
        yield site
    finally:
        site.close()


def _known(site: Site, source: Source) -> bool:
    return site.client.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200


def _alerted(site: Site) -> dict[str, str]:
    for before in (2, 4):
        answer = site.client.post("/monitoring/v1/packets", json=[packet(TARGET, last_hour(before), 60.0)])
        assert answer.status_code == 202, answer.text
    (alert, *_) = eventually(lambda: pages(site.client, "/alerts/v1/alerts", credit_code=TARGET.code), what="an alert")
    return {"alert": alert["id"]}


def _subscribed(site: Site) -> dict[str, str]:
    """An endpoint of the enterprise's, one of the officer's, and the officer's subscription."""
    url = {"url": "http://127.0.0.1:9/x"}
    own, desk = (site.as_role(role).post("/alerts/v1/endpoints", json=url) for role in ("enterprise", "officer"))
    asked = {"name": "x", "filter": {"regions": [ELSEWHERE]}, "via": {"endpoint": desk.json()["id"]}}
    answer = site.as_role("officer").post("/alerts/v1/subscriptions", json=asked)
    return {"endpoint": own.json()["id"], "desk": desk.json()["id"], "subscription": answer.json()["id"]}


def _quarantined(site: Site) -> dict[str, str]:
    site.append("packets", TARGET.mn.encode(), b'{"mn": "' + TARGET.mn.encode() + b'"}', ())()
    (item, *_) = eventually(lambda: pages(site.client, "/monitoring/v1/quarantine", mn=TARGET.mn), what="quarantined")
    return {"quarantined": str(item["id"])}


def _imported(site: Site) -> dict[str, str]:
    content = official_list(row(name="甲", validity="never"), row(name="乙"))
    return {"import": site.client.post("/permits/v1/imports", content=content).json()["id"]}


HEADER = "许可证编号,单位名称,行业类别,有效期限,管理类别,省/直辖市"


def row(*, name: str, validity: str = "2022-01-01至2028-12-31", number: str = LISTED.permit) -> str:
    """A row of the official list."""
    return f"{number},{name},火力发电,{validity},简化管理,内蒙古自治区"


def official_list(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def unpadded(content: bytes) -> str:
    """As cursors and tokens write bytes."""
    return urlsafe_b64encode(content).decode().rstrip("=")
