"""The whole product in this process: every service on one host, SQLite files and the embedded log, behind a test client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from fastapi.testclient import TestClient
from pydantic import SecretStr

from services.composition import SERVICES, make
from services.monitoring.gateway.worker import GatewayWorker
from shared.domain.clock import rfc3339
from shared.runtime.host import Host, openapi
from shared.runtime.settings import Settings
from tests.support.clients import client_of
from tests.support.product import Source, eventually, last_hour

T = TypeVar("T")
LOOPBACK = (ip_network("127.0.0.0/8"),)
VERBS = ("get", "put", "post", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """One operation of an OpenAPI document."""

    service: str
    verb: str
    path: str
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.verb.upper()} {self.path}"

    def parameters(self, where: str) -> list[str]:
        return [one["name"] for one in self.operation.get("parameters", []) if one["in"] == where]


@dataclass
class Whole:
    """A host that runs, and clients of it."""

    host: Host
    folder: Path
    _documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def client(self, token: str | None = None) -> TestClient:
        return self.bare({"Authorization": f"Bearer {token or self.admin_token()}"})

    def bare(self, headers: dict[str, str] | None = None) -> TestClient:
        return client_of(self.host.app, headers)

    def admin_token(self) -> str:
        return (self.folder / "admin.token").read_text(encoding="ascii").strip()

    def token(self, role: str, **scope: Any) -> str:
        answer = self.client().post("/permits/v1/keys", json={"role": role, **scope})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def document(self, service: str) -> dict[str, Any]:
        if service not in self._documents:
            (one,) = (one for one in self.host.services if one.name == service)
            self._documents[service] = openapi(one)
        return self._documents[service]

    def routes(self) -> list[Route]:
        """Every operation of every service, from its OpenAPI document."""
        return [
            Route(service, verb, path, operations[verb])
            for service in SERVICES
            for path, operations in self.document(service)["paths"].items()
            for verb in VERBS
            if verb in operations
        ]

    @property
    def gateway_port(self) -> int:
        """Where loggers connect."""
        return self.worker(GatewayWorker).port

    def worker(self, kind: type[T]) -> T:
        """The only worker of this kind."""
        (found,) = (worker for one in self.host.services for worker in one.workers if isinstance(worker, kind))
        return found

    def knows_point(self, mn: str) -> None:
        """Wait until monitoring's ingress has learned of the point."""
        client = self.client()
        eventually(lambda: client.get(f"/monitoring/v1/points/{mn}/latest").status_code == 200, what=f"point {mn}")

    def registered(self, number: int) -> Source:
        """An enterprise with one permit and one point, which monitoring knows."""
        source = Source(number=number)
        source.register(self.client())
        self.knows_point(source.mn)
        return source

    def exceeds(self, source: Source, value: float = 60.0) -> None:
        """One hour over the limit, by the HTTP API."""
        answer = self.client().post("/monitoring/v1/packets", json=[packet(source, last_hour(), value)])
        assert answer.status_code == 202, answer.text


def packet(source: Source, start: datetime, value: float) -> dict[str, Any]:
    """The hour that begins at `start`, as the HTTP API takes it."""
    factors = {source.factor: {"Avg": value, "Flag": "N"}, "a19001": {"Avg": 6.0, "Flag": "N"}}
    return {"mn": source.mn, "command": "2061", "data_time": rfc3339(start), "factors": factors}


@contextmanager
def whole(folder: Path, database_url: str | None = None) -> Iterator[Whole]:
    """The product, started and stopped; `database_url` None: SQLite files."""
    settings = Settings(
        token_calls_per_s=1_000_000,  # tests ask as fast as they can, by one token
        token_calls_burst=1_000_000,
        _env_file=None,
        data_dir=folder,
        gateway_port=0,
        allow_private_targets=LOOPBACK,
        database_url=SecretStr(database_url) if database_url else None,
    )
    made = make(settings, SERVICES)
    host = Host(made.context, made.services)
    with TestClient(host.app):
        eventually(lambda: not host.not_ready_quietly(), what="ready")
        yield Whole(host, folder)


@contextmanager
def whole_with_exceedance(folder: Path, number: int, database_url: str | None = None) -> Iterator[Whole]:
    """The product with one enterprise, of this number, that has something of everything."""
    with whole(folder, database_url) as made:
        made.exceeds(made.registered(number))
        yield made
