"""New events for all who listen: one query of the database serves every listener, and only while somebody listens.

A listener reads its backlog from rows (filtered in SQL), then gets what the stream found. It ends when the stream is stopped.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import structlog

from services.alerts.store.events import StreamEvent, events_after, last_stream_no, may_see
from shared.access import Caller
from shared.database import Database
from shared.domain.errors import Unreachable
from shared.runtime.worker_health import WorkerHealth

log = structlog.get_logger(__name__)
REMEMBERED = 2000  # events that late listeners find without a query
POLL_S = 0.25
PAGE = 500


@dataclass(frozen=True, slots=True)
class Read:
    """Events of a caller, and up to which number everything was looked through for it."""

    reached: int
    events: list[StreamEvent]


class EventStream:
    """Listeners run on the web server's loop; `stop` may come from any thread. Also a worker of the service."""

    name = "alerts-feed"

    def __init__(self, database: Database, *, poll_s: float = POLL_S) -> None:
        self._database = database
        self._poll_s = poll_s
        self.health = WorkerHealth()
        self._recent: deque[StreamEvent] = deque(maxlen=REMEMBERED)
        self._seen_from = 0  # `_recent` holds all events behind this number
        self._seen_to: int | None = None  # and up to this one; None while nobody listens
        self._arrival: asyncio.Event | None = None
        self._polling: asyncio.Task[None] | None = None
        self._listeners = 0
        self._stopped = threading.Event()
        self._ends_with: threading.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._stopped.clear()

    def end_with(self, stopping: threading.Event) -> None:
        """Also end all listening when the process begins to stop."""
        self._ends_with = stopping

    def stop(self) -> None:
        """End all listening; they leave within a moment."""
        self._stopped.set()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._notify)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set() or (self._ends_with is not None and self._ends_with.is_set())

    async def listen(self, caller: Caller, after: int, *, idle_s: float) -> AsyncGenerator[list[StreamEvent], None]:
        """Events behind `after` that the caller may see, as they come; an empty list after `idle_s` without any."""
        self._enter()
        try:
            async for events in self._arriving(caller, after, idle_s):
                yield events
        finally:
            self._leave()

    async def _arriving(self, caller: Caller, position: int, idle_s: float) -> AsyncGenerator[list[StreamEvent], None]:
        quiet_until = asyncio.get_running_loop().time() + idle_s
        while not self.stopped:
            arrival = self._waiter()
            read = await self._since(caller, position)
            position = read.reached
            left = quiet_until - asyncio.get_running_loop().time()
            if read.events or left <= 0:
                yield read.events
                quiet_until = asyncio.get_running_loop().time() + idle_s
            else:
                await _within(arrival, left)

    async def _since(self, caller: Caller, position: int) -> Read:
        """What there is behind `position`, from memory when it reaches back so far, and how far that goes."""
        if self._seen_to is not None and position >= self._seen_from:
            mine = [e for e in self._recent if e.stream_no > position and may_see(caller, e)]
            return Read(max(position, self._seen_to), mine)
        return await asyncio.to_thread(self._read, caller, position)

    def _read(self, caller: Caller, position: int) -> Read:
        with self._database.read() as session:
            last = last_stream_no(session)
            found = events_after(session, position, limit=PAGE, caller=caller, until=last)
        reached = found[-1].stream_no if len(found) == PAGE else max(position, last)
        return Read(reached, found)

    async def _poll(self) -> None:
        """Query for new events, until nobody listens."""
        while self._listeners and not self.stopped:
            try:
                first, events = self._seen_to is None, await asyncio.to_thread(self._new_events)
            except Unreachable as unavailable:
                log.warning("the event stream waits for the database", reason=unavailable.detail)
                first, events = False, []
            self._remember(events)
            if events or first:  # what came before the first query is found in rows
                self._notify()
            await asyncio.sleep(self._poll_s)
        self._notify()

    def _new_events(self) -> list[StreamEvent]:
        with self._database.read() as session:
            if self._seen_to is None:
                self._seen_from = self._seen_to = last_stream_no(session)
                return []
            return events_after(session, self._seen_to, limit=PAGE)

    def _remember(self, events: list[StreamEvent]) -> None:
        for one in events:
            if len(self._recent) == REMEMBERED:
                self._seen_from = self._recent[0].stream_no
            self._recent.append(one)
            self._seen_to = one.stream_no

    def _enter(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners += 1
        if self._polling is None or self._polling.done():
            self._recent.clear()
            self._seen_from, self._seen_to = 0, None
            self._polling = self._loop.create_task(self._poll())

    def _leave(self) -> None:
        self._listeners -= 1
        if not self._listeners and self._polling is not None:
            self._polling.cancel()
            self._polling = None

    def _waiter(self) -> asyncio.Event:
        if self._arrival is None:
            self._arrival = asyncio.Event()
        return self._arrival

    def _notify(self) -> None:
        """Wake everybody who waits; who comes later waits for the next time."""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.set()


async def _within(arrival: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await arrival.wait()
    except TimeoutError:
        pass
