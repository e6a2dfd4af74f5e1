"""The event log, in words: what every adapter promises. Adapters live in `shared/eventlog`.

Promises: an append's future completes only when its records are durable; records of one key keep their order; a
partition is read by one member of a group at a time; offsets grow. Nothing else: exactly-once *effect* is made by the
progress row that a service keeps in its own database (`eventlog/progress.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

LARGEST_BYTES = 4 * 1024**2  # of a record; one enterprise's whole history fits
NO_HEADERS: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class Partition:
    """One ordered sequence of records: a topic's n-th part."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to append; `value` None deletes the key of a compacted topic."""

    key: str
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as read. `appended_at` is the log's own time, never event time. A struct: made five times as fast."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Mapping[str, bytes]
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought: partitions newly taken (to be positioned by `seek` before they give records), partitions
    lost, and records grouped in order by partition."""

    taken: tuple[Partition, ...] = ()
    lost: tuple[Partition, ...] = ()
    records: tuple[Record, ...] = ()


class Sharing(Protocol):
    """A member of a group: partitions are divided among the members. Used from one thread only."""

    def poll(self, max_records: int, timeout_s: float) -> Polled:
        """Waits at most `timeout_s`; a taken partition gives no records until it was positioned by `seek`.
        Raises Unreachable when the log is away."""

    def seek(self, partition: Partition, offset: int) -> None:
        """The next record of `partition` is the one at `offset` (or the first kept one after it)."""

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Keep the partitions but give no records of them; membership lives on while poll is called."""

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Undo `pause`."""

    def report(self, positions: Mapping[Partition, int]) -> None:
        """Tell the log how far we are: for display and retention only, never for recovery."""

    def lag(self) -> Mapping[Partition, int]:
        """Records not yet read, for each partition owned."""

    def close(self) -> None:
        """Leave the group."""


class Following(Protocol):
    """Reads everything of one topic from the beginning, in every process; keeps no position."""

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records, or none within `timeout_s`. Raises Unreachable when the log is away."""

    def caught_up(self) -> bool:
        """Whether the end that stood when the following began has been reached."""

    def close(self) -> None: ...


class EventLog(Protocol):
    """The log itself; safe to use from several threads."""

    def append(self, topic: str, records: Sequence[NewRecord]) -> Future[list[tuple[int, int]]]:
        """Completes with (partition, offset) of each record, when all are durable; raises Unreachable."""

    def share(self, group: str, topics: Sequence[str]) -> Sharing:
        """Join `group` on `topics`."""

    def follow(self, topic: str) -> Following:
        """Follow `topic` from the beginning."""

    def partitions(self, topic: str) -> int:
        """How many partitions `topic` has; fixed at birth."""

    def ends(self, topic: str) -> Mapping[int, int]:
        """The next offset of each partition. Raises Unreachable."""

    def create(self, topics: Mapping[str, TopicShape]) -> None:
        """Make the topics that are missing; never changes one that is there."""

    def healthy(self) -> str | None:
        """None when appends can succeed, else why not (broker away, disk nearly full)."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TopicShape:
    """How a topic is laid out."""

    partitions: int
    compacted: bool = False
    retention_days: int = 30
