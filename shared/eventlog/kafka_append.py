"""How Kafka is written: one idempotent producer, acks=all, and a future for each append.

A producer of kafka-python 3.0 that gave up a record may never send again (tried on a suspended broker: its appends then
neither complete nor expire). So a producer that failed once is replaced, and every append has a deadline of our own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import lru_cache
from time import monotonic
from typing import Protocol

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.partitioner.default import murmur2

from shared.domain.errors import DomainError, Invalid, Unreachable
from shared.eventlog.kafka_wakeups import one_wake_up
from shared.ports import LARGEST_BYTES, NewRecord

log = structlog.get_logger(__name__)

CLOSE_S = 1.0
KEYS_CACHED = 200_000  # more than a nation's points
DEADLINE_S = 11.0  # a second after the producer's own
PRODUCER = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 2,  # many frames share a request, and none waits long
    "batch_size": 128 * 1024,
    "delivery_timeout_ms": 10_000,
    "request_timeout_ms": 8_000,
    "max_block_ms": 3_000,  # `append` may wait this long for a topic it never saw
    "max_request_size": LARGEST_BYTES,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}


class Place(Protocol):
    """Where the broker put a record (kafka-python ships no types)."""

    partition: int
    offset: int


class SentRecord(Protocol):
    """kafka-python's future of one record."""

    def add_callback(self, came: Callable[[Place], None]) -> object: ...
    def add_errback(self, failed: Callable[[BaseException], None]) -> object: ...


class Appended:
    """One append: completes when each of its records was acknowledged. Acknowledgements come on the IO thread."""

    def __init__(self, count: int) -> None:
        self.future: Future[list[tuple[int, int]]] = Future()
        self.future.set_running_or_notify_cancel()
        self.deadline = monotonic() + DEADLINE_S
        self._places: list[tuple[int, int]] = [(0, 0)] * count
        self._left = count
        self._lock = threading.Lock()
        if not count:
            self.future.set_result([])

    def wait_for(self, number: int, sent: SentRecord, on_failure: Callable[[BaseException], None]) -> None:
        """`sent` is kafka-python's future of the record `number`."""

        def came(at: Place) -> None:
            self._places[number] = (at.partition, at.offset)
            with self._lock:
                self._left -= 1
                complete = self._left == 0
            if complete and not self.future.done():
                self.future.set_result(self._places)

        def failed(wrong: BaseException) -> None:
            on_failure(wrong)
            self.fail(Unreachable(f"Kafka did not take the record: {wrong!r}", code="log-away"))

        sent.add_callback(came)
        sent.add_errback(failed)

    def fail(self, wrong: DomainError) -> None:
        with self._lock:
            if not self.future.done():
                self.future.set_exception(wrong)


class Appender:
    """The producer and its replacement; `make` builds one."""

    def __init__(self, make: Callable[[], KafkaProducer], *, prefix: str) -> None:
        self._make = make
        self._prefix = prefix
        self._producer: KafkaProducer | None = None
        self._spoiled = False
        self._topics: set[str] = set()
        self._waiting: deque[Appended] = deque()

    def renew(self) -> None:
        """Called by the pulse while the broker answers: make the producer, or replace a spoiled one."""
        if self._producer is not None and not self._spoiled:
            return
        new = self._make()
        for topic in list(self._topics):
            new.partitions_for(self._prefix + topic)
        old, self._producer = self._producer, new
        self._spoiled = False
        if old is not None:
            _close(old)

    def expect(self, topics: Iterable[str]) -> None:
        """Learn the partitions of `topics` now, so that the first append does not wait for them."""
        self._topics.update(topics)
        if self._producer is not None:
            for topic in topics:
                self._producer.partitions_for(self._prefix + topic)

    def expire(self) -> None:
        """Called by the pulse: no append waits beyond its deadline, whatever the producer does."""
        while self._waiting and (self._waiting[0].future.done() or self._waiting[0].deadline < monotonic()):
            first = self._waiting.popleft()
            if not first.future.done():
                self._failed(KafkaTimeoutError("no answer within the deadline"))
                first.fail(Unreachable("Kafka did not answer in time", code="log-away"))

    def append(self, topic: str, records: Sequence[NewRecord], unwell: str | None) -> Future[list[tuple[int, int]]]:
        """Send the records; `unwell` refuses at once."""
        appended = Appended(len(records))
        producer = self._producer
        if producer is None or unwell is not None:
            appended.fail(Unreachable(f"Kafka is away: {unwell or 'no producer yet'}", code="log-away"))
            return appended.future
        self._topics.add(topic)
        self._waiting.append(appended)
        try:
            self._send(producer, self._prefix + topic, records, appended)
        except MessageSizeTooLargeError as wrong:
            appended.fail(Invalid(f"record too large: {wrong}", rule=f"at most {LARGEST_BYTES} bytes"))
        except (KafkaError, RuntimeError) as wrong:
            self._failed(wrong)
            appended.fail(Unreachable(f"Kafka is away: {wrong!r}", code="log-away"))
        return appended.future

    def _send(self, producer: KafkaProducer, topic: str, records: Sequence[NewRecord], appended: Appended) -> None:
        partitions = sorted(producer.partitions_for(topic))  # waits, where they are not known yet
        with one_wake_up():
            for number, record in enumerate(records):
                sent = producer.send(
                    topic,
                    key=record.key.encode(),
                    value=record.value,
                    headers=list(record.headers.items()),
                    partition=partitions[_hash(record.key) % len(partitions)],
                )
                appended.wait_for(number, sent, self._failed)

    def close(self) -> None:
        if self._producer is not None:
            _close(self._producer)

    def _failed(self, wrong: BaseException) -> None:
        if not self._spoiled:
            log.warning("append failed, a new producer is made", error=repr(wrong))
            self._spoiled = True


@lru_cache(KEYS_CACHED)
def _hash(key: str) -> int:
    """By which every Kafka client chooses the partition of a key."""
    return int(murmur2(key.encode())) & 0x7FFFFFFF


def _close(producer: KafkaProducer) -> None:
    try:
        producer.close(timeout=CLOSE_S)
    except KafkaError as unsent:
        log.warning("a producer was closed with records unsent", error=repr(unsent))
