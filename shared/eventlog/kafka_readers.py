"""How Kafka is read: members of a consumer group, and followers that read a whole topic without one.

kafka-python calls the rebalance listener on its IO thread, so the listener only notes what changed; everything else
happens on the thread that polls. Kafka's committed offset is for display: where a partition is read from is decided by
`seek` alone, and records that come before it are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic, sleep

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from shared.domain.errors import Unreachable
from shared.eventlog.kafka_unpacking import RawRecord
from shared.ports import Partition, Polled, Record

FOLLOW_AT_ONCE = 1_000  # records a follower gets in one poll
ASK_ENDS_S = 10.0  # ends of partitions that are not being read are asked for this often
CLOSE_MS = 3_000

Unwell = Callable[[], str | None]


@contextmanager
def unreachable_when_away(doing: str) -> Iterator[None]:
    """kafka-python's errors as Unreachable. Its IO loop says RuntimeError or OSError when it was torn down."""
    try:
        yield
    except (KafkaError, OSError, RuntimeError) as wrong:
        raise Unreachable(f"Kafka is away ({doing}): {wrong!r}", code="log-away") from wrong


def _poll(
    consumer: KafkaConsumer, most: int, timeout_s: float, unwell: Unwell
) -> dict[TopicPartition, list[RawRecord]]:
    """While the broker is away we wait ourselves: kafka-python's own waiting spins when its heartbeat is overdue."""
    if unwell() is not None:
        sleep(timeout_s)
        timeout_s = 0.0
    with unreachable_when_away("poll"):
        found: dict[TopicPartition, list[RawRecord]] = consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=most)
    return found


def record_of(raw: RawRecord, topic: str) -> Record:
    """A record as ours. Other producers may write keys that are no text."""
    key = raw.key.decode("utf-8", "replace") if raw.key is not None else ""
    return Record(topic, raw.partition, raw.offset, key, raw.value, raw.headers, raw.appended_at)


