"""Distributed: a logger's password, endpoints' secrets and tokens stand in no record, table, log line, metric or error."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import psycopg
from kafka import KafkaConsumer
from psycopg import sql
from sqlalchemy import make_url

from tests.support.distributed import Distributed
from tests.support.ledger import Receiver
from tests.support.product import Logger, Source, eventually, frame, last_hour
from tests.support.servers import KafkaServer

PLANTED = "pw7Q9z"
WRONG = "pw8WRG"  # what a logger tries in vain is a secret too: it is often last year's


def test_planted_secrets_are_nowhere_in_the_distributed_shape(
    distributed: Distributed, kafka: KafkaServer, receiver: Receiver
) -> None:
    source = Source(number=4301, password=PLANTED)
    with distributed.client() as admin:
        spoken = live(distributed, admin, receiver, source)
        spoken["metrics"] = "".join(
            httpx.get(f"{process.base_url}/metrics", trust_env=False).text for process in distributed.processes.values()
        )
        enterprise, admins = source.token(admin), distributed.token()
    for process in distributed.processes.values():
        process.stop()
    spoken["logs"] = "".join(process.log_file.read_text() for process in distributed.processes.values())
    endpoint = receiver.ledger.secrets["/inbox"].removeprefix("whsec_")
    secrets = {"logger's password": PLANTED, "wrong password": WRONG, "endpoint's secret": endpoint}
    secrets |= {"admin's token": admins, "enterprise's token": enterprise}
    secrets |= {"key of secrets": distributed.settings["YUJING_SECRET_KEY"]}
    records, cells = list(everything_on(kafka, distributed)), list(every_cell(distributed))
    assert {topic for topic, _ in records} == {"packets", "registry", "risks", "alerts", "quarantine"}
    assert {schema for schema, _ in cells} == {"permits", "monitoring", "alerts"}
    for name, secret in secrets.items():
        for where, text in spoken.items():
            assert secret not in text, f"the {name} stands in the {where}"
        for place, data in (*records, *cells):
            assert not holds(data, secret), f"the {name} stands in {place}: {data[:300]!r}"


def live(distributed: Distributed, admin: httpx.Client, receiver: Receiver, source: Source) -> dict[str, str]:
    """Everything that touches a secret: registering, logging in, a wrong password, a damaged frame, pushes, refusals."""
    source.register(admin)
    eventually(lambda: admin.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point")
    with distributed.client(source.token(admin)) as enterprise:
        receiver.register(enterprise)
    unregistered = Source(number=source.number, password=WRONG)
    with Logger(distributed.gateway_port) as logger:
        logger.send(source.hour(last_hour(), 60.0)[:-6] + b"0000\r\n")
        assert b"9014" in logger.ask(source.hour(last_hour(), 60.0))
        logger.ask(frame(source, "9015", ""))
        logger.send(unregistered.hour(last_hour(2), 60.0))
        reasons = {"checksum", "password"}
        eventually(lambda: reasons <= kept(admin), what="both in quarantine", within_s=30)
    eventually(lambda: receiver.ledger.events(), what="webhook", within_s=30)
    bad = source.document(valid_to="1999-01-01")
    bad["outlets"][0]["points"][0]["system"] = "no system"
    answers = [
        admin.put(f"/permits/v1/permits/{source.permit}", json=bad),
        admin.put(f"/permits/v1/points/{source.mn}", json={"password": PLANTED, "dialect": 7, "system": PLANTED * 9}),
        admin.put(f"/permits/v1/points/{source.mn}", json={"pasword": PLANTED}),
        admin.get(f"/permits/v1/permits/{source.permit}"),
        admin.get(f"/permits/v1/points/{source.mn}"),
        admin.get("/monitoring/v1/quarantine"),
        admin.get("/alerts/v1/endpoints"),
        admin.get("/alerts/v1/deliveries"),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 200, 200, 200, 200, 200]
    return {f"answer {answer.request.method} {answer.request.url.path}": answer.text for answer in answers}


def kept(admin: httpx.Client) -> set[str]:
    return {str(row["reason"]) for row in admin.get("/monitoring/v1/quarantine").json()["items"]}


def everything_on(kafka: KafkaServer, distributed: Distributed) -> Iterator[tuple[str, bytes]]:
    """(topic, key and value and headers) of every record of our topics."""
    prefix = distributed.settings["YUJING_KAFKA_TOPIC_PREFIX"]
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=5_000, group_id=None
    )
    try:
        ours = [topic for topic in consumer.topics() if topic.startswith(prefix)]
        consumer.subscribe(ours)
        for record in consumer:
            parts = [record.key, record.value, *(part for name, value in record.headers for part in (name, value))]
            text = b"\x00".join(part if isinstance(part, bytes) else str(part).encode() for part in parts if part)
            yield record.topic.removeprefix(prefix), text
    finally:
        consumer.close()


def every_cell(distributed: Distributed) -> Iterator[tuple[str, bytes]]:
    """(schema, row) of every table of the product's database."""
    url = make_url(distributed.settings["YUJING_DATABASE_URL"]).set(drivername="postgresql")
    asked = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    with psycopg.connect(url.render_as_string(hide_password=False)) as session:
        tables = session.execute(f"{asked} AND table_schema NOT IN ('pg_catalog', 'information_schema')").fetchall()
        for schema, table in tables:
            for row in session.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))):
                yield schema, b"\x00".join(plain(cell) for cell in row)


def plain(cell: object) -> bytes:
    if isinstance(cell, bytes | memoryview):
        return bytes(cell)
    return (json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict | list) else str(cell)).encode()


def holds(data: bytes, secret: str) -> bool:
    """Whether the bytes hold the secret: plainly, in base64 at any offset, or in hexadecimal."""
    return any(needle in data for needle in needles(secret.encode()))


def needles(secret: bytes) -> list[bytes]:
    """The secret in each writing; base64 depends on what stands before it."""
    found = [secret, secret.hex().encode()]
    for before in range(3):
        coded = base64.b64encode(b"\x00" * before + secret)
        first, end = -(-before * 8 // 6), (before + len(secret)) * 8 // 6  # characters that the secret alone decides
        found.append(coded[first:end])
    return found


def test_the_search_itself_finds_what_is_hidden_in_base64() -> None:
    for before in range(6):
        hidden = base64.b64encode(b"x" * before + PLANTED.encode() + b"yyy")
        assert holds(hidden, PLANTED), (before, hidden, needles(PLANTED.encode()))
    assert not holds(base64.b64encode(b"nothing of the kind at all"), PLANTED)
