"""What comes in by other ways: packets that others write straight to Kafka, and loggers that speak before they are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer

from shared.domain.clock import rfc3339
from tests.support.distributed import Distributed
from tests.support.ledger import Receiver
from tests.support.product import Logger, Process, Source, eventually, last_hour, pages

Product = Process | Distributed
on_kafka = pytest.mark.parametrize("product", ["distributed"], indirect=True)


@contextmanager
def bridge(shape: Distributed) -> Iterator[Any]:
    """Another producer: writes (key, value, headers) to the topic of packets and waits until the broker has it."""
    made = KafkaProducer(bootstrap_servers=shape.settings["YUJING_KAFKA_BOOTSTRAP"], acks="all")
    topic = f"{shape.settings['YUJING_KAFKA_TOPIC_PREFIX']}packets"

    def write(key: bytes | None, value: bytes | None, *headers: tuple[str, bytes]) -> None:
        made.send(topic, key=key, value=value, headers=list(headers)).get(timeout=20)

    try:
        yield write
    finally:
        made.close()


def packet(source: Source, before: int, value: float, **more: Any) -> bytes:
    factors = {source.factor: {"Avg": value, "Flag": "N"}, "a19001": {"Avg": 6.0, "Flag": "N"}}
    published = {"mn": source.mn, "command": "2061", "data_time": rfc3339(last_hour(before)), "factors": factors}
    return json.dumps({**published, "source": "bridge", **more}).encode()


def hours(client: httpx.Client, source: Source) -> list[dict[str, Any]]:
    asked = {"factor": source.factor, "period": "hour", "from": last_hour(24).isoformat()}
    return pages(client, f"/monitoring/v1/points/{source.mn}/series", **asked)


def kept(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    return pages(client, "/monitoring/v1/quarantine", **asked)


def await_known(client: httpx.Client, source: Source) -> None:
    eventually(lambda: client.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point known")


@on_kafka
def test_a_packet_of_another_producer_becomes_a_row_and_a_warning(product: Distributed, receiver: Receiver) -> None:
    source = Source(number=330)
    with product.client() as admin, bridge(product) as write:
        source.register(admin)
        await_known(admin, source)
        with product.client(source.token(admin)) as enterprise:
            receiver.register(enterprise)
        write(source.mn.encode(), packet(source, 1, 50.0))
        (event,) = eventually(lambda: receiver.ledger.events("emission.exceeded"), what="webhook")
        assert (event["data"]["measured"], event["data"]["point"]) == ("50", source.mn)
        (row,) = hours(admin, source)
        assert (row["value"], row["source"], row["verdict"]["status"]) == ("50", "bridge", "over")


@on_kafka
def test_what_another_producer_writes_wrongly_is_kept_and_the_stream_goes_on(product: Distributed) -> None:
    source, unregistered = Source(number=331), Source(number=332)
    key = source.mn.encode()  # one key: all of it in one partition, one after the other
    with product.client() as admin, bridge(product) as write:
        source.register(admin)
        await_known(admin, source)
        write(key, packet(unregistered, 1, 50.0))
        write(key, b'{"mn": "' + key + b'", "command": "2061"')
        write(key, b"\xff\xfe\x00")
        write(key, b"[]")
        write(key, None)
        write(key, packet(source, 1, 50.0).replace(b"50.0", b'"50"'))
        write(key, packet(source, 1, 50.0).replace(key, b"NUL\\u0000" + key))
        write(key, packet(source, 2, 20.0), ("registry", b"no number"), ("raw", b"\xff\x00"))
        write(key, packet(source, 3, 20.0), ("registry", b""))
        write(None, packet(source, 4, 20.0))
        write(b"\xff\xfe", packet(source, 5, 20.0))
        write(key, packet(source, 6, 20.0))
        eventually(lambda: len(hours(admin, source)) == 5, what=f"the good hours; {product.tail()}")
        (unknown,) = kept(admin, mn=unregistered.mn)
        assert (unknown["reason"], unknown["state"], unknown["source"]) == ("unknown-point", "kept", "bridge")
        (nul,) = kept(admin, mn=f"NUL\ufffd{source.mn}")
        assert nul["reason"] == "unknown-point"
        reasons = sorted(item["reason"] for item in kept(admin, mn=source.mn))
        assert reasons == ["bad-json", "bad-json", "bad-json", "bad-json"]
        notes = [one["note"] for one in pages(admin, f"/monitoring/v1/points/{source.mn}/notes")]
        assert [(note["factor"], note["field"]) for note in notes] == [(source.factor, "Avg")]  # costs itself alone


@on_kafka
def test_a_register_offset_that_does_not_exist_holds_a_partition_up_for_half_a_minute_only(
    product: Distributed,
) -> None:
    source = Source(number=333)
    with product.client() as admin, bridge(product) as write:
        source.register(admin)
        await_known(admin, source)
        write(source.mn.encode(), packet(source, 1, 20.0), ("registry", b"999999999"))
        write(source.mn.encode(), packet(source, 2, 20.0))
        eventually(lambda: len(hours(admin, source)) == 2, within_s=60, what=f"both hours; {product.tail()}")


def test_a_logger_that_speaks_before_it_is_known_is_acknowledged_once_its_point_is_registered(product: Product) -> None:
    source, imposter = Source(number=334), Source(number=335, password="654321")
    with product.client() as admin, Logger(product.gateway_port, timeout_s=1.0) as logger:
        logger.send(source.hour(last_hour(), 50.0), Source(number=335).hour(last_hour(), 50.0))
        for mn in (source.mn, imposter.mn):
            (item,) = eventually(lambda mn=mn: kept(admin, mn=mn), what="kept")  # type: ignore[misc]
            assert (item["reason"], item["state"], item["source"]) == ("unknown-point", "kept", "gateway")
        assert unanswered(logger)
        imposter.register(admin)
        source.register(admin)
        (row,) = eventually(lambda: hours_if_known(admin, source), what="its packet came back")
        assert (row["value"], row["verdict"]["status"]) == ("50", "over")
        eventually(lambda: pages(admin, "/alerts/v1/alerts", credit_code=source.code), what="an alert")
        assert [item["state"] for item in kept(admin, mn=source.mn)] == ["put-back"]
        await_known(admin, imposter)
        assert [item["state"] for item in kept(admin, mn=imposter.mn)] == ["kept"]  # its password is not the point's
        assert hours(admin, imposter) == []


def hours_if_known(client: httpx.Client, source: Source) -> list[dict[str, Any]]:
    known = client.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200
    return hours(client, source) if known else []


def unanswered(logger: Logger) -> bool:
    """An unknown device is not acknowledged: within a second nothing comes."""
    try:
        return logger.answer() == b""
    except TimeoutError:
        return True
