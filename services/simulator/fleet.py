"""All loggers of a region in one process, over a few connections, paced by the field clock.

No packet leaves before field time has passed its period's end. Unanswered frames are resent as HJ 212-2017 table 1 says
(10 s, three times) and then again after a pause: a logger keeps a packet until it is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.clock import Clock

from .link import Link
from .logger import Frame, Logger
from .region import SampleRegion
from .signals import Signal, origin_after

LINKS = 8
ANSWER_S, RESENDS, PAUSE_S = 10.0, 3, 20.0
LOOK_AGAIN_S = 1.0  # sleep at most so long, so that a stop is noticed


@dataclass
class Stats:
    """Counts of packets (a frame each); a resent one is one packet."""

    sent: int = 0
    acknowledged: int = 0
    resent: int = 0
    by_command: Counter[str] = field(default_factory=Counter)

    @property
    def unanswered(self) -> int:
        return self.sent - self.acknowledged


@dataclass
class Fleet:
    region: SampleRegion
    clock: Clock
    gateway: tuple[str, int]
    answer_s: float = ANSWER_S
    pause_s: float = PAUSE_S
    stats: Stats = field(default_factory=Stats)
    origin: datetime | None = None
    ended: datetime | None = None  # field time of `stop`
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """No new packets; those on their way may still be answered."""
        if self.ended is None:
            self.ended = self.clock.field_now()
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`: every logger at its own times."""
        begin = self.clock.field_now()
        self.origin = origin_after(begin)
        links = [Link(*self.gateway) for _ in range(min(LINKS, len(self.region.points)))]
        keeping = [asyncio.create_task(link.keep()) for link in links]
        try:
            async with asyncio.TaskGroup() as group:
                for number, point in enumerate(self.region.points):
                    logger = Logger(point, Signal(self.region.seed, point, self.origin))
                    group.create_task(self._life(logger, links[number % len(links)], begin))
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    async def _life(self, logger: Logger, link: Link, begin: datetime) -> None:
        for frame in logger.hello(begin):
            await self._deliver(logger, link, frame)
        timetable = logger.timetable(begin)
        while await self.reach(timetable.peek().at):
            due, now = timetable.peek(), self.clock.field_now()
            if not logger.signal.silent(due.start):
                for frame in logger.frames(due.upload, due.start, now):
                    await self._deliver(logger, link, frame)
            timetable.pass_on(behind=self.clock.wall_now() - due.at)

    async def reach(self, at: datetime) -> bool:
        """Waits for a field time; False when the fleet stops first."""
        while not self._stop.is_set():
            left_s = self._wall_seconds_until(at)
            if left_s <= 0:
                return True
            try:
                await asyncio.wait_for(self._stop.wait(), min(left_s, LOOK_AGAIN_S))
            except TimeoutError:
                continue
        return False

    def _wall_seconds_until(self, at: datetime) -> float:
        """Field time runs at its speed and never passes wall time."""
        by_field = (at - self.clock.field_now()).total_seconds() / self.clock.speed
        by_wall = (at - self.clock.wall_now()).total_seconds()
        return max(by_field, by_wall)

    async def _deliver(self, logger: Logger, link: Link, frame: Frame) -> None:
        """Sends until answered; gives up only when the fleet stops."""
        self.stats.sent += 1
        self.stats.by_command[frame.cn] += 1
        attempt = 0
        while not await link.exchange(logger.point.mn, frame.qn, frame.raw, self.answer_s):
            attempt += 1
            if self._stop.is_set() or (attempt % (RESENDS + 1) == 0 and not await self._pause()):
                return
            self.stats.resent += 1
        self.stats.acknowledged += 1

    async def _pause(self) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), self.pause_s)
        except TimeoutError:
            return True
        return False
