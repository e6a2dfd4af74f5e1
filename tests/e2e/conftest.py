"""The product in both shapes, as processes; the same tests run on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.distributed import Distributed, running_apart
from tests.support.ledger import Receiver
from tests.support.product import Process, running
from tests.support.servers import KafkaServer, PostgresServer


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


@pytest.fixture(scope="session", params=["embedded", "distributed"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process | Distributed]:
    """Both shapes behind one face; one of each for all tests of a session, which take enterprises of their own."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with running(folder) as process:
            yield process
    else:
        kafka, postgres = request.getfixturevalue("kafka"), request.getfixturevalue("postgres")
        with running_apart(folder, kafka, postgres) as made:
            yield made
