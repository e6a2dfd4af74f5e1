"""A frame goes in, a signed warning comes out; late hours, resends and corrections change the verdict. Both shapes."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.domain.clock import SHANGHAI
from tests.support.distributed import Distributed
from tests.support.ledger import Receiver
from tests.support.product import Logger, Process, Source, eventually, last_hour, pages

Product = Process | Distributed


def exceedances(client: httpx.Client, source: Source) -> list[dict[str, Any]]:
    return pages(client, "/monitoring/v1/exceedances", credit_code=source.code)


def alerts(client: httpx.Client, source: Source, **more: Any) -> list[dict[str, Any]]:
    return pages(client, "/alerts/v1/alerts", credit_code=source.code, **more)


def await_known(product: Product, client: httpx.Client, source: Source) -> None:
    """Until the gateway knows the point: it follows the register."""
    eventually(lambda: client.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point known")


def test_a_frame_goes_in_and_one_verified_webhook_comes_out(product: Product, receiver: Receiver) -> None:
    source = Source(number=1)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(product, admin, source)
        with product.client(source.token(admin)) as enterprise:
            receiver.register(enterprise)
            answer = logger.ask(source.hour(last_hour(), 42.1, o2=7.9))
            assert b"CN=9014" in answer and b"ST=91" in answer

            (event,) = eventually(lambda: receiver.ledger.events("emission.exceeded"), what="webhook")
            assert event["type"] == "yujing.alert.issued.v1"
            alert = event["data"]
            assert (alert["measured"], alert["decided"], alert["limit"]) == ("42.1", "48.21", "35")
            assert (alert["multiple"], alert["level"], alert["stage"]) == ("0.377", "yellow", "during")
            assert alert["law"][0]["article"] == "34"
            assert "超标" in alert["headline"]["zh"]

            (kept,) = alerts(enterprise, source, kind="emission.exceeded")
            assert kept["id"] == alert["id"]
            taken = enterprise.post(f"/alerts/v1/alerts/{alert['id']}/acknowledge", json={"note": "收到"})
            assert taken.status_code == 200 and taken.json()["status"] == "acknowledged"
            assert receiver.ledger.forged == []


def test_a_resent_frame_is_acknowledged_again_and_changes_nothing(product: Product, receiver: Receiver) -> None:
    source = Source(number=2)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(product, admin, source)
        with product.client(source.token(admin)) as enterprise:
            receiver.register(enterprise)
            one = source.hour(last_hour(), 50.0)
            assert [b"CN=9014" in logger.ask(one) for _ in range(3)] == [True] * 3
            (event,) = eventually(lambda: receiver.ledger.events("emission.exceeded"), what="webhook")
            logger.ask(source.hour(last_hour(2), 20.0))
            eventually(lambda: len(series(admin, source)) == 2, what="both hours")
            (alert,) = alerts(admin, source, kind="emission.exceeded")
            assert alert["revision"] == event["data"]["revision"]


def series(client: httpx.Client, source: Source) -> list[dict[str, Any]]:
    return pages(
        client,
        f"/monitoring/v1/points/{source.mn}/series",
        factor=source.factor,
        period="hour",
        **{"from": (last_hour() - timedelta(days=3)).isoformat(), "to": last_hour(-1).isoformat()},
    )


def test_a_late_hour_widens_the_episode_and_raises_its_level(product: Product) -> None:
    source = Source(number=3)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(product, admin, source)
        logger.ask(source.hour(last_hour(4), 40.0))
        logger.ask(source.hour(last_hour(2), 40.0))
        eventually(lambda: len(alerts(admin, source, kind="emission.exceeded")) >= 1, what="an alert")
        logger.ask(source.hour(last_hour(3), 41.0))
        alert = eventually(
            lambda: next((a for a in alerts(admin, source) if a["level"] == "orange" and not a["cleared_at"]), None),
            what="an orange alert of three hours",
        )
        assert alert["window"]["hours"] == 3


def test_a_correction_of_the_limit_takes_the_warning_back(product: Product) -> None:
    source = Source(number=4)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(product, admin, source)
        logger.ask(source.hour(last_hour(), 40.0))
        (alert,) = eventually(lambda: alerts(admin, source, kind="emission.exceeded"), what="an alert")
        corrected = source.document(
            correction=True, reason="限值录入有误", effective_from=(last_hour() - timedelta(days=2)).date().isoformat()
        )
        corrected["outlets"][0]["limits"][0]["limit"] = "50"
        answer = admin.put(f"/permits/v1/permits/{source.permit}", json=corrected)
        assert answer.status_code == 200, answer.text
        withdrawn = lambda: admin.get(f"/alerts/v1/alerts/{alert['id']}").json()["status"] == "withdrawn"  # noqa: E731
        eventually(withdrawn, within_s=40, what="withdrawn")
        assert exceedances(admin, source) == []


def test_a_corrected_packet_replaces_the_hour(product: Product) -> None:
    source = Source(number=5)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(product, admin, source)
        logger.ask(source.hour(last_hour(), 40.0, qn="20260101000000001"))
        (alert,) = eventually(lambda: alerts(admin, source, kind="emission.exceeded"), what="an alert")
        logger.ask(source.hour(last_hour(), 20.0, qn="20260101000000002"))
        eventually(
            lambda: admin.get(f"/alerts/v1/alerts/{alert['id']}").json()["status"] == "withdrawn", what="withdrawn"
        )


@pytest.mark.slow
def test_a_real_turbine_year_gives_its_known_episodes_and_no_push(
    product: Product, receiver: Receiver, data_folder: Path
) -> None:
    """NOX of 2012, hour limit 100: 123 hours over in 54 episodes, 9 yellow, 3 orange, 42 red (counted by hand)."""
    source = Source(number=90, factor="a21002", limit="100", reference_o2_pct=None)
    start = datetime(2025, 1, 1, tzinfo=SHANGHAI)
    with (data_folder / "gas_turbine" / "gt_2012.csv").open() as file:
        values = [float(row["NOX"]) for row in csv.DictReader(file)]
    packets = [
        {
            "mn": source.mn,
            "command": "2061",
            "data_time": (start + timedelta(hours=i)).isoformat(),
            "factors": {"a21002": {"Avg": value, "Flag": "N"}},
        }
        for i, value in enumerate(values)
    ]
    with product.client() as admin:
        source.register(admin)
        await_known(product, admin, source)
        with product.client(source.token(admin)) as enterprise:
            receiver.register(enterprise)
        for first in range(0, len(packets), 1000):
            answer = admin.post("/monitoring/v1/packets", json=packets[first : first + 1000])
            assert answer.status_code == 202 and answer.json()["rejected"] == [], answer.text[:500]

        def levels() -> dict[str, int]:
            found = alerts(admin, source, kind="emission.exceeded")
            counted: dict[str, int] = {}
            for alert in found:
                if alert["status"] != "withdrawn" and alert["change"]["type"] != "merged":
                    counted[alert["level"]] = counted.get(alert["level"], 0) + 1
            return counted

        eventually(lambda: levels() == {"yellow": 9, "orange": 3, "red": 42}, within_s=90, what=f"levels {levels()}")
        assert len(exceedances(admin, source)) == 123
        assert receiver.ledger.events() == []
