"""What stands on the log may be anything: a record costs at most itself, on every topic and in any position."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.clock import rfc3339
from shared.domain.events import ALERTS, PACKETS, QUARANTINE, REGISTRY, RISKS
from shared.eventlog.embedded import EmbeddedLog
from shared.ports import NewRecord, TopicShape
from tests.support.lab import now
from tests.support.product import Source, eventually, last_hour
from tests.support.whole import Whole, packet, whole

TOPICS = (PACKETS, REGISTRY, RISKS, ALERTS, QUARANTINE)
DEPTHS = (100, 900, 950, 980, *range(985, 1000), 1100, 5000)  # the interpreter gives up near 1,000
GOOD = {
    "specversion": "1.0",
    "id": "x:1",
    "source": "yujing/permits",
    "type": "yujing.registered.v1",
    "subject": "point:x",
    "time": "2026-11-20T08:00:00+08:00",
    "revision": 1,
    "data": {"kind": "point", "id": "x", "document": {"mn": "x", "system": "31", "credit_code": "y"}},
}
VALUES: tuple[Any, ...] = (None, [], {}, 1e308, 2**70, -1, "\x00", True, [[1]], {"a": None})


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def mutated() -> Iterator[bytes]:
    """The good event with every field, and every field of its data, replaced by each odd value."""
    for value in VALUES:
        for name in GOOD:
            yield json.dumps({**GOOD, name: value}).encode()
        for name in GOOD["data"]:  # type: ignore[attr-defined]
            for kind in ("point", "enterprise", "permit", "key", "revocation"):
                yield json.dumps({**GOOD, "data": {**GOOD["data"], "kind": kind, name: value}}).encode()  # type: ignore[dict-item]


NASTY = [*map(nested, DEPTHS), b"", b"\xff\xfe\x00", b"[]", b'"\\ud800"', b"1" * 5000, *mutated()]


def failures(product: Whole) -> float:
    """Workers that raised since the host began."""
    found = product.host.context.metrics.worker_failures.collect()
    return sum(sample.value for family in found for sample in family.samples if sample.name.endswith("_total"))


def hours(product: Whole, source: Source) -> list[dict[str, Any]]:
    asked = {"factor": source.factor, "period": "hour", "from": last_hour(24).isoformat()}
    answer = product.client().get(f"/monitoring/v1/points/{source.mn}/series", params=asked)
    return list(answer.json()["items"])


def all_read(product: Whole) -> bool:
    """Whether every group has handled everything that stands on the log."""
    log = product.host.context.log
    for service in product.host.services:
        for consumption in service.consumptions:
            with service.database.read() as session:
                positions = service.progress.positions(session, consumption.group)
            for topic in consumption.handlers:
                ends = log.ends(topic)
                if any(
                    positions.get(where, 0) < end
                    for number, end in ends.items()
                    for where in positions
                    if (where.topic, where.number) == (topic, number)
                ):
                    return False
    return True


def goes_on(product: Whole, source: Source, before: int) -> None:
    """The next good packet is decided, no worker failed, and the host is ready."""
    answer = product.client().post("/monitoring/v1/packets", json=[packet(source, last_hour(before), 20.0)])
    assert answer.json() == {"accepted": 1, "rejected": []}, answer.text
    start = rfc3339(last_hour(before))
    eventually(lambda: start in {row["at"] for row in hours(product, source)}, what=f"hour {start}")
    eventually(lambda: all_read(product), what="everything read")
    assert failures(product) == 0
    assert product.bare().get("/readyz").status_code == 200


@pytest.fixture
def product(tmp_path: Path, database_url: str | None) -> Iterator[Whole]:
    with whole(tmp_path, database_url) as made:
        yield made


def test_an_unknown_field_of_a_packet_may_be_nested_however_deep(product: Whole) -> None:
    source, other = product.registered(810), product.registered(811)
    for depth in DEPTHS:
        body = json.dumps(packet(source, last_hour(3), 20.0))[:-1].encode() + b',"x":' + nested(depth) + b"}"
        answer = product.client().post("/monitoring/v1/packets", content=b"[" + body + b"]")
        assert answer.status_code in (202, 422), answer.text
    goes_on(product, other, 1)
    goes_on(product, source, 2)


def test_any_record_on_any_topic_costs_at_most_itself(product: Whole) -> None:
    source = product.registered(812)
    log = product.host.context.log
    for topic in TOPICS:
        for value in NASTY:
            log.append(topic, [NewRecord(source.mn, value)]).result(20)
    goes_on(product, source, 1)
    poisoned = product.host.context.metrics.poisoned.collect()
    counted = {sample.labels["topic"] for family in poisoned for sample in family.samples if sample.value}
    assert {RISKS, REGISTRY, QUARANTINE} <= counted


def test_a_log_that_already_holds_such_records_is_read_on_at_the_next_start(tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "log.sqlite", wall_now=now)
    log.create({topic: TopicShape(4 if topic in (PACKETS, RISKS) else 1, topic == REGISTRY) for topic in TOPICS})
    for topic in TOPICS:
        log.append(topic, [NewRecord(f"k{n}", value) for n, value in enumerate(NASTY)]).result(20)
    log.close()
    with whole(tmp_path) as product:
        goes_on(product, product.registered(813), 1)


@pytest.fixture(scope="module")
def shared_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("bytes")) as made:
        made.registered(814)
        yield made


@settings(max_examples=60, deadline=None)
@given(topic=st.sampled_from(TOPICS), key=st.text(max_size=40), value=st.none() | st.binary(max_size=200))
def test_any_bytes_are_read_over(shared_product: Whole, topic: str, key: str, value: bytes | None) -> None:
    if any("\ud800" <= char <= "\udfff" for char in key):
        key = ""
    shared_product.host.context.log.append(topic, [NewRecord(key, value)]).result(20)
    eventually(lambda: all_read(shared_product), what="everything read")
    assert failures(shared_product) == 0
