"""The shape of a service: what the host starts and stops. A service's `build(context)` gives one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol, TypeAlias

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


# a service's context and database for a command beside a running host
OpenService: TypeAlias = Callable[[], AbstractContextManager[tuple[Context, Database]]]


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
    """Runs `main(stop)` on its own thread with its own event loop; when it raises, again on a new loop."""

    def __init__(self, name: str, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        self.name = name
        self._main = main
        self._wake: Callable[[], object] = lambda: None
        self._thread = ThreadWorker(name, self._run)
        self.health = self._thread.health

    def _run(self, stop: threading.Event) -> None:
        asyncio.run(self._until(stop))

    async def _until(self, stop: threading.Event) -> None:
        ending = asyncio.Event()
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, ending.set)
        if stop.is_set():  # asked before there was anything to wake
            return
        await self._main(ending)
        if ending.is_set():  # it may end by itself
            stop.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._thread.tell_to_stop()
        with suppress(RuntimeError):  # the loop has ended
            self._wake()
        self._thread.stop()


@dataclass(frozen=True, slots=True)
class Service:
    """One service, wired. `ready` gives None, or why not. `tags`: what each tag of its OpenAPI document means;
    `webhooks`: what its receivers get, for that document alone; `packet_paths`: where bodies of packets are posted to."""

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
    tags: Mapping[str, str] = field(default_factory=dict)
    webhooks: APIRouter = field(default_factory=APIRouter)
    packet_paths: frozenset[str] = frozenset()
