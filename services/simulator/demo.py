"""The demonstration against a running host: region, receiver, loggers, live lines, and whether all promises were kept.

Speaks only HTTP and TCP. Starting a host of its own is host_process's work.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from rich.console import Console

from shared.domain.clock import Clock, monotonic_s, shanghai_day, system_clock
from shared.domain.errors import Invalid
from shared.domain.events import PEER_NOTICE_ISSUED

from .api_client import ApiClient, endpoints_for
from .findings import Evidence, Reached, look
from .fleet import Fleet
from .promises import promises
from .received import Received
from .receiver import Message, Receiver
from .region import SampleRegion, sample_region
from .scenes import Scenes
from .screen import Screen
from .seen import SeenCoverage
from .summary import GRACE_WALL_S, checks, pending, report_on

STATUS_EVERY_S = 5.0
SETTLE_S = 8.0  # for pushes still on their way at the end
KNOWN_S = 10.0


@dataclass
class Demo:
    """One run. `receiver` None: loggers only, and nobody does anything."""

    api: ApiClient
    clock: Clock
    region: SampleRegion
    fleet: Fleet
    receiver: Receiver | None
    screen: Screen
    stop: asyncio.Event
    scenes: Scenes
    received: Received = field(default_factory=Received)
    alerts: set[str] = field(default_factory=set)
    listening: asyncio.Task[None] | None = None

    def believe(self, message: Message) -> None:
        """A message that the receiver verified; of a peer notice only the last arrival is shown."""
        self.received.take(message)
        now = self.clock.wall_now()
        if message.event.get("type") != PEER_NOTICE_ISSUED:
            self.screen.webhook(message, now)
        elif len(self.received.notices) == len(self.region.peers):
            bodies = {body for got in self.received.notices.values() for body in got}
            self.screen.all_notified(len(self.received.notices), len(bodies), now)

    async def prepared(self) -> bool:
        """False when somebody stops it before it is."""
        preparing, stopped = asyncio.create_task(self._prepare()), asyncio.create_task(self.stop.wait())
        await asyncio.wait([preparing, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if preparing.done():
            await preparing
            return True
        begun = [task for task in (preparing, self.listening) if task is not None]
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        return False

    async def _prepare(self) -> None:
        """The endpoints, the register, and that monitoring knows of it all."""
        began = monotonic_s()
        if self.receiver is not None:
            await endpoints_for(self.api, self.region, self.receiver.url, self.receiver.trust)
            self.listening = asyncio.create_task(self._listen())
        await self.api.register(self.region)
        await self.api.known([point.mn for point in self.region.points], within_s=KNOWN_S)
        self.screen.say(
            f"登记 registered: {len(self.region.enterprises)} 家企业 enterprises, {len(self.region.points)} 个监测点 points"
            f" ({monotonic_s() - began:.1f} s)"
        )
        for row in await self.api.all("/permits/v1/coverage") if self.receiver is not None else ():
            seen = SeenCoverage.read(row)
            if seen.lacks:
                self.screen.say(f"缺口 coverage: {seen.name} 缺 lacks {', '.join(seen.lacks)}")

    async def live(self, left_s: float | None) -> None:
        """Until the time is over or somebody stops it."""
        running = asyncio.create_task(self.fleet.run())
        watching = [asyncio.create_task(self._status())]
        if self.listening is not None:
            watching += [self.listening, asyncio.create_task(self._play())]
        stopped = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait([running, stopped, *watching], timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            self.fleet.stop()
            await running
            await self._settle()
        finally:
            for task in (running, stopped, *watching):
                task.cancel()
            ended = await asyncio.gather(running, stopped, *watching, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _settle(self) -> None:
        """Lets the last pushes arrive."""
        deadline = monotonic_s() + SETTLE_S
        calm = None
        while self.receiver is not None and not self.stop.is_set() and monotonic_s() < deadline:
            state = (len(self.alerts), self.receiver.verified, await pending(self.api))
            if state == calm and not state[2]:
                return
            calm = state
            await asyncio.sleep(1)

    async def _play(self) -> None:
        """What people do, from the loggers' first whole hour on; ends with the demonstration."""
        while self.fleet.origin is None:
            await asyncio.sleep(0.1)
        await self.scenes.play(self.fleet.origin, self.fleet.reach)
        await self.stop.wait()

    async def _listen(self) -> None:
        async for event in self.api.events():
            if event.get("type") == PEER_NOTICE_ISSUED:
                self.screen.notice(event, self.clock.wall_now())
                continue
            self.alerts.add(str(event.get("subject")))
            self.screen.alert(event, self.clock.wall_now())

    async def _status(self) -> None:
        while True:
            await asyncio.sleep(STATUS_EVERY_S)
            over = len(await self.api.all("/monitoring/v1/exceedances"))
            self.screen.status(self.clock.field_now(), self.fleet.stats, over, len(self.alerts), self.receiver)


