"""The event log on Apache Kafka, through kafka-python 3.

Appends are idempotent, acks=all, without Kafka transactions: exactly-once effect is made by progress rows. A pulse of a
second tells whether the broker answers, so that appends can be refused at once; everything comes back by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from time import monotonic
from typing import TypeVar

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetSpec, TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from kafka.net.compat import KafkaNetClient

from shared.domain.errors import NotFound, Unreachable
from shared.eventlog.kafka_append import PRODUCER, Appender
from shared.eventlog.kafka_readers import KafkaFollowing, KafkaSharing, unreachable_when_away
from shared.eventlog.kafka_sockets import DIRECT
from shared.eventlog.kafka_unpacking import unpack_quickly
from shared.eventlog.kafka_wakeups import SparingClient
from shared.ports import LARGEST_BYTES, Following, NewRecord, Sharing, TopicShape

log = structlog.get_logger(__name__)
Client = TypeVar("Client")

PULSE_S = 1.0
PULSE_TIMEOUT_MS = 2_000
SILENT_S = 3.0  # a pulse that takes longer says that the broker is away
SESSION_TIMEOUT_MS = 45_000
MAX_POLL_INTERVAL_MS = 300_000
OPEN_TIMEOUT_MS = 5_000
ADMIN_TIMEOUT_MS = 15_000
RECONNECT_MS = 1_000  # a broker that is back is found within a second
METADATA_MS = 10_000  # a member that joined before its topic was known everywhere has no partitions until it asks again


class KafkaLog:
    """EventLog over the brokers at `bootstrap`. `prefix` goes before topics and groups (several installations, one cluster);
    `security` are kafka-python's `security_protocol`, `sasl_…` and `ssl_…` settings."""

    def __init__(
        self,
        bootstrap: str,
        *,
        wall_now: Callable[[], datetime],
        prefix: str = "",
        security: Mapping[str, str | None] | None = None,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
        replication_factor: int = -1,
    ) -> None:
        self._wall_now = wall_now
        self._prefix = prefix
        self._session_timeout_ms = session_timeout_ms
        self._replication_factor = replication_factor
        self._client: dict[str, object] = {
            "bootstrap_servers": bootstrap.split(","),
            "reconnect_backoff_max_ms": RECONNECT_MS,
            "proxy_url": DIRECT,
            **(security or {}),
        }
        self._counts: dict[str, int] = {}
        self._making = threading.Lock()
        self._appender = Appender(self._new_producer, prefix=prefix)
        self._admin: KafkaAdminClient | None = None
        self._away: str | None = "the broker has not answered yet"
        self._asked_at = monotonic()
        self._asking = False
        self._closing = threading.Event()
        self._first_pulse = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="kafka-pulse", daemon=True)
        self._heart.start()
        self._first_pulse.wait(OPEN_TIMEOUT_MS / 1000)

    def append(self, topic: str, records: Sequence[NewRecord]) -> Future[list[tuple[int, int]]]:
        """Completes when all are on every in-sync replica; Unreachable within about ten seconds otherwise."""
        return self._appender.append(topic, records, self.healthy())

    def share(self, group: str, topics: Sequence[str]) -> Sharing:
        self._refuse_when_away()
        for topic in topics:
            self.partitions(topic)
        with unreachable_when_away("share"):
            consumer = self._consumer(
                group_id=self._prefix + group,
                session_timeout_ms=self._session_timeout_ms,
                heartbeat_interval_ms=min(3_000, self._session_timeout_ms // 3),
                max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            )
        return KafkaSharing(consumer, topics, prefix=self._prefix, unwell=self.healthy)

    def follow(self, topic: str) -> Following:
        self._refuse_when_away()
        count = self.partitions(topic)
        return KafkaFollowing(self._consumer, topic, count, prefix=self._prefix, unwell=self.healthy)

    def partitions(self, topic: str) -> int:
        if topic not in self._counts:
            with unreachable_when_away("partitions"):
                (found,) = self._administrator().describe_topics([self._prefix + topic])
            if found["error_code"] or not found["partitions"]:
                raise NotFound(f"the log has no topic {topic!r}", code="no-such-topic")
            self._counts[topic] = len(found["partitions"])
        return self._counts[topic]

    def ends(self, topic: str) -> Mapping[int, int]:
        places = {TopicPartition(self._prefix + topic, n): OffsetSpec.LATEST for n in range(self.partitions(topic))}
        with unreachable_when_away("ends"):
            found = self._administrator().list_partition_offsets(places)
        return {place.partition: at.offset for place, at in found.items()}

    def create(self, topics: Mapping[str, TopicShape]) -> None:
        with unreachable_when_away("create"):
            admin = self._administrator()
            there = set(admin.list_topics())
            wanted = {
                self._prefix + topic: self._layout(shape)
                for topic, shape in topics.items()
                if self._prefix + topic not in there
            }
            if wanted:
                self._make_topics(admin, wanted)
            self._appender.expect(topics)

    def healthy(self) -> str | None:
        silent = monotonic() - self._asked_at
        if self._asking and silent > SILENT_S:
            return f"the broker has not answered for {silent:.0f} s"
        return self._away

    def close(self) -> None:
        self._closing.set()
        self._heart.join(PULSE_TIMEOUT_MS / 1000 + SILENT_S)
        with self._making:
            admin, self._admin = self._admin, None
        self._appender.close()
        if admin is not None:
            admin.close()

    def _make_topics(self, admin: KafkaAdminClient, wanted: Mapping[str, Mapping[str, object]]) -> None:
        made = admin.create_topics(wanted, timeout_ms=ADMIN_TIMEOUT_MS, raise_errors=False)
        for topic in made["topics"]:
            error = for_code(topic["error_code"])
            if topic["error_code"] and error is not TopicAlreadyExistsError:
                raise error(topic.get("error_message"))
        admin.wait_for_topics(list(wanted), timeout_ms=ADMIN_TIMEOUT_MS)

    def _layout(self, shape: TopicShape) -> dict[str, object]:
        configs = {
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(LARGEST_BYTES),
            "compression.type": "uncompressed",  # whatever a producer packs with: its library may not be here
        }
        if shape.compacted:
            configs |= {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
        else:
            configs |= {"cleanup.policy": "delete", "retention.ms": str(shape.retention_days * 86_400_000)}
        return {"num_partitions": shape.partitions, "replication_factor": self._replication_factor, "configs": configs}

    def _consumer(self, **settings: object) -> KafkaConsumer:
        consumer = self._built(
            KafkaConsumer,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            metrics_enabled=False,
            metadata_max_age_ms=METADATA_MS,
            bootstrap_timeout_ms=OPEN_TIMEOUT_MS,
            max_partition_fetch_bytes=LARGEST_BYTES,
            **settings,
        )
        unpack_quickly(consumer)
        return consumer

    def _new_producer(self) -> KafkaProducer:
        return self._built(KafkaProducer, bootstrap_timeout_ms=OPEN_TIMEOUT_MS, **PRODUCER)

    def _administrator(self) -> KafkaAdminClient:
        self._refuse_when_away()
        with self._making:
            if self._admin is None:
                self._admin = self._built(
                    KafkaAdminClient, request_timeout_ms=ADMIN_TIMEOUT_MS, bootstrap_timeout_ms=OPEN_TIMEOUT_MS
                )
            return self._admin

    def _refuse_when_away(self) -> None:
        unwell = self.healthy()
        if unwell is not None:
            raise Unreachable(f"Kafka is away: {unwell}", code="log-away")

    def _built(self, kind: Callable[..., Client], **settings: object) -> Client:
        """A client of `kind`. One that fails to start leaves its IO thread running unless it is stopped here."""
        begun: list[KafkaNetClient] = []

        def client(**given: object) -> KafkaNetClient:
            begun.append(SparingClient(**given))
            return begun[-1]

        try:
            return kind(kafka_client=client, **self._client, **settings)
        except KafkaError:
            for one in begun:
                one.close()
                one._manager._net.stop()
            raise

    def _beat(self) -> None:
        pulse: KafkaAdminClient | None = None
        while not self._closing.is_set():
            self._asked_at, self._asking = monotonic(), True
            try:
                if pulse is None:
                    pulse = self._built(
                        KafkaAdminClient, request_timeout_ms=PULSE_TIMEOUT_MS, bootstrap_timeout_ms=PULSE_TIMEOUT_MS
                    )
                pulse.describe_cluster()
                self._appender.renew()
                away = None
            except (KafkaError, OSError, RuntimeError) as wrong:
                away = f"{type(wrong).__name__}: {wrong}"
            if (away is None) != (self._away is None):
                log.info("kafka is back") if away is None else log.warning("kafka is away", reason=away)
            self._away, self._asking = away, False
            self._appender.expire()
            self._first_pulse.set()
            self._closing.wait(PULSE_S)
        if pulse is not None:
            pulse.close()
