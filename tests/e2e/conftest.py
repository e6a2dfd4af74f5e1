"""The product in both shapes, as processes; the same tests run on both."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.distributed import Distributed
from tests.support.ledger import Receiver
from tests.support.product import Process, running
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
    with running(tmp_path) as process:
        yield process


@pytest.fixture
def distributed(kafka: KafkaServer, postgres: PostgresServer, tmp_path: Path) -> Iterator[Distributed]:
    """permits, monitoring and alerts as processes of their own on Kafka and PostgreSQL, ready."""
    with running_apart(tmp_path, kafka, postgres) as made:
        yield made


@pytest.fixture(scope="module", params=["embedded", "distributed"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process | Distributed]:
    """Both shapes behind one face; one of each for all tests of a module, which take enterprises of their own."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with running(folder) as process:
            yield process
    else:
        kafka, postgres = request.getfixturevalue("kafka"), request.getfixturevalue("postgres")
        with running_apart(folder, kafka, postgres) as made:
            yield made


@contextmanager
def running_apart(folder: Path, kafka: KafkaServer, postgres: PostgresServer) -> Iterator[Distributed]:
    """The distributed shape on topics and a database of its own."""
    made = Distributed.on(folder, kafka.bootstrap, postgres.new_database(), prefix=f"t{uuid.uuid4().hex[:8]}-")
    subprocess.run([sys.executable, "-m", "services", "migrate"], env=made.env(), cwd=ROOT, check=True, timeout=60)
    with ExitStack() as stack:
        for process in made.processes.values():
            process.start(wait=False)
            stack.callback(process.stop)
        for process in made.processes.values():
            process.await_ready()
        yield made
