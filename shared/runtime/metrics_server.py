"""`/metrics` on a port of its own, so that who may call the APIs cannot read it, and a firewall can tell the two apart."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import structlog
import uvicorn
from fastapi import FastAPI, Response

from shared.domain.errors import Conflict
from shared.runtime.service import LoopWorker
from shared.runtime.web import install_problems

log = structlog.get_logger(__name__)
GRACE_S = 1  # for a scrape under way when the host stops


class MetricsServer:
    """A worker of the host. `port` is known after `start`, which raises Conflict when it is taken."""

    name = "metrics"

    def __init__(self, host: str, port: int, page: Callable[[], Response]) -> None:
        self.port = port
        self._host = host
        self._app = FastAPI(title="metrics", openapi_url=None, docs_url=None, redoc_url=None)
        install_problems(self._app)
        self._app.add_api_route("/metrics", page, include_in_schema=False)
        self._loop = LoopWorker(self.name, self._serve)
        self._listening: socket.socket | None = None  # until the loop takes it
        self._started = False
        self.health = self._loop.health

    def start(self) -> None:
        self._listening = self._listen()
        self.port = self._listening.getsockname()[1]
        log.info("metrics are served", host=self._host, port=self.port)
        self._started = True
        self._loop.start()

    def stop(self) -> None:
        if self._started:
            self._loop.stop()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            return socket.create_server((self._host, self.port), family=family)
        except OSError as taken:
            where = f"{self._host}:{self.port}"
            raise Conflict(f"metrics cannot be served on {where}: {taken}", code="port-in-use") from taken

    async def _serve(self, stop: asyncio.Event) -> None:
        listening, self._listening = self._listening or self._listen(), None
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        server = uvicorn.Server(config)
        serving, stopping = asyncio.create_task(server.serve(sockets=[listening])), asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        listening.close()
