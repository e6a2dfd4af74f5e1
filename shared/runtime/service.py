"""The shape of a service: what the host starts and stops. A service's `build(context)` gives one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog
from fastapi import APIRouter
from sqlalchemy import Table

from shared.database import Database, open_database
from shared.domain.clock import Clock
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.ports import EventLog
from shared.runtime.consuming import Consumption
from shared.runtime.directory import Directory
from shared.runtime.metrics import Metrics
from shared.runtime.secrets import Sealer
from shared.runtime.settings import Settings
from shared.runtime.worker_health import WorkerHealth

log = structlog.get_logger(__name__)
AGAIN_S = 1.0  # a failed worker starts again after this


@dataclass(frozen=True, slots=True)
class Context:
    """What every service is given; made once by the host."""

    settings: Settings
    clock: Clock
    log: EventLog
    sealer: Sealer
    directory: Directory
    metrics: Metrics

    def database(self, service: str) -> Database:
        """The service's own database."""
        return open_database(self.settings.database, self.settings.data_dir, service)


@dataclass(frozen=True, slots=True)
class Job:
    """Work that asks the rows what is due by now and not yet done; run at every tick by one replica at a time (lease)."""

    name: str
    run: Callable[[datetime], None]  # the field clock's now


class Worker(Protocol):
    """Something that runs beside the web server; stopped in reverse order of its start."""

    name: str
    health: WorkerHealth

    def start(self) -> None: ...
    def stop(self) -> None: ...


class ThreadWorker:
    """Runs `run(stop)` on its own thread; when it raises, that is logged and it runs again: a dead thread is a lost warning."""

    def __init__(self, name: str, run: Callable[[threading.Event], None], *, patience_s: float = 5.0) -> None:
        self.name = name
        self.health = WorkerHealth()
        self._run = run
        self._patience_s = patience_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watched, name=name, daemon=True)

    def _watched(self) -> None:
        while not self._stop.is_set():
            try:
                self._run(self._stop)
            except Exception as wrong:
                self.health.failed()
                log.error(
                    "a worker failed and starts again", worker=self.name, error=type(wrong).__name__, exc_info=wrong
                )
                self._stop.wait(AGAIN_S)

    def start(self) -> None:
        self._thread.start()

    def tell_to_stop(self) -> None:
        """Say it without waiting, so that many threads end side by side."""
        self._stop.set()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=self._patience_s)


class LoopWorker:
    """Runs `main(stop)` on its own thread with its own event loop."""

    def __init__(self, name: str, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        self.name = name
        self.health = WorkerHealth()
        self._main = main
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        async def body() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            await self._watched(self._stop)

        asyncio.run(body())

    async def _watched(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._main(stop)
            except Exception as wrong:
                self.health.failed()
                log.error(
                    "a worker failed and starts again", worker=self.name, error=type(wrong).__name__, exc_info=wrong
                )
                await asyncio.sleep(AGAIN_S)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(5)

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=5)


@dataclass(frozen=True, slots=True)
class Service:
    """One service, wired. `ready` gives None, or why not."""

    name: str
    router: APIRouter
    database: Database
    progress: Progress
    outbox: Outbox
    outbox_table: Table
    lease_table: Table
    consumptions: Sequence[Consumption] = ()
    jobs: Sequence[Job] = ()
    workers: Sequence[Worker] = ()
    ready: Callable[[], str | None] = field(default=lambda: None)
