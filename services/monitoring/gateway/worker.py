"""The gateway as a worker of the host: its own thread and loop; notes each quarter of a minute that it can take packets."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from shared.domain.clock import monotonic_s
from shared.domain.errors import Conflict
from shared.runtime.service import Context, LoopWorker

from .limits import Limits
from .server import Gateway

log = structlog.get_logger(__name__)

NoteAlive = Callable[[datetime], None]
DESCRIPTORS_BESIDE = 500  # files, database and HTTP connections of the same process
BIND_S = 5.0


class GatewayWorker:
    """`port` is known after `start`, which raises Conflict when it is taken.

    `note_alive(field_now)` is called once the gateway can take packets (register known, log well), then every 15 s and at
    the end, on another thread: the time between two calls that lie further apart is the gateway's own down-time.
    """

    name = "gateway"

    def __init__(
        self,
        context: Context,
        *,
        note_alive: NoteAlive | None = None,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:
        self._context = context
        self._note_alive = note_alive
        self._limits = limits or Limits.of(context.settings)
        self.gateway = Gateway(context, limits=self._limits, monotonic=monotonic)
        self._loop = LoopWorker(self.name, self._main)
        self.health = self._loop.health
        self._bound = threading.Event()
        self._refused: OSError | None = None
        self.port = 0

    def start(self) -> None:
        _allow_connections(self._limits.connections)
        self._loop.start()
        self._bound.wait(BIND_S)
        if self._refused is not None or not self._bound.is_set():
            settings = self._context.settings
            where = f"{settings.gateway_host}:{settings.gateway_port}"
            raise Conflict(f"the gateway cannot listen on {where}: {self._refused or 'no answer'}", code="port-in-use")

    def stop(self) -> None:
        self._loop.stop()

    async def _main(self, stop: asyncio.Event) -> None:
        alive = asyncio.create_task(self._note_alive_always(stop)) if self._note_alive else None
        try:
            await self.gateway.serve(stop, self._on_bound)
        except OSError as wrong:
            self._refused = wrong
            self._bound.set()
            stop.set()
        if alive is not None:
            await alive

    def _on_bound(self, port: int) -> None:
        self.port = port
        log.info("the gateway listens", host=self._context.settings.gateway_host, port=port)
        self._bound.set()

    async def _note_alive_always(self, stop: asyncio.Event) -> None:
        pause = 0.2
        while not stop.is_set():
            if await asyncio.to_thread(self._note):
                pause = self._limits.alive_every_s
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        if self.port:
            await asyncio.to_thread(self._note)

    def _note(self) -> bool:
        """Whether packets can be taken; notes it if so."""
        able = bool(self.port) and self._context.directory.caught_up() and self._context.log.healthy() is None
        if able and self._note_alive is not None:
            self._note_alive(self._context.clock.field_now())
        return able


def _allow_connections(wanted: int) -> None:
    """Raise the soft limit of open files as far as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + DESCRIPTORS_BESIDE if hard == resource.RLIM_INFINITY else min(hard, wanted + DESCRIPTORS_BESIDE)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def gateway_worker(
    context: Context,
    *,
    note_alive: NoteAlive | None = None,
    limits: Limits | None = None,
    monotonic: Callable[[], float] = monotonic_s,
) -> GatewayWorker:
    """The worker for `Service.workers`."""
    return GatewayWorker(context, note_alive=note_alive, limits=limits, monotonic=monotonic)
