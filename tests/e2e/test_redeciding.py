"""A closed window is decided anew: by a resent packet with another value, by a late hour, by a corrected one. Both shapes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.hj212.reply import encode
from tests.support.distributed import Distributed
from tests.support.product import Logger, Process, Source, eventually, last_hour, pages, stamp

Product = Process | Distributed


def verdicts(client: httpx.Client, source: Source) -> list[str]:
    """The verdicts on the last hours, oldest first."""
    asked: dict[str, Any] = {"factor": source.factor, "period": "hour", "from": last_hour(12).isoformat()}
    rows = pages(client, f"/monitoring/v1/points/{source.mn}/series", **asked)
    return [row["verdict"]["status"] for row in rows if row["verdict"]]


def episodes(client: httpx.Client, source: Source) -> list[dict[str, Any]]:
    return pages(client, "/monitoring/v1/exceedances", credit_code=source.code, of="episodes", order="asc")


def alerts(client: httpx.Client, source: Source) -> list[dict[str, Any]]:
    return pages(client, "/alerts/v1/alerts", credit_code=source.code, kind="emission.exceeded")


def await_known(client: httpx.Client, source: Source) -> None:
    eventually(lambda: client.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point known")


def resent(source: Source, before: int, value: float) -> bytes:
    """An hour sent once more, with RF=1 and an older QN than any other: the mark alone makes it count."""
    cp = f"DataTime={stamp(last_hour(before))};{source.factor}-Avg={value:.3f},{source.factor}-Flag=N"
    cp += ";a19001-Avg=6.0,a19001-Flag=N"
    head = f"QN=20260101000000000;ST=31;CN=2061;PW={source.password};MN={source.mn};Flag=5;RF=1"
    return encode(f"{head};CP=&&{cp}&&".encode())


def over_http(client: httpx.Client, source: Source, before: int, value: float, **more: Any) -> None:
    factors = {source.factor: {"Avg": value, "Flag": "N"}, "a19001": {"Avg": 6.0, "Flag": "N"}}
    packet = {
        "mn": source.mn,
        "command": "2061",
        "data_time": last_hour(before).isoformat(),
        "factors": factors,
        **more,
    }
    answer = client.post("/monitoring/v1/packets", json=[packet])
    assert answer.status_code == 202 and answer.json()["rejected"] == [], answer.text


@pytest.mark.parametrize("ingress", ["tcp", "http"])
def test_a_resent_packet_takes_the_excess_of_a_closed_window_back(product: Product, ingress: str) -> None:
    source = Source(number=310 if ingress == "tcp" else 311)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(admin, source)
        assert b"CN=9014" in logger.ask(source.hour(last_hour(), 50.0))
        (alert,) = eventually(lambda: alerts(admin, source), what="an alert")
        if ingress == "tcp":
            assert b"CN=9014" in logger.ask(resent(source, 1, 20.0))
        else:
            over_http(admin, source, 1, 20.0, qn="20260101000000000", rf=True)
        eventually(lambda: verdicts(admin, source) == ["compliant"], what="the hour decided anew")
        eventually(
            lambda: admin.get(f"/alerts/v1/alerts/{alert['id']}").json()["status"] == "withdrawn", what="withdrawn"
        )
        assert b"CN=9014" in logger.ask(source.hour(last_hour(), 60.0))  # not resent: counts no more
        assert b"CN=9014" in logger.ask(source.hour(last_hour(2), 10.0))
        eventually(lambda: verdicts(admin, source) == ["compliant", "compliant"], what="the later packets handled")


def test_a_late_compliant_hour_parts_an_episode(product: Product) -> None:
    source = Source(number=312)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(admin, source)
        for before in (4, 2):
            logger.ask(source.hour(last_hour(before), 40.0))
        eventually(lambda: verdicts(admin, source) == ["over", "over"], what="both hours decided")
        (one,) = episodes(admin, source)
        assert (one["window"]["count"], one["state"]) == (2, "open")
        logger.ask(source.hour(last_hour(3), 20.0))
        first, second = eventually(
            lambda: found if len(found := episodes(admin, source)) == 2 else None, what="two episodes"
        )
        assert (first["id"], first["state"], first["cleared"]) == (one["id"], "cleared", "compliant")
        assert (second["state"], second["previous"]) == ("open", first["id"])
        levels = lambda: sorted(alert["window"]["hours"] for alert in alerts(admin, source))  # noqa: E731
        eventually(lambda: levels() == [1, 1], what="an alert each")


def test_a_corrected_packet_makes_a_compliant_hour_an_excess(product: Product) -> None:
    source = Source(number=313)
    with product.client() as admin, Logger(product.gateway_port) as logger:
        source.register(admin)
        await_known(admin, source)
        logger.ask(source.hour(last_hour(), 20.0, qn="20260101000000001"))
        eventually(lambda: verdicts(admin, source) == ["compliant"], what="decided")
        assert alerts(admin, source) == []
        logger.ask(source.hour(last_hour(), 50.0, qn="20260101000000002"))
        (alert,) = eventually(lambda: alerts(admin, source), what="an alert")
        assert (alert["measured"], alert["level"]) == ("50", "yellow")
        assert verdicts(admin, source) == ["over"]
