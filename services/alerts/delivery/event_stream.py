"""New events for all who listen: one look at the database serves every listener, and only while somebody listens.

A listener reads its backlog from rows (filtered in SQL), then lives on what the feed saw. It ends when the feed is stopped.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator

import structlog

from services.alerts.store.events import Said, last_said, said_after, seen
from shared.access import Caller
from shared.database import Database
from shared.domain.errors import Unreachable
from shared.runtime.worker_health import WorkerHealth

log = structlog.get_logger(__name__)
KEPT = 2000  # events that late listeners find without a query
LOOK_S = 0.25
PAGE = 500


class EventStream:
    """Listeners live on the web server's loop; `stop` may come from any thread. Also a worker of the service."""

    name = "alerts-event-stream"

    def __init__(self, database: Database, *, look_s: float = LOOK_S) -> None:
        self._database = database
        self._look_s = look_s
        self.health = WorkerHealth()
        self._recent: deque[Said] = deque(maxlen=KEPT)
        self._seen_from = 0  # `_recent` holds all events behind this number
        self._seen_to: int | None = None  # and up to this one; None while nobody looks
        self._news: asyncio.Event | None = None
        self._looking: asyncio.Task[None] | None = None
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
            loop.call_soon_threadsafe(self._announce)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set() or (self._ends_with is not None and self._ends_with.is_set())

    async def listen(self, caller: Caller, after: int, *, idle_s: float) -> AsyncGenerator[list[Said], None]:
        """Events behind `after` that the caller may see, as they come; an empty list after `idle_s` without any."""
        self._join()
        try:
            async for events in self._arriving(caller, after, idle_s):
                yield events
        finally:
            self._part()

    async def _arriving(self, caller: Caller, position: int, idle_s: float) -> AsyncGenerator[list[Said], None]:
        quiet_until = asyncio.get_running_loop().time() + idle_s
        while not self.stopped:
            news = self._awaited()
            position, events = await self._since(caller, position)
            left = quiet_until - asyncio.get_running_loop().time()
            if events or left <= 0:
                yield events
                quiet_until = asyncio.get_running_loop().time() + idle_s
            else:
                await _within(news, left)

    async def _since(self, caller: Caller, position: int) -> tuple[int, list[Said]]:
        """What there is behind `position`, from memory when it reaches back so far, and how far that goes."""
        if self._seen_to is not None and position >= self._seen_from:
            mine = [e for e in self._recent if e.stream_no > position and seen(caller, e)]
            return max(position, self._seen_to), mine
        return await asyncio.to_thread(self._read, caller, position)

    def _read(self, caller: Caller, position: int) -> tuple[int, list[Said]]:
        with self._database.read() as session:
            last = last_said(session)
            found = said_after(session, position, limit=PAGE, caller=caller, until=last)
        reached = found[-1].stream_no if len(found) == PAGE else max(position, last)
        return reached, found

    async def _look(self) -> None:
        """See what is new, until nobody listens."""
        while self._listeners and not self.stopped:
            try:
                first, news = self._seen_to is None, await asyncio.to_thread(self._new_ones)
            except Unreachable as away:
                log.warning("the feed waits for the database", reason=away.detail)
                first, news = False, []
            self._keep(news)
            if news or first:  # what came before the first look is found in rows
                self._announce()
            await asyncio.sleep(self._look_s)
        self._announce()

    def _new_ones(self) -> list[Said]:
        with self._database.read() as session:
            if self._seen_to is None:
                self._seen_from = self._seen_to = last_said(session)
                return []
            return said_after(session, self._seen_to, limit=PAGE)

    def _keep(self, news: list[Said]) -> None:
        for one in news:
            if len(self._recent) == KEPT:
                self._seen_from = self._recent[0].stream_no
            self._recent.append(one)
            self._seen_to = one.stream_no

    def _join(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners += 1
        if self._looking is None or self._looking.done():
            self._recent.clear()
            self._seen_from, self._seen_to = 0, None
            self._looking = self._loop.create_task(self._look())

    def _part(self) -> None:
        self._listeners -= 1
        if not self._listeners and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _awaited(self) -> asyncio.Event:
        if self._news is None:
            self._news = asyncio.Event()
        return self._news

    def _announce(self) -> None:
        """Wake everybody who waits; who comes later waits for the next time."""
        news, self._news = self._news, None
        if news is not None:
            news.set()


async def _within(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        pass
