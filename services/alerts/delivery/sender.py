"""Due pushes → channel → attempt rows; retries live here. One sender a process, many receivers at once.

Each endpoint has a lane: few in flight, one while it fails, so that a slow receiver holds up nobody. Every push is tried
at least once whatever dies: it is leased, and an expired lease is taken again with the same webhook-id.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlmodel import Session

from services.alerts.channels import Channels
from services.alerts.channels.base import Delivered, OutboundMessage, Outcome, Refused, TryLater, Why
from services.alerts.domain.catalogue import Audience
from services.alerts.handlers.alerts import AlertService
from services.alerts.handlers.endpoint_counts import EndpointCounts
from services.alerts.store.endpoints import EndpointStore
from services.alerts.store.push_queue import Claimed, PushQueue, Result
from services.alerts.store.pushes import PushStore
from shared.commit_signal import CommitSignal
from shared.database import Database
from shared.domain.clock import Clock, monotonic_s
from shared.domain.errors import Invalid, Unreachable
from shared.eventlog import failpoints
from shared.runtime.metrics import Metrics

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")

NewChannels = Callable[[], Channels]


@dataclass(frozen=True, slots=True)
class Policy:
    """`in_flight`: sent at once in all and to one endpoint, half of it at most to endpoints that fail; `held_endpoint`:
    claimed for one endpoint, so that its lane never waits for the database. `lease` must outlast one attempt."""

    in_flight: int = 512
    batch: int = 256
    in_flight_endpoint: int = 4
    held_endpoint: int = 16
    lease: timedelta = timedelta(seconds=30)
    attempt: timedelta = timedelta(seconds=16)
    fail_for: timedelta = timedelta(hours=120)
    jitter: float = 0.2
    poll_s: float = 0.5
    measure_s: float = 10.0
    grace_s: float = 2.0


@dataclass(slots=True)
class Lane:
    """What is in our hands for one endpoint."""

    free: asyncio.Semaphore
    held: int = 0


@dataclass
class Delivery:
    """The sender; `run` on its own event loop."""

    database: Database
    queue: PushQueue
    alerts: AlertService
    endpoints: EndpointStore
    pushes: PushStore
    counts: EndpointCounts
    signal: CommitSignal
    new_channels: NewChannels
    clock: Clock
    metrics: Metrics
    policy: Policy = field(default_factory=Policy)
    random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._results: list[Result] = []
        self._unsent: list[Claimed] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._measured_at = -self.policy.measure_s

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; comes back by itself from a database that was away."""
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="alerts-delivery")
        self._wake = asyncio.Event()
        self._healthy = asyncio.Semaphore(self.policy.in_flight)
        self._struggling = asyncio.Semaphore(self.policy.in_flight // 2)
        loop, channels = asyncio.get_running_loop(), self.new_channels()
        self.signal.subscribe(lambda: _wake_up(loop, self._wake))
        stopping = asyncio.create_task(self._wake_at(stop))
        try:
            if self.database.embedded:  # there is no other sender
                await self._release_at_start(self._release_all)
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
        results, self._results = self._results, []
        unsent, self._unsent = self._unsent, []
        try:
            held = {endpoint: lane.held for endpoint, lane in self._lanes.items()}
            claimed, wait_s = await self._in_thread(lambda: self._work(results, unsent, held))
        except Unreachable as away:
            log.warning("deliveries wait for the database", reason=away.detail)
            self._results, self._unsent = results + self._results, unsent + self._unsent
            await asyncio.sleep(self.policy.poll_s)
            return
        except Exception as wrong:  # a sender that died would lose warnings in silence
            log.error("deliveries failed unexpectedly", error=type(wrong).__name__, exc_info=wrong)
            await self._in_thread(lambda: self._one_by_one(results))
            await asyncio.sleep(self.policy.poll_s)
            return
        for push in claimed:
            self._begin(channels, push)
        if not claimed and not self._results:
            await self._rest(wait_s)

    async def _rest(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    # in the database's thread
    def _work(
        self, results: list[Result], unsent: list[Claimed], held: Mapping[str, int]
    ) -> tuple[list[Claimed], float]:
        """Mark what is over, claim what is due, in one transaction; else only look."""
        now = self.clock.wall_now()
        if monotonic_s() - self._measured_at >= self.policy.measure_s:
            self._measure(now)
        if not results and not unsent:
            wait_s = self._until_due(now)
            if wait_s > 0:
                return [], wait_s
        with self.database.transaction() as session:
            self._record(session, results, unsent)
            claimed = self.queue.claim(
                session, now, limit=self.policy.batch, held=held, a_lane=self.policy.held_endpoint
            )
        if results:
            failpoints.reach("after-record")
        if claimed:
            failpoints.reach("after-claim")
        return claimed, self.policy.poll_s

    def _record(self, session: Session, results: list[Result], unsent: list[Claimed]) -> None:
        self.queue.release(session, unsent)
        for result in results:
            if self.queue.mark(session, result) and result.delivered and result.push.alert_id:
                self.alerts.delivered(session, result.push.alert_id, Audience(result.push.audience))
        self.counts.publish(session, {one.push.credit_code for one in results if not one.delivered})

    def _one_by_one(self, results: list[Result]) -> None:
        """Each in its own transaction; one that still fails is left to its lease: it goes out once more."""
        for result in results:
            try:
                with self.database.transaction() as session:
                    self._record(session, [result], [])
            except Exception as wrong:
                log.error("an attempt cannot be recorded", push_id=result.push.id, exc_info=wrong)

    def _until_due(self, now: datetime) -> float:
        """Seconds until something may be due, at most the poll's."""
        with self.database.read() as session:
            due = self.queue.next_due(session)
        if due is None:
            return self.policy.poll_s
        return min(self.policy.poll_s, (due - now).total_seconds())

    def _measure(self, now: datetime) -> None:
        self._measured_at = monotonic_s()
        with self.database.read() as session:
            oldest = self.pushes.overdue_since(session)
            states = self.endpoints.count(session)
        overdue = (now - oldest).total_seconds() if oldest else 0.0
        self.metrics.delivery_oldest.set(max(0.0, overdue))
        for state in ("active", "disabled"):
            self.metrics.endpoints.labels(state).set(states.get(state, 0))

    def _release_all(self) -> None:
        with self.database.transaction() as session:
            self.queue.release_all(session)

    # on the loop
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
                if push.lease_until - self.clock.wall_now() < self.policy.attempt:
                    self._unsent.append(push)
                else:
                    result = await self._attempt(channels, push)
                    self._results.append(result)  # not in one line: the list is another one after the wait
        finally:
            lane.held -= 1
            if not lane.held:
                self._lanes.pop(push.endpoint_id, None)
            self._wake.set()

    async def _attempt(self, channels: Channels, push: Claimed) -> Result:
        at, began = self.clock.wall_now(), monotonic_s()
        try:
            channel, secrets = channels[push.contact.kind], self.endpoints.secrets(push.sealed, at)
            body = channel.render(push.notification)
            outcome = await channel.send(OutboundMessage(push.id, push.contact.address, body, secrets, at))
            failpoints.reach("after-send")
        except Invalid as wrong:
            log.error("a push cannot be signed", push_id=push.id, reason=wrong.detail)
            outcome = TryLater(Why.SECRET)
        except Exception as wrong:
            log.error("a push failed unexpectedly", push_id=push.id, exc_info=wrong)
            outcome = TryLater(Why.UNEXPECTED)
        return self._judged(push, outcome, at, monotonic_s() - began)

    def _judged(self, push: Claimed, outcome: Outcome, at: datetime, took_s: float) -> Result:
        ended = at + timedelta(seconds=took_s)
        name = {Delivered: "delivered", Refused: "refused", TryLater: "later"}[type(outcome)]
        self.metrics.delivery_attempts.labels(push.contact.kind, name, outcome.why.value).inc()
        if isinstance(outcome, Delivered):
            self.metrics.delivery_latency.observe(max(0.0, (ended - push.due_at).total_seconds()))
        result = Result(
            push=push,
            at=at,
            ended_at=ended,
            outcome=name,
            reason=outcome.why.value,
            status=outcome.status,
            latency_ms=round(took_s * 1000),
            snippet=outcome.snippet,
            delivered=isinstance(outcome, Delivered),
            next_attempt_at=None,
        )
        if isinstance(outcome, TryLater):
            return replace(result, next_attempt_at=self.next_attempt_at(push, outcome, ended))
        return replace(result, disable=outcome.why.value) if isinstance(outcome, Refused) else result

    def next_attempt_at(self, push: Claimed, outcome: TryLater, now: datetime) -> datetime | None:
        """The next try by the push's own schedule, with jitter; None when that is used up."""
        spread = self.random.uniform(1 - self.policy.jitter, 1 + self.policy.jitter)
        return push.schedule.next_attempt_at(push.step, now, asked=outcome.after, spread=spread)

    async def _leave(self) -> None:
        """Let what is on its way end for a moment; what does not is due again at once."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.policy.grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        results, unsent = self._results, self._unsent
        try:
            await self._in_thread(lambda: self._record_rest(results, unsent))
        except Unreachable as away:
            log.warning("the last attempts are not recorded; their leases lapse", reason=away.detail)

    def _record_rest(self, results: list[Result], unsent: list[Claimed]) -> None:
        if not results and not unsent:
            return
        with self.database.transaction() as session:
            self._record(session, results, unsent)

    async def _release_at_start(self, what: Callable[[], None]) -> None:
        try:
            await self._in_thread(what)
        except Unreachable as away:
            log.warning("leases of a former sender lapse by themselves", reason=away.detail)

    async def _in_thread(self, what: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, what)

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()


def _wake_up(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended; what is due is found at the next start
        loop.call_soon_threadsafe(wake.set)
