"""Collects what all connections hand over into few appends, and tells each when it is durable.

A record goes at once while little is under way; else it waits for an append to come back, or until there are many: the
busier the log, the larger the appends. Runs on the gateway's loop alone; the log's future comes back to it from another thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import structlog

from shared.domain.errors import DomainError
from shared.eventlog import failpoints
from shared.ports import EventLog, NewRecord

log = structlog.get_logger(__name__)

MOST = 200  # records in one append
UNDER_WAY = 2  # appends of a topic, beyond which few records wait
Landed = Callable[[bool], None]


class Appender:
    """`put` a record; `landed(durable)` is called on the loop, in the order of putting within a topic."""

    def __init__(self, event_log: EventLog, loop: asyncio.AbstractEventLoop, on_landed: Callable[[], None]) -> None:
        self._log = event_log
        self._loop = loop
        self._on_landed = on_landed  # after every append that came back
        self._records: dict[str, list[NewRecord]] = {}
        self._landings: dict[str, list[Landed]] = {}
        self._under_way: dict[str, int] = {}
        self._due = False
        self._away = False
        self.waiting = 0

    def put(self, topic: str, record: NewRecord, landed: Landed) -> None:
        records = self._records.setdefault(topic, [])
        records.append(record)
        self._landings.setdefault(topic, []).append(landed)
        self.waiting += 1
        if len(records) >= MOST:
            self._append(topic)
        else:
            self._flush_soon()

    def _flush_soon(self) -> None:
        """Once this turn of the loop has handed over what it has."""
        if not self._due:
            self._due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        for topic in list(self._records):
            if self._under_way.get(topic, 0) < UNDER_WAY:
                self._append(topic)

    def _append(self, topic: str) -> None:
        records, landings = self._records.pop(topic), self._landings.pop(topic)
        self._under_way[topic] = self._under_way.get(topic, 0) + 1
        try:
            future = self._log.append(topic, records)
        except DomainError as away:
            self._loop.call_soon(self._land, topic, landings, away)
            return
        future.add_done_callback(partial(self._back, topic, landings))

    def _back(self, topic: str, landings: list[Landed], future: Future[list[tuple[int, int]]]) -> None:
        """On the log's thread."""
        try:
            self._loop.call_soon_threadsafe(self._land, topic, landings, future.exception())
        except RuntimeError:  # the loop has ended: nobody is left to be answered
            return

    def _land(self, topic: str, landings: list[Landed], wrong: BaseException | None) -> None:
        self._tell(wrong)
        self._under_way[topic] -= 1
        if topic in self._records:
            self._flush_soon()
        self.waiting -= len(landings)
        durable = wrong is None
        if durable:
            failpoints.reach("before-answer")
        for landed in landings:
            landed(durable)
        self._on_landed()

    def _tell(self, wrong: BaseException | None) -> None:
        if wrong is not None and not self._away:
            log.warning("the log takes nothing: packets stay unanswered", why=str(wrong))
        elif wrong is None and self._away:
            log.info("the log takes packets again")
        self._away = wrong is not None
