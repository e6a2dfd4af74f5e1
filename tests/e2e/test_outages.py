"""PostgreSQL and Kafka, each really stopped for 20 s under traffic: 503 with Retry-After, no 9014; work resumes by itself."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import pytest

from tests.support.distributed import Distributed
from tests.support.ledger import Receiver
from tests.support.product import Logger, eventually, last_hour, pages
from tests.support.sample_enterprise import OutletSource, SampleEnterprise
from tests.support.servers import KafkaServer, PostgresServer

AWAY_S = 20.0


@dataclass
class Traffic:
    """One logger that sends frame after frame, as they are acknowledged or time out, until stopped."""

    port: int
    sources: list[OutletSource]
    hour: datetime = field(default_factory=lambda: last_hour(2))
    acknowledged: set[str] = field(default_factory=set)
    answered_at: list[float] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            for source in self.sources:
                if self.stop.is_set():
                    return
                self._one(source)

    def _one(self, source: OutletSource) -> None:
        try:
            with Logger(self.port, timeout_s=2.0) as logger:
                if b"CN=9014" in logger.ask(source.excess(self.hour)):
                    self.acknowledged.add(source.mn)
                    self.answered_at.append(time.monotonic())
        except OSError:
            self.stop.wait(0.2)


def start_traffic(product: Distributed, admin: httpx.Client, receiver: Receiver) -> tuple[Traffic, threading.Thread]:
    sample = SampleEnterprise(1, 20)
    sample.register(admin)
    with product.client(sample.sources()[0].token(admin)) as enterprise:
        receiver.register(enterprise)
    mn = sample.sources()[-1].mn
    eventually(lambda: admin.get(f"/monitoring/v1/points/{mn}/latest").status_code == 200, what="points known")
    traffic = Traffic(product.gateway_port, sample.sources())
    thread = threading.Thread(target=traffic.run)
    thread.start()
    eventually(lambda: len(traffic.acknowledged) >= 5, what="traffic")
    return traffic, thread


def packet(source: OutletSource) -> list[dict[str, object]]:
    at = (last_hour(2) - timedelta(hours=1)).isoformat()
    return [{"mn": source.mn, "command": "2061", "data_time": at, "factors": {"a21026": {"Avg": 1.0, "Flag": "N"}}}]


@pytest.mark.slow
def test_postgresql_away_for_20_s_refuses_plainly_and_resumes(
    distributed: Distributed, postgres: PostgresServer, receiver: Receiver
) -> None:
    with distributed.client() as admin:
        traffic, thread = start_traffic(distributed, admin, receiver)
        postgres.stop()
        began = time.monotonic()
        try:
            answer = admin.get("/alerts/v1/alerts")
            assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0, answer.text
            assert answer.headers["content-type"].startswith("application/problem+json")
            while time.monotonic() - began < AWAY_S:
                assert all(process.exit_code() is None for process in distributed.processes.values())
                traffic.stop.wait(0.5)
        finally:
            postgres.start()
        finish(traffic, thread, admin, receiver)


@pytest.mark.slow
def test_kafka_away_for_20_s_gets_no_9014_and_resumes(
    distributed: Distributed, kafka: KafkaServer, receiver: Receiver
) -> None:
    with distributed.client() as admin:
        traffic, thread = start_traffic(distributed, admin, receiver)
        kafka.stop()
        stopped = time.monotonic()
        try:
            answer = admin.post("/monitoring/v1/packets", json=packet(traffic.sources[0]))
            assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0, answer.text
            while time.monotonic() - stopped < AWAY_S:
                traffic.stop.wait(0.5)
        finally:
            started = time.monotonic()
            kafka.start()
        in_between = [at for at in traffic.answered_at if stopped + 0.5 < at < started]
        assert in_between == [], "an answer while nothing could be durable"
        finish(traffic, thread, admin, receiver)


def finish(traffic: Traffic, thread: threading.Thread, admin: httpx.Client, receiver: Receiver) -> None:
    """Traffic goes on by itself; everything acknowledged becomes one delivered alert."""
    resumed = time.monotonic()
    eventually(
        lambda: traffic.answered_at and traffic.answered_at[-1] > resumed, within_s=60, what="acknowledged again"
    )
    eventually(lambda: len(traffic.acknowledged) == len(traffic.sources), within_s=60, what="every point")
    traffic.stop.set()
    thread.join()
    wanted = len(traffic.acknowledged)

    def missing() -> str:
        pushes = pages(admin, "/alerts/v1/deliveries")
        late = [push for push in pushes if push["state"] != "delivered"]
        return (
            f"every alert delivered ({len(receiver.ledger.events())} of {wanted}, {len(pushes)} pushes, late: {late})"
        )

    eventually(lambda: len(receiver.ledger.events()) >= wanted, within_s=90, what=missing)
    assert len(receiver.ledger.events()) == wanted
    assert len(admin.get("/alerts/v1/alerts", params={"limit": 500}).json()["items"]) == wanted
