"""Both adapters of each port: the log as [embedded, kafka], the store as [sqlite, postgres]."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.database import Database
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.kafka import KafkaLog
from tests.support.lab import now, open_lab
from tests.support.servers import KafkaServer

Log = EmbeddedLog | KafkaLog


@dataclass
class Logs:
    """Opens the same log again and again; closes what it opened."""

    make: Callable[[], Log]
    opened: list[Log] = field(default_factory=list)

    def open(self) -> Log:
        self.opened.append(self.make())
        return self.opened[-1]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


@pytest.fixture(params=["embedded", "kafka"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logs]:
    if request.param == "embedded":
        made = Logs(lambda: EmbeddedLog(tmp_path / "log.sqlite", wall_now=now))
    else:
        server: KafkaServer = request.getfixturevalue("kafka")
        prefix = f"t{uuid.uuid4().hex[:8]}."
        made = Logs(lambda: KafkaLog(server.bootstrap, prefix=prefix, wall_now=now, session_timeout_ms=6_000))
    yield made
    made.close()


@pytest.fixture
def log(logs: Logs) -> Log:
    return logs.open()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedLog]:
    log = EmbeddedLog(tmp_path / "log.sqlite", wall_now=now)
    yield log
    log.close()


@pytest.fixture
def database(database_url: str | None, tmp_path: Path) -> Iterator[Database]:
    opened = open_lab(database_url, tmp_path)
    yield opened
    opened.close()
