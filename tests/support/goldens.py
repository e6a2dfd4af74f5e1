"""One message of every type as the product itself publishes it, taken from its topics; `--write` keeps them as golden files.

    python -m tests.support.goldens --write DIR      writes what DIR does not hold yet; a golden file is never changed

Alerts' digest and peer notice need a crowd: they come from its own rows, as its outbox holds them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.alerts.handlers.peer_notices import a_notice_id
from shared.domain.events import ALERTS, PACKETS, QUARANTINE, REGISTERED, REGISTRY, RISKS
from shared.eventlog.codec import decode
from shared.ports import NewRecord
from tests.support.alerts_case import T0, cleared
from tests.support.alerts_harness import AlertsHarness, an_alerts_harness, an_exceedance, codes, minutes
from tests.support.product import Logger, Source, eventually, frame, last_hour
from tests.support.whole import Whole, packet, whole

SOURCE = Source(number=4201, password="pwGOLD")
REFUSED = Source(number=4202)  # its application to renew was refused
Published = dict[str, dict[str, Any]]


def published(folder: Path) -> Published:
    """Name → message. Names of events are their types."""
    with whole(folder / "product") as product:
        _registered(product)
        _risks(product)
        _alerts(product)
        _frames(product)
        _reach(product)
        found = {
            name: document
            for topic in (REGISTRY, PACKETS, RISKS, ALERTS, QUARANTINE)
            for name, document in _named(topic, on(product, topic)).items()
        }
    return found | _of_alerts(folder)


def on(product: Whole, topic: str) -> list[dict[str, Any]]:
    """Everything on the topic by now."""
    following = product.host.context.log.follow(topic)
    try:
        found = list(following.poll(1.0))
        while not following.caught_up():
            found += following.poll(1.0)
    finally:
        following.close()
    return [decode(record.value) for record in found if record.value is not None]


def _named(topic: str, documents: list[dict[str, Any]]) -> Published:
    plain = (PACKETS, QUARANTINE)
    return {_name(topic, document): document for document in documents if topic in plain or "specversion" in document}


def _name(topic: str, document: Mapping[str, Any]) -> str:
    if topic == PACKETS:
        return f"packet.{document['source']}.{'data' if document['factors'] else 'alive'}.v1"
    if topic == QUARANTINE:
        return f"quarantine.{'handler' if document['reason'] == 'handler-error' else 'gateway'}.v1"
    if document["type"] != REGISTERED:
        return str(document["type"])
    versions = document["data"].get("versions", [])
    refused = any("renewal_refused_on" in version["document"] for version in versions)
    return f"{document['type']}.{document['data']['kind']}{'.refused' if refused else ''}"


def _until(product: Whole, topic: str, *types: str) -> None:
    def there() -> bool:
        return set(types) <= {document.get("type") for document in on(product, topic)}

    eventually(there, what=f"{types} on {topic}")


def _registered(product: Whole) -> None:
    admin = product.client()
    SOURCE.register(admin)
    admin.put(f"/permits/v1/enterprises/{REFUSED.code}", json=REFUSED.enterprise())
    days = {"renewal_applied_on": REFUSED.valid_from, "renewal_refused_on": REFUSED.valid_from}
    admin.put(f"/permits/v1/permits/{REFUSED.permit}", json=REFUSED.document(**days))
    admin.put(f"/permits/v1/regions/{SOURCE.region}", json={"register_complete": True})
    jti = admin.post("/permits/v1/keys", json={"role": "ops"}).json()["jti"]
    admin.post("/permits/v1/keys/revocations", json={"jti": jti})
    product.knows_point(SOURCE.mn)


def _risks(product: Whole) -> None:
    """Three hours over the limit, one after the other, then a good one."""
    steps = [(4, 60.0, "opened"), (3, 61.0, "changed"), (2, 62.0, "changed"), (1, 10.0, "cleared")]
    for before, value, change in steps:
        hour = packet(SOURCE, last_hour(before), value)
        assert product.client().post("/monitoring/v1/packets", json=[hour]).json()["accepted"] == 1
        _until(product, RISKS, f"yujing.risk.{change}.v1", "yujing.discharge.seen.v1")


def _alerts(product: Whole) -> None:
    """An alert that is issued, changed by its enterprise and closed by its officers."""
    admin = product.client()
    (alert,) = eventually(lambda: admin.get("/alerts/v1/alerts").json()["items"], what="alert")
    for move in ("acknowledge", "answer", "verify", "close"):
        answer = admin.post(f"/alerts/v1/alerts/{alert['id']}/{move}", json={"text": "已检修。"})
        assert answer.status_code == 200, answer.text
    _until(product, ALERTS, *(f"yujing.alert.{change}.v1" for change in ("issued", "changed", "closed")))


def _frames(product: Whole) -> None:
    """A logger's upload and heartbeat, a frame for quarantine, and a record that a handler fails on."""
    with Logger(product.gateway_port) as logger:
        assert b"9014" in logger.ask(SOURCE.hour(last_hour(5), 20.0))
        logger.ask(frame(SOURCE, "9015", ""))
        logger.ask(frame(SOURCE, "2061", "DataTime=19990101000000;a21026-Avg=1"))
    product.host.context.log.append(RISKS, [NewRecord("x", b'{"not": "an event"}')]).result(10)
    eventually(lambda: len(on(product, QUARANTINE)) >= 2, what="two in quarantine")
    eventually(lambda: len({document["command"] for document in on(product, PACKETS)}) == 2, what="a sign of life")


def _reach(product: Whole) -> None:
    """An endpoint of the enterprise; there is nothing more to push to it."""
    asked = {"url": "http://127.0.0.1:9/", "owner": {"credit_code": SOURCE.code}}
    assert product.client().post("/alerts/v1/endpoints", json=asked).status_code == 201
    _until(product, ALERTS, "yujing.reach.changed.v1")


def _of_alerts(folder: Path) -> Published:
    return {**_received(folder / "peers", _common), **_received(folder / "digest", _historical)}


def _received(folder: Path, happen: Callable[[AlertsHarness], None]) -> Published:
    harness = replace(an_alerts_harness(folder), notice_id=a_notice_id)
    try:
        happen(harness)
        harness.relay()
        documents = [decode(row.value) for row in harness.published() if row.topic == ALERTS]
        documents += [push.notification for push in harness.pushes()]
    finally:
        harness.database.close()
    wanted = ("yujing.peer.notice.issued.v1", "yujing.digest.v1")
    return {name: document for name, document in _named(ALERTS, documents).items() if name in wanted}


def _common(harness: AlertsHarness) -> None:
    """Three of a class of fourteen exceed the same limit within the hour."""
    some = codes(14)
    harness.register_enterprises(*some)
    harness.endpoint("https://peer.example/", credit_code=some[0])
    harness.take_at_their_time(*(an_exceedance(code, T0 + minutes(5 * n)) for n, code in enumerate(some[:3])))
    harness.at(T0 + timedelta(hours=1))


def _historical(harness: AlertsHarness) -> None:
    """Facts older than three days are sent together."""
    harness.endpoint("https://county.example/", region="150102")
    harness.endpoint("https://own.example/", credit_code="E000")
    for n in range(2):
        risk = an_exceedance("E000", T0 + minutes(n), historical=True, condition="lasting")
        harness.take_at_their_time(risk, cleared(risk, 2))
    harness.at(T0 + timedelta(days=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, required=True)
    target: Path = parser.parse_args().write
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, document in published(Path(folder)).items():
            path = target / f"{name}.json"
            if not path.exists():
                path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
