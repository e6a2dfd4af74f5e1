"""Records to append, and how a test reads a topic whole or as a member."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from time import monotonic

from shared.ports import EventLog, NewRecord, Record, Sharing, TopicShape

SHAPES = {
    "packets": TopicShape(partitions=4),
    "risks": TopicShape(partitions=1),
    "registry": TopicShape(partitions=1, compacted=True),
}


def numbered(count: int, keys: int = 5) -> list[NewRecord]:
    return [NewRecord(f"mn{n % keys}", str(n).encode()) for n in range(count)]


def append(log: EventLog, topic: str, *records: NewRecord) -> list[tuple[int, int]]:
    return log.append(topic, records).result(20)


def read_all(log: EventLog, topic: str) -> list[Record]:
    """Everything of `topic`, up to the end that stands now."""
    with closing(log.follow(topic)) as following:
        found: list[Record] = []
        deadline = monotonic() + 20
        while not following.caught_up():
            assert monotonic() < deadline
            found += following.poll(0.5)
        return found


def read_until(sharing: Sharing, enough: Callable[[list[Record]], bool], start: int = 0) -> list[Record]:
    """What a member reads, positioned at `start`, until there is enough."""
    found: list[Record] = []
    deadline = monotonic() + 30
    while not enough(found):
        assert monotonic() < deadline, f"{len(found)} records"
        polled = sharing.poll(500, 0.5)
        for partition in polled.taken:
            sharing.seek(partition, start)
        found += polled.records
    return found
