"""A risk on the log becomes an alert row and a signed webhook: the shortest path through the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.support.alerts_case import DeliveryHarness, a_delivery_harness, a_risk
from tests.support.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def delivery(tmp_path: Path) -> DeliveryHarness:
    return a_delivery_harness(tmp_path)


def test_a_risk_becomes_one_alert_and_one_verified_webhook(delivery: DeliveryHarness, receiver: Receiver) -> None:
    _, secret = delivery.endpoint(receiver.url("/hook"))
    with delivery.sending():
        delivery.take(a_risk())
        (message,) = receiver.wait_taken(1, "/hook")
        delivery.wait_until(lambda: [p.state for p in delivery.pushes()] == ["delivered"])
    Webhook(secret).verify(message.body, message.headers)
    event = json.loads(message.body)
    assert event["type"] == "yujing.alert.issued.v1"
    assert event["data"]["headline"]["zh"] == (
        "呼和浩特示例热电 1号锅炉烟囱 二氧化硫 2026-11-20 08:00–09:00小时均值最高48.21 mg/m³（折算值），"
        "限值35 mg/m³，超标0.38倍，共1小时"
    )
    assert message.id == delivery.pushes()[0].id
