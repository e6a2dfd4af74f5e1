"""The distributed shape as processes: one face for the tests, as the proxy is for users."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from shared.runtime.auth import signing_key
from tests.support.product import LOOPBACK, Process
from tests.support.servers import KafkaServer, PostgresServer

SERVICES = ("permits", "monitoring", "alerts")
ROOT = Path(__file__).resolve().parents[2]
SESSION_MS = "6000"  # short, so that a killed member's partitions are taken over within a test


class ByService(httpx.BaseTransport):
    """Sends each request to the process whose service its path names."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        service = request.url.path.split("/")[1]
        request.url = request.url.copy_with(port=self._ports[service])
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@dataclass
class Distributed:
    """permits, monitoring, alerts on one Kafka and one PostgreSQL."""

    folder: Path
    settings: dict[str, str]
    processes: dict[str, Process] = field(default_factory=dict)

    @classmethod
    def on(cls, folder: Path, bootstrap: str, database_url: str, *, prefix: str) -> Distributed:
        settings = {
            "YUJING_KAFKA_BOOTSTRAP": bootstrap,
            "YUJING_DATABASE_URL": database_url,
            "YUJING_KAFKA_TOPIC_PREFIX": prefix,
            "YUJING_KAFKA_SESSION_TIMEOUT_MS": SESSION_MS,
            "YUJING_SECRET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "YUJING_SIGNING_KEY_FILE": str(folder / "signing.key"),
            "YUJING_ALLOW_PRIVATE_TARGETS": LOOPBACK,
            "YUJING_DATA_DIR": str(folder / "data"),
        }
        signing_key(folder / "signing.key")
        made = cls(folder, settings)
        made.processes = {name: Process(folder, (name,), settings) for name in SERVICES}
        return made

    def env(self) -> dict[str, str]:
        return {**{k: v for k, v in os.environ.items() if not k.startswith("YUJING_")}, **self.settings}

    @property
    def gateway_port(self) -> int:
        return self.processes["monitoring"].gateway_port

    def token(self) -> str:
        return self.processes["permits"].token()

    def client(self, token: str | None = None) -> httpx.Client:
        ports = {name: process.http_port for name, process in self.processes.items()}
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        return httpx.Client(base_url="http://127.0.0.1:1", headers=headers, timeout=20, transport=ByService(ports))

    def tail(self) -> str:
        return "\n".join(process.tail(8) for process in self.processes.values())


@contextmanager
def running_apart(folder: Path, kafka: KafkaServer, postgres: PostgresServer, **env: str) -> Iterator[Distributed]:
    """The distributed shape on topics and a database of its own; `env`: further settings."""
    made = Distributed.on(folder, kafka.bootstrap, postgres.new_database(), prefix=f"t{uuid.uuid4().hex[:8]}-")
    made.settings.update(env)
    subprocess.run([sys.executable, "-m", "services", "migrate"], env=made.env(), cwd=ROOT, check=True, timeout=60)
    with ExitStack() as stack:
        for process in made.processes.values():
            process.start(wait=False)
            stack.callback(process.stop)
        for process in made.processes.values():
            process.await_ready()
        yield made
