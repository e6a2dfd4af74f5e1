"""Due pushes → channel → attempt rows; retries live here. One sender a process, many receivers at once.

Each endpoint has a lane: few in flight, one while it fails, so that a slow receiver holds up nobody. Every push is tried
at least once whatever dies: it is leased, and an expired lease is taken again with the same webhook-id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog

from services.alerts.channels import Channels
from services.alerts.delivery.attempts import Attempts
from services.alerts.delivery.containment import Step, contained
from services.alerts.delivery.policy import Policy
from services.alerts.delivery.turns import Claim, Finished, Turns
from services.alerts.store.push_queue import Claimed, Result
from shared.commit_signal import CommitSignal
from shared.domain.errors import Unreachable

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")

NewChannels = Callable[[], Channels]


@dataclass(slots=True)
class Lane:
    """The pushes that one endpoint has leased and not yet finished."""

    free: asyncio.Semaphore
    held: int = 0


@dataclass
class Delivery:
    """The sender; `run` on its own event loop."""

    turns: Turns
    attempts: Attempts
    signal: CommitSignal
    new_channels: NewChannels
    policy: Policy

    def __post_init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._results: list[Result] = []
        self._unsent: list[Claimed] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; comes back by itself from a database that was unavailable."""
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="alerts-delivery")
        self._wake = asyncio.Event()
        self._healthy = asyncio.Semaphore(self.policy.in_flight)
        self._struggling = asyncio.Semaphore(self.policy.in_flight // 2)
        loop, channels = asyncio.get_running_loop(), self.new_channels()
        self.signal.subscribe(lambda: _wake_up(loop, self._wake))
        stopping = asyncio.create_task(self._wake_at(stop))
        try:
            if self.turns.database.embedded:  # there is no other sender
                await self._release_at_start()
            while not stop.is_set():
                await self._turn(channels)
        finally:
            self.signal.subscribe(None)
            stopping.cancel()
            await self._leave()
            for channel in channels.values():
                await channel.close()
            self._threads.shutdown(wait=True)

    async def _turn(self, channels: Channels) -> None:
        self._wake.clear()
        finished, self._results, self._unsent = Finished(self._results, self._unsent), [], []
        claim: Claim | None = None
        with contained(self.turns.metrics, Step.TURN) as turn:
            claim = await self._claim(finished)
        if turn.failed:
            await self._in_thread(lambda: self.turns.record_each(finished.results))
        if claim is None:
            await asyncio.sleep(self.policy.poll_s)
            return
        for push in claim.pushes:
            self._begin(channels, push)
        if len(claim.pushes) < self.policy.batch and not self._results:  # no more is due: an attempt's end wakes
            await self._rest(claim.wait_s)

    async def _claim(self, finished: Finished) -> Claim | None:
        """None while the database is unavailable: what is finished is kept for the next turn."""
        held = {endpoint: lane.held for endpoint, lane in self._lanes.items()}
        try:
            return await self._in_thread(lambda: self.turns.take(finished, held))
        except Unreachable as unavailable:
            log.warning("deliveries wait for the database", reason=unavailable.detail)
            self._results = [*finished.results, *self._results]
            self._unsent = [*finished.unsent, *self._unsent]
            return None

    async def _rest(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _begin(self, channels: Channels, push: Claimed) -> None:
        lane = self._lanes.get(push.endpoint_id)
        if lane is None:
            wide = 1 if push.struggling else self.policy.in_flight_endpoint
            lane = self._lanes[push.endpoint_id] = Lane(asyncio.Semaphore(wide))
        lane.held += 1
        task = asyncio.create_task(self._send(channels, push, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, channels: Channels, push: Claimed, lane: Lane) -> None:
        try:
            async with lane.free, self._struggling if push.struggling else self._healthy:
                if push.lease_until - self.attempts.clock.wall_now() < self.policy.attempt:
                    self._unsent.append(push)
                else:
                    result = await self.attempts.make(channels, push)
                    self._results.append(result)  # not in one line: the list is another one after the wait
        finally:
            lane.held -= 1
            if not lane.held:
                self._lanes.pop(push.endpoint_id, None)
            self._wake.set()

    async def _leave(self) -> None:
        """Let what is on its way end for a moment; what does not is due again at once."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.policy.grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        finished = Finished(self._results, self._unsent)
        try:
            await self._in_thread(lambda: self.turns.record_last(finished))
        except Unreachable as unavailable:
            log.warning("the last attempts are not recorded; their leases lapse", reason=unavailable.detail)

    async def _release_at_start(self) -> None:
        try:
            await self._in_thread(self.turns.release_all)
        except Unreachable as unavailable:
            log.warning("leases of a former sender lapse by themselves", reason=unavailable.detail)

    async def _in_thread(self, what: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, what)

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()


def _wake_up(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended; what is due is found at the next start
        loop.call_soon_threadsafe(wake.set)
