"""One process that hosts one to n services: web server, consumers, relays, jobs, workers; started in order, stopped in
reverse. Metrics are brought up to date when they are asked for. Which services there are is the caller's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from functools import cache, partial
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlmodel import Session
from starlette.responses import JSONResponse

from shared.access import Role
from shared.domain.events import ALERTS, PACKETS, QUARANTINE, REGISTRY, RISKS
from shared.eventlog.codec import encode
from shared.eventlog.relay import Relay
from shared.ports import Record, TopicShape
from shared.runtime.auth import Authentication, Verifier
from shared.runtime.body_limit import REFUSALS, BodyLimits, document_refusals
from shared.runtime.consuming import Consumer, described
from shared.runtime.metrics import begin
from shared.runtime.metrics_server import MetricsServer
from shared.runtime.pages import add_pages
from shared.runtime.rate_limit import RateLimits, Reason, budgets
from shared.runtime.request_log import RequestLog
from shared.runtime.routes import side_by_side
from shared.runtime.scheduling import Scheduler
from shared.runtime.service import Context, Service, ThreadWorker, Worker
from shared.runtime.watching_log import LogWatch
from shared.runtime.web import OpenApi, errors_are_problems, install_problems, named_pages, problem_schemas
from shared.version import VERSION

log = structlog.get_logger(__name__)
# longer than clients and proxies keep an idle connection (nginx 60 s): they close it first, so no request meets a close
KEEP_ALIVE_S = 75
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "令牌，由 POST /permits/v1/keys 签发 / a token that POST /permits/v1/keys issues",
}


def topics(distributed: bool) -> dict[str, TopicShape]:
    """The topics and their shapes, fixed at birth."""
    wide = 12 if distributed else 4
    return {
        PACKETS: TopicShape(wide),
        REGISTRY: TopicShape(1, compacted=True),
        RISKS: TopicShape(wide),
        ALERTS: TopicShape(1),
        QUARANTINE: TopicShape(1),
    }


class Host:
    """Hosts `services`; `run()` blocks until SIGTERM or SIGINT."""

    def __init__(self, context: Context, services: Sequence[Service]) -> None:
        self.context = context
        self.services = services
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = threading.Event()
        self.relays: list[tuple[str, Relay]] = []
        self.watch = LogWatch(context.log, context.metrics, context.clock.wall_now)
        self._workers = self._all_workers()
        for worker in self._workers:
            worker.health.on_failure = context.metrics.worker_failures.labels(worker.name).inc
        self._started: list[Worker] = []
        self.app = self._app()
        self.on_ready: Callable[[str], None] = lambda _url: None

    # wiring
    def _all_workers(self) -> list[Worker]:
        workers: list[Worker] = [ThreadWorker("directory", self.context.directory.run)]
        settings = self.context.settings
        if settings.metrics_port is not None:
            workers.insert(0, MetricsServer(settings.host, settings.metrics_port, self._metrics))
        for service in self.services:
            relay = Relay(
                service.database,
                service.outbox_table,
                service.lease_table,
                self.context.log,
                holder=self.holder,
                wall_now=self.context.clock.wall_now,
            )
            self.relays.append((service.name, relay))
            workers.append(ThreadWorker(f"{service.name}-relay", relay.run))
            for consumption in service.consumptions:
                consumer = Consumer(
                    consumption,
                    log=self.context.log,
                    database=service.database,
                    progress=service.progress,
                    poison=partial(self._poison, service),
                    max_records=self.context.settings.max_batch * consumption.batches,
                    on_batch=partial(self._on_batch, consumption.group),
                )
                self.watch.add(consumption, consumer, service.database, service.progress)
                workers.append(ThreadWorker(consumption.group, consumer.run))
            if service.jobs:
                workers.append(
                    Scheduler(
                        service.jobs,
                        service.database,
                        service.lease_table,
                        self.holder,
                        self.context.clock,
                        self.context.metrics,
                        service.name,
                    ).worker()
                )
            workers.extend(service.workers)
        workers.append(ThreadWorker("log-watch", self.watch.run, patience_s=0.5))  # it may wait for a log that is away
        return workers

    def _poison(self, service: Service, session: Session, record: Record, error: Exception) -> None:
        """A record that a handler fails on is set aside, logged and counted; the stream goes on."""
        self.context.metrics.poisoned.labels(record.topic).inc()
        name = f"{service.name}:{record.topic}:{record.partition}:{record.offset}"
        document = {
            "reason": "handler-error",
            "mn": None,
            "received_at": None,
            "source": name,
            "detail": described(error),
            "raw": "",
        }
        service.outbox.put(session, QUARANTINE, name, name, encode(document), wall_now=self.context.clock.wall_now())

    def _on_batch(self, group: str, topic: str, _count: int, newest: datetime) -> None:
        self.context.metrics.stage_last.labels(topic).set(newest.timestamp())
        self.watch.handled(group, topic, newest)

    # the web side
    def _app(self) -> FastAPI:
        app = FastAPI(
            title="Yujing 预警", version=VERSION, openapi_url=None, docs_url=None, redoc_url=None, lifespan=self._life
        )
        app.state.verifier = Verifier(self.context.directory, self.context.clock.wall_now)
        app.state.stopping = self.stopping
        url = self.context.settings.public_url or "/"
        install_problems(app, cache(lambda: [path for service in self.services for path in _paths(service)]))
        app.router.routes.extend(side_by_side([service.router for service in self.services]).routes)
        add_pages(app, {service.name: partial(openapi, service, url=url) for service in self.services})
        app.add_api_route("/healthz", lambda: {"status": "ok"}, include_in_schema=False)
        app.add_api_route("/readyz", self._readyz, include_in_schema=False)
        if self.context.settings.metrics_port is None:
            app.add_api_route("/metrics", self._metrics, include_in_schema=False)
        app.add_middleware(
            RateLimits,
            budgets=budgets(self.context.settings),
            packet_paths=frozenset().union(*(service.packet_paths for service in self.services)),
            metrics=self.context.metrics,
        )
        app.add_middleware(Authentication)
        app.add_middleware(BodyLimits, metrics=self.context.metrics)
        app.add_middleware(RequestLog, metrics=self.context.metrics, access=self.context.settings.access_log)
        self.context.metrics.build.labels(VERSION).set(1)
        for topic in topics(self.context.settings.distributed):
            self.context.metrics.poisoned.labels(topic)
        begin(self.context.metrics.http_refused, REFUSALS)
        begin(self.context.metrics.rate_limited, Reason, Role)
        return app

    def not_ready(self) -> dict[str, str]:
        """Why this process cannot work now; empty when it can."""
        wrong: dict[str, str] = {}
        if not self.context.directory.caught_up():
            wrong["register"] = "not caught up yet"
        if (why := self.context.directory.other_key()) is not None:
            wrong["secret key"] = why
        if (why := self.context.log.healthy()) is not None:
            wrong["log"] = why
        for service in self.services:
            if (why := service.database.ping()) is not None:
                wrong[f"{service.name} database"] = why
            if (why := service.ready()) is not None:
                wrong[service.name] = why
        for worker in self._workers:
            if (why := worker.health.unwell()) is not None:
                wrong[f"worker {worker.name}"] = why
        return wrong

    def _readyz(self) -> JSONResponse:
        wrong = self.not_ready()
        return JSONResponse({"status": "not ready" if wrong else "ready", "why": wrong}, 503 if wrong else 200)

    def _metrics(self) -> Response:
        metrics = self.context.metrics
        metrics.register_age.set(self.context.directory.register_age_s())
        for name, relay in self.relays:
            metrics.outbox_pending.labels(name).set(relay.pending())
            metrics.outbox_oldest.labels(name).set(relay.oldest_age_s())
        self.watch.tell_lag()
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    # the life of the process
    @asynccontextmanager
    async def _life(self, _app: FastAPI) -> AsyncIterator[None]:
        ticker = asyncio.create_task(self._announce())
        await asyncio.to_thread(self.start)
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Create the topics, then start every worker; half-done starts unwind."""
        self.context.log.create(topics(self.context.settings.distributed))
        with ExitStack() as unwind:
            unwind.callback(self.stop)
            for worker in self._workers:
                worker.start()
                self._started.append(worker)
            unwind.pop_all()

    def stop(self) -> None:
        """Stop in reverse order; threads are signalled at once and end side by side."""
        self.stopping.set()
        for started in self._started:
            if isinstance(started, ThreadWorker):
                started.tell_to_stop()
        while self._started:
            worker = self._started.pop()
            try:
                worker.stop()
            except RuntimeError as wrong:
                log.warning("a worker did not stop cleanly", worker=worker.name, error=str(wrong))
        self.context.log.close()
        for service in self.services:
            service.database.close()

    async def _announce(self) -> None:
        while self.not_ready_quietly():
            await asyncio.sleep(0.05)
        url = f"http://{self.context.settings.host}:{self.context.settings.http_port}"
        log.info("ready", url=url, services=[service.name for service in self.services])
        self.on_ready(url)

    def not_ready_quietly(self) -> bool:
        return not self._started or bool(self.not_ready())

    def run(self) -> int:
        """Serve until a signal; 0 after a clean stop."""
        settings = self.context.settings
        config = uvicorn.Config(
            self.app,
            host=settings.host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=KEEP_ALIVE_S,
            server_header=False,
        )
        server = Server(config, self.stopping)
        server.run()
        return 0 if server.started else 1


class Server(uvicorn.Server):
    """Tells the streams to end as soon as the signal comes, so that stopping does not wait for them."""

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a signal that was obeyed is not raised again: a clean stop is exit code 0."""
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def _paths(service: Service) -> Iterator[str]:
    """The templates of the paths that its OpenAPI document names."""
    for route in iter_route_contexts(service.router.routes):
        if route.include_in_schema and route.path is not None:
            yield route.path


def openapi(service: Service, *, url: str = "/") -> OpenApi:
    """The OpenAPI document of one service, as committed under `docs/openapi/`. `url`: where the installation answers."""
    document = get_openapi(
        title=f"Yujing {service.name}",
        version=VERSION,
        routes=service.router.routes,
        webhooks=service.webhooks.routes,
        servers=[{"url": url, "description": "this installation"}],
        tags=[{"name": name, "description": text} for name, text in service.tags.items()],
        description="Errors are RFC 9457 problem+json; times are RFC 3339 with offset; lists are `{items, next}`.",
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(problem_schemas())
    components["securitySchemes"] = {"bearer": BEARER}
    document["security"] = [{"bearer": []}]  # every route of a service needs a token
    return named_pages(errors_are_problems(document_refusals(document)))