async def _run(
    *, base_url: str, token: str, gateway: str, seconds: float | None, clock: Clock, out: Console, seed: int,
    receive: bool, as_json: bool,
) -> int:  # fmt: skip
    """Wires one run; long because it says in order what a demonstration is."""
    began = monotonic_s()
    region = sample_region(seed, on=shanghai_day(clock.field_now()))
    screen = Screen(out, {one.credit_code: one.name for one in region.enterprises})
    receiver = Receiver(clock, lambda message: demo.believe(message)) if receive else None
    fleet = Fleet(region, clock, _address(gateway))
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
        with _stopping() as stop, _open(receiver):
            api = ApiClient(client, token)
            scenes = Scenes(api, clock, region, screen.say)
            demo = Demo(api, clock, region, fleet, receiver, screen, stop, scenes)
            if not await demo.prepared():
                return 0
            left_s = None if seconds is None else max(1.0, seconds - (monotonic_s() - began) - GRACE_WALL_S)
            await demo.live(left_s)
            interrupted = stop.is_set()
            return await _finish(demo, as_json=as_json, judged=receive and not interrupted)


async def _finish(demo: Demo, *, as_json: bool, judged: bool) -> int:
    """The summary; 1 when a promised thing did not happen."""
    found = await look(demo.api, demo.region, as_peer=demo.receiver is not None)
    origin = demo.fleet.origin or demo.clock.field_now()
    until = (demo.fleet.ended or demo.clock.field_now()) - timedelta(seconds=demo.clock.speed)
    reached = Reached(origin, until, demo.scenes.done)
    evidence = Evidence(demo.region, found, demo.received, reached)
    made = checks(evidence, demo.fleet.stats, demo.receiver)
    if demo.receiver is not None:
        made += promises(evidence)
    if not judged:
        made = [check for check in made if check.ok]
    report = report_on(demo.region, demo.fleet.stats, demo.receiver, found, made)
    demo.screen.summary(report)
    if as_json:
        sys.stdout.write(json.dumps(report.document(), ensure_ascii=False) + "\n")
        sys.stdout.flush()
    for check in made:
        if check.ok is False:
            demo.screen.say(f"未兑现 not kept: {check.name} ({check.detail})")
    return 0 if report.ok else 1


@contextlib.contextmanager
def _open(receiver: Receiver | None) -> Iterator[None]:
    if receiver is not None:
        receiver.start()
    try:
        yield
    finally:
        if receiver is not None:
            receiver.stop()


@contextlib.contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    try:
        yield stop
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


def _address(gateway: str) -> tuple[str, int]:
    host, _, port = gateway.rpartition(":")
    if not host or not port.isdigit():
        raise Invalid(f"gateway {gateway!r} is no address", field="gateway", value=gateway, rule="host:port")
    return host.strip("[]"), int(port)


def run_demo(
    *, base_url: str, token: str, gateway: str, seconds: float | None = None, clock: Clock | None = None,
    out: Console | None = None, seed: int = 7, as_json: bool = False,
) -> int:  # fmt: skip
    """Registers the region at a running host and lets it live; 1 when a promised thing did not happen."""
    return asyncio.run(
        _run(
            base_url=base_url, token=token, gateway=gateway, seconds=seconds, clock=clock or system_clock(),
            out=out or Console(stderr=as_json), seed=seed, receive=True, as_json=as_json,
        )
    )  # fmt: skip


def simulate_command(
    *, base_url: str, token: str, gateway: str, seconds: float | None = None, seed: int = 7, as_json: bool = False
) -> int:
    """`yujing simulate`: the sample region's loggers at a running host, at the wall's pace; no receiver."""
    return asyncio.run(
        _run(
            base_url=base_url, token=token, gateway=gateway, seconds=seconds, clock=system_clock(),
            out=Console(stderr=as_json), seed=seed, receive=False, as_json=as_json,
        )
    )  # fmt: skip
