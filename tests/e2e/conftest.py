"""The product in both shapes, as processes; the same tests run on both."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.distributed import Distributed
from tests.support.ledger import Receiver
from tests.support.product import Process
from tests.support.servers import KafkaServer, PostgresServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Process]:
    """One process on SQLite files, ready."""
    process = Process(tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def distributed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Distributed]:
    """permits, monitoring and alerts as processes of their own on Kafka and PostgreSQL, ready."""
    kafka: KafkaServer = request.getfixturevalue("kafka")
    postgres: PostgresServer = request.getfixturevalue("postgres")
    made = Distributed.on(tmp_path, kafka.bootstrap, postgres.new_database(), prefix=f"t{uuid.uuid4().hex[:8]}-")
    subprocess.run([sys.executable, "-m", "services", "migrate"], env=made.env(), cwd=ROOT, check=True, timeout=60)
    with ExitStack() as stack:
        for process in made.processes.values():
            process.start(wait=False)
            stack.callback(process.stop)
        for process in made.processes.values():
            process.await_ready()
        yield made


@pytest.fixture(params=["embedded", "distributed"])
def product(request: pytest.FixtureRequest) -> Process | Distributed:
    """Both shapes behind one face: `client(token)`, `token()`, `gateway_port`."""
    made: Process | Distributed = request.getfixturevalue(request.param)
    return made
