"""A permit running out goes in, a signed warning comes out; a renewal ends it; a list goes in by upload. Both shapes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from shared.domain.clock import SHANGHAI
from tests.support.distributed import Distributed
from tests.support.ledger import Receiver
from tests.support.product import Process, Source, eventually, pages

Product = Process | Distributed


def in_days(days: int) -> date:
    return datetime.now(SHANGHAI).date() + timedelta(days=days)


def ending(number: int, days: int) -> Source:
    last = in_days(days)
    return Source(number=number, valid_from=f"{last - timedelta(days=1826)}", valid_to=f"{last}")


def test_a_permit_running_out_is_announced_to_its_enterprise_and_a_renewal_ends_it(
    product: Product, receiver: Receiver
) -> None:
    source = ending(71, days=30)
    with product.client() as admin:
        answer = admin.put(f"/permits/v1/enterprises/{source.code}", json=source.enterprise())
        assert answer.status_code == 201, answer.text
        with product.client(source.token(admin)) as enterprise:
            receiver.register(enterprise)
            source.register(admin)
            (event,) = eventually(lambda: receiver.ledger.events("permit.renewal"), what="webhook")
            alert = event["data"]
            assert (alert["stage"], alert["level"]) == ("during", "orange")
            assert source.permit in alert["headline"]["zh"] and "30" in alert["headline"]["zh"]
            assert alert["law"][0]["article"] == "14"
            document = source.document(valid_from=f"{in_days(31)}", valid_to=f"{in_days(1856)}")
            renewed = admin.put(f"/permits/v1/permits/{source.permit}", json=document)
            assert (renewed.status_code, renewed.json()["change"]) == (200, "renewal"), renewed.text
            ended = eventually(lambda: _cleared(receiver), what="all-clear")
            assert ended["data"]["cleared_at"] is not None
            assert receiver.ledger.forged == []


def _cleared(receiver: Receiver) -> dict[str, Any] | None:
    events = receiver.ledger.events("permit.renewal")
    return next((event for event in events if event["data"]["change"]["type"] == "cleared"), None)


def test_the_permit_desk_alone_sees_what_it_has_to_decide(product: Product) -> None:
    source = ending(72, days=30)
    with product.client() as admin:
        admin.put(f"/permits/v1/enterprises/{source.code}", json=source.enterprise())
        document = source.document(renewal_applied_on=f"{in_days(0)}")
        assert admin.put(f"/permits/v1/permits/{source.permit}", json=document).status_code == 201

        def due() -> list[dict[str, Any]]:
            return pages(admin, "/alerts/v1/alerts", credit_code=source.code, kind="permit.decision_due")

        (alert,) = eventually(due, what="the desk's alert")
        assert (alert["stage"], alert["level"]) == ("during", "yellow")
        with product.client(source.token(admin)) as enterprise:
            assert pages(enterprise, "/alerts/v1/alerts", credit_code=source.code) == []


def test_a_list_is_uploaded_and_its_permits_are_announced(product: Product) -> None:
    source = ending(73, days=100)
    row = f"{source.permit},企业,火力发电,{source.valid_from}至{source.valid_to},内蒙古自治区"
    content = f"许可证编号,单位名称,行业类别,有效期限,省份\n{row}\nX,,,,\n".encode()
    with product.client() as admin:
        accepted = admin.post("/permits/v1/imports", content=content, params={"filename": "list.csv"})
        assert accepted.status_code == 202, accepted.text
        path = f"/permits/v1/imports/{accepted.json()['id']}"
        done = eventually(lambda: _ended(admin.get(path).json()), what="import")
        assert (done["state"], done["counts"]) == ("done", {"created": 1, "refused": 1})
        (finding,) = [one for one in admin.get(f"{path}/report").json()["items"] if one["field"] == "number"]
        assert (finding["line"], finding["value"]) == (3, "X")

        def announced() -> list[dict[str, Any]]:
            return pages(admin, "/alerts/v1/alerts", credit_code=source.code, kind="permit.renewal")

        (alert,) = eventually(announced, what="alert")
        assert (alert["stage"], alert["level"]) == ("before", "blue")


def _ended(shown: dict[str, Any]) -> dict[str, Any] | None:
    return shown if shown["state"] in ("done", "failed") else None
