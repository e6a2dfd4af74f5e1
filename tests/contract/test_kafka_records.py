"""What other producers may write to Kafka, byte by byte: it stops no partition."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from shared.eventlog.kafka import KafkaLog
from shared.eventlog.progress import Progress
from shared.ports import NewRecord, TopicShape
from shared.runtime.consuming import Consumer, Consumption
from tests.support.lab import LabProgress, Noting, effects, now, open_lab, running, table_of
from tests.support.product import eventually
from tests.support.servers import KafkaServer


class RawName(str):
    """A header name whose bytes are no UTF-8."""

    def encode(self, *_: object) -> bytes:  # type: ignore[override]
        return b"na\xff\xfeme"


@pytest.fixture
def topic(kafka: KafkaServer) -> Iterator[KafkaLog]:
    log = KafkaLog(kafka.bootstrap, prefix=f"t{uuid.uuid4().hex[:8]}.", wall_now=now, session_timeout_ms=6_000)
    with closing(log):
        log.create({"packets": TopicShape(1)})
        yield log


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_header_name_that_is_no_utf8_costs_no_record(
    topic: KafkaLog, kafka: KafkaServer, tmp_path: Path, compression: str | None
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=200, compression_type=compression)
    with closing(producer):
        for value, headers in ((b"1", []), (b"2", [(RawName("x"), b"v"), ("é", b""), ("raw", b"\xff")]), (b"3", [])):
            producer.send(topic._prefix + "packets", key=b"\xff", value=value, headers=headers)
        producer.flush(10)  # the three stand in one batch
    database = open_lab(None, tmp_path)
    consumer = Consumer(
        Consumption("lab", {"packets": Noting()}),
        log=topic,
        database=database,
        progress=Progress(table_of(LabProgress)),
        poison=lambda *_: None,
    )
    with running(consumer.run):
        eventually(lambda: effects(database) == {"1": 1, "2": 1, "3": 1}, what=lambda: str(effects(database)))
    database.close()


def test_the_broker_unpacks_what_a_producer_packed(topic: KafkaLog, kafka: KafkaServer) -> None:
    """Else a batch packed by a library that is not installed here would stop its partition."""
    name = topic._prefix + "packets"
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type="gzip")) as producer:
        producer.send(name, key=b"k", value=b"x" * 2000).get(10)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    with closing(admin):
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    assert "'compression.type': {'value': 'uncompressed'" in str(found)


def test_a_key_lies_where_other_producers_of_kafka_put_it(kafka: KafkaServer) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}."
    with closing(KafkaLog(kafka.bootstrap, prefix=prefix, wall_now=now)) as log:
        log.create({"packets": TopicShape(12)})
        keys = [f"A110000_{n:04d}" for n in range(30)]
        ours = [place for place, _ in log.append("packets", [NewRecord(key, b"1") for key in keys]).result(20)]
        with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as other:
            sent = [other.send(prefix + "packets", key=key.encode(), value=b"1") for key in keys]
            theirs = [future.get(20).partition for future in sent]
    assert ours == theirs and len(set(ours)) > 6
