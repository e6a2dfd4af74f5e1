"""How far behind this host's groups are, in seconds, and how many partitions nobody reads; the numbers go into the metrics.

Seconds behind: age of the newest record handled, or of the moment when all was read, whichever is later; 0 when all is
read. Unread: records wait beyond the group's progress row, and the row has not moved for a minute, whoever should read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import structlog

from shared.database import Database
from shared.domain.errors import Unreachable
from shared.eventlog.progress import Progress
from shared.ports import EventLog, Partition
from shared.runtime.consuming import Consumer, Consumption
from shared.runtime.metrics import Metrics

log = structlog.get_logger(__name__)
LOOK_S = 15.0
UNREAD_S = 60.0  # a position that stands still for so long while records wait


@dataclass
class Watched:
    """One group, its member here, and what was seen of it. `stands`: partition → (position, since when)."""

    consumption: Consumption
    consumer: Consumer
    database: Database
    progress: Progress
    reached: dict[str, datetime]  # topic → up to when all is handled
    stands: dict[Partition, tuple[int, float]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return self.consumption.group

    def behind(self, topic: str) -> int:
        """Records of the topic not yet read, in the partitions that are ours."""
        return sum(n for partition, n in self.consumer.lag().items() if partition.topic == topic)


class LogWatch:
    """`handled` from the consumers' threads, `tell_lag` at every scrape, `look` every 15 s on its own."""

    def __init__(
        self,
        event_log: EventLog,
        metrics: Metrics,
        wall_now: Callable[[], datetime],
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._log = event_log
        self._metrics = metrics
        self._wall_now = wall_now
        self._steady = steady
        self._watched: dict[str, Watched] = {}

    def add(self, consumption: Consumption, consumer: Consumer, database: Database, progress: Progress) -> None:
        """Watch this group from now on."""
        since = dict.fromkeys(consumption.handlers, self._wall_now())
        self._watched[consumption.group] = Watched(consumption, consumer, database, progress, since)

    def handled(self, group: str, topic: str, newest: datetime) -> None:
        """A batch of the topic was handled, whose newest record was appended at `newest`."""
        self._watched[group].reached[topic] = newest

    def tell_lag(self) -> None:
        """Records and seconds behind, by topic and group."""
        now = self._wall_now()
        for watched in self._watched.values():
            for topic in watched.consumption.handlers:
                behind = watched.behind(topic)
                if behind == 0:
                    watched.reached[topic] = now
                age = (now - watched.reached[topic]).total_seconds()
                self._metrics.lag_records.labels(topic, watched.group).set(behind)
                self._metrics.lag_seconds.labels(topic, watched.group).set(max(0.0, age))

    def run(self, stop: threading.Event) -> None:
        """Look now and every 15 s until `stop`."""
        while not stop.is_set():
            self.look()
            stop.wait(LOOK_S)

    def look(self) -> None:
        """Count the unread partitions of every group; while log or database are away the last count stands."""
        self.tell_lag()
        for watched in self._watched.values():
            try:
                self._count_unread(watched)
            except Unreachable as away:
                log.warning("unread partitions were not counted", group=watched.group, why=away.detail)

    def _count_unread(self, watched: Watched) -> None:
        with watched.database.read() as session:
            positions = watched.progress.positions(session, watched.group)
        for topic in watched.consumption.handlers:
            ends = {Partition(topic, number): end for number, end in self._log.ends(topic).items()}
            unread = sum(self._stands_still(watched, p, positions.get(p, 0), end) for p, end in ends.items())
            self._metrics.unread_partitions.labels(topic, watched.group).set(unread)

    def _stands_still(self, watched: Watched, partition: Partition, position: int, end: int) -> bool:
        if position >= end or watched.consumer.lag().get(partition) == 0:  # what is left was deleted by the log
            watched.stands.pop(partition, None)
            return False
        now = self._steady()
        known, since = watched.stands.get(partition, (position, now))
        if known != position:
            since = now
        watched.stands[partition] = (position, since)
        return now - since >= UNREAD_S