class _Notes(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """What the IO thread saw, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost: set[TopicPartition] = set()
        self._assigned: set[TopicPartition] | None = None

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        with self._lock:
            self._lost.update(revoked)
            self._assigned = None

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        with self._lock:
            self._assigned = set(assigned)

    def read(self) -> tuple[set[TopicPartition], set[TopicPartition]]:
        """(lost, assigned) since the last reading; what was lost may have come back."""
        with self._lock:
            lost, assigned = self._lost, self._assigned or set()
            self._lost, self._assigned = set(), None
            return lost, assigned


class KafkaSharing:
    """A member of a group (ports.Sharing). Used from one thread only."""

    def __init__(self, consumer: KafkaConsumer, topics: Sequence[str], *, prefix: str, unwell: Unwell) -> None:
        self._consumer = consumer
        self._unwell = unwell
        self._prefix = prefix
        self._notes = _Notes()
        self._owned: set[Partition] = set()
        self._next: dict[Partition, int] = {}  # only of positioned partitions
        self._paused: set[Partition] = set()
        self._ends: dict[Partition, int] = {}
        self._ends_at = 0.0
        consumer.subscribe([prefix + topic for topic in topics], listener=self._notes)

    def poll(self, max_records: int, timeout_s: float) -> Polled:
        found = _poll(self._consumer, max_records, timeout_s, self._unwell)
        taken, lost = self._settle()
        records: list[Record] = []
        for at, raws in found.items():
            partition = self._ours(at)
            if partition in self._next and partition not in self._paused:
                records += [record_of(raw, partition.topic) for raw in raws if raw.offset >= self._next[partition]]
                self._next[partition] = raws[-1].offset + 1
        return Polled(taken, lost, tuple(records))

    def seek(self, partition: Partition, offset: int) -> None:
        if partition not in self._owned:
            return
        with _no_longer_ours():
            self._consumer.seek(self._theirs(partition), offset)
            self._next[partition] = offset
            if partition not in self._paused:
                self._go_on(partition)

    def pause(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._paused.add(partition)
            with _no_longer_ours():
                self._consumer.pause(self._theirs(partition))

    def resume(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._paused.discard(partition)
            if partition in self._next:
                with _no_longer_ours():
                    self._go_on(partition)

    def _go_on(self, partition: Partition) -> None:
        """kafka-python 3.0.12 parks half-read records of a paused partition and, once another partition's were read to
        their end, never takes them up again nor fetches the partition. So what is parked is forgotten and fetched anew.
        """
        at = self._theirs(partition)
        parked: dict[TopicPartition, object] = getattr(self._consumer._fetcher, "_paused_partition_records", {})
        if parked.pop(at, None) is not None:
            self._consumer.seek(at, self._next[partition])
        self._consumer.resume(at)

    def report(self, positions: Mapping[Partition, int]) -> None:
        wanted = {self._theirs(p): OffsetAndMetadata(at, "", -1) for p, at in positions.items() if p in self._owned}
        if wanted:
            with unreachable_when_away("report"):
                self._consumer.commit_async(wanted, callback=_whatever)

    def lag(self) -> Mapping[Partition, int]:
        """By the ends that came with the records; partitions that are not being read are asked for now and then."""
        ends = {p: self._highwater(p) for p in self._owned}
        unknown = [p for p, end in ends.items() if end is None]
        if unknown and monotonic() - self._ends_at >= ASK_ENDS_S:
            self._ask_ends(unknown)
        known = {p: self._ends.get(p) if end is None else end for p, end in ends.items()}
        return {p: max(0, end - self._next.get(p, 0)) for p, end in known.items() if end is not None}

    def close(self) -> None:
        with unreachable_when_away("close"):
            self._consumer.close(autocommit=False, timeout_ms=CLOSE_MS)

    def _settle(self) -> tuple[tuple[Partition, ...], tuple[Partition, ...]]:
        """(taken, lost): everything newly assigned stands still until it is positioned."""
        gone, come = self._notes.read()
        lost = tuple(p for p in map(self._ours, gone) if p in self._owned)
        for partition in lost:
            self._owned.discard(partition)
            self._paused.discard(partition)
            self._next.pop(partition, None)
        taken = tuple(p for p in map(self._ours, come) if p not in self._owned)
        for partition in taken:
            self._owned.add(partition)
            with _no_longer_ours():
                self._consumer.pause(self._theirs(partition))
        return _ordered(taken), _ordered(lost)

    def _highwater(self, partition: Partition) -> int | None:
        try:
            end: int | None = self._consumer.highwater(self._theirs(partition))
        except KafkaError:
            return None
        return end if partition in self._next else None

    def _ask_ends(self, partitions: Sequence[Partition]) -> None:
        self._ends_at = monotonic()
        try:
            ends = self._consumer.end_offsets([self._theirs(p) for p in partitions], timeout_ms=2_000)
        except KafkaError:
            return
        self._ends = {self._ours(at): end for at, end in ends.items()}

    def _ours(self, at: TopicPartition) -> Partition:
        return Partition(at.topic.removeprefix(self._prefix), at.partition)

    def _theirs(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._prefix + partition.topic, partition.number)


class KafkaFollowing:
    """Reads one topic from the beginning (ports.Following)."""

    def __init__(
        self, make: Callable[[], KafkaConsumer], topic: str, partitions: int, *, prefix: str, unwell: Unwell
    ) -> None:
        self._topic = topic
        self._unwell = unwell
        places = [TopicPartition(prefix + topic, number) for number in range(partitions)]
        with unreachable_when_away("follow"):
            self._consumer = make()
            self._consumer.assign(places)
            self._goal: dict[TopicPartition, int] = self._consumer.end_offsets(places, timeout_ms=5_000)
            self._next: dict[TopicPartition, int] = self._consumer.beginning_offsets(places, timeout_ms=5_000)
            for place, first in self._next.items():
                self._consumer.seek(place, first)

    def poll(self, timeout_s: float) -> Sequence[Record]:
        found = _poll(self._consumer, FOLLOW_AT_ONCE, timeout_s, self._unwell)
        records: list[Record] = []
        for at, raws in found.items():
            self._next[at] = raws[-1].offset + 1
            records += [record_of(raw, self._topic) for raw in raws]
        return records

    def caught_up(self) -> bool:
        return all(self._next[place] >= end for place, end in self._goal.items())

    def close(self) -> None:
        with unreachable_when_away("close"):
            self._consumer.close(autocommit=False, timeout_ms=CLOSE_MS)


@contextmanager
def _no_longer_ours() -> Iterator[None]:
    """The IO thread may have taken the partition away since the last poll; the next one says so."""
    try:
        yield
    except (ValueError, KeyError):
        return


def _whatever(_offsets: object, _answer: object) -> None:
    """A position that could not be shown is shown with the next."""


def _ordered(partitions: Iterable[Partition]) -> tuple[Partition, ...]:
    return tuple(sorted(partitions, key=lambda p: (p.topic, p.number)))
