"""Fourteen enterprises of one class in one county, three with the same trouble: all are notified, and an officer of the three.

The field clock runs fast, so that the next whole hour comes within seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from shared.domain.clock import SHANGHAI, field_clock, hour_start, rfc3339
from tests.support.ledger import Receiver
from tests.support.product import Logger, Source, eventually, pages, running

SPEED = 600


def token(admin: httpx.Client, **asked: Any) -> str:
    answer = admin.post("/permits/v1/keys", json=asked)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["token"])


def fast_clock() -> str:
    """48 h back, ten minutes a second."""
    wall = datetime.now(UTC)
    return f"{rfc3339(wall - timedelta(hours=48))}@{SPEED}@{rfc3339(wall)}"


def test_a_common_trouble_reaches_the_class_and_the_trouble_itself_an_officer(
    tmp_path: Path, receiver: Receiver
) -> None:
    setting = fast_clock()
    clock = field_clock(setting)
    sources = [Source(number=n, reference_o2_pct=None) for n in range(1, 15)]
    with running(tmp_path, YUJING_FIELD_CLOCK=setting) as product, product.client() as admin:
        for source in sources:
            source.register(admin)
        eventually(
            lambda: admin.get(f"/monitoring/v1/points/{sources[-1].mn}/latest").status_code == 200, what="points known"
        )
        clean, hit = sources[9], sources[1]
        with product.client(clean.token(admin)) as bystander, product.client(hit.token(admin)) as affected:
            receiver.register(bystander, "clean")
            receiver.register(affected, "hit")
            with product.client(token(admin, role="officer", region="15")) as officer:
                subscribed(officer, receiver)
                hour = hour_start(clock.field_now()).astimezone(SHANGHAI) - timedelta(hours=2)
                with Logger(product.gateway_port) as logger:
                    for source in sources[:3]:
                        assert b"CN=9014" in logger.ask(source.hour(hour, 42.0, o2=None))
                notices = eventually(
                    lambda: receiver.ledger.events("peer.notice")[1:] and receiver.ledger.events("peer.notice"),
                    within_s=40,
                    what="two peer notices",
                )
                eventually(lambda: len(alerts_of(receiver)) >= 4, what="alerts of the three to the officer")
            assert notices[0] == notices[1] and len(notices) == 2
            assert pages(bystander, "/alerts/v1/peer-notices") == [notices[0]["data"]]
            assert pages(bystander, "/alerts/v1/alerts") == []
            assert not any(source.code in str(notices) for source in sources)
            (mine,) = pages(affected, "/alerts/v1/alerts", kind="emission.exceeded")
            assert mine["enterprise"]["credit_code"] == hit.code
        assert receiver.ledger.forged == []


def subscribed(officer: httpx.Client, receiver: Receiver) -> None:
    endpoint = receiver.register(officer, "officer")
    wish = {"name": "超标", "filter": {"kinds": ["emission.*"]}, "via": {"endpoint": endpoint}}
    answer = officer.post("/alerts/v1/subscriptions", json=wish)
    assert answer.status_code == 201, answer.text


def alerts_of(receiver: Receiver) -> list[dict[str, Any]]:
    """One to the affected endpoint, three to the officer's."""
    return [one for one in receiver.ledger.events("emission.exceeded") if one["type"].endswith("issued.v1")]
