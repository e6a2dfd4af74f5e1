"""What all tests share: real servers, started once a run and only when a test asks; at the end, which tiers ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.support.servers import KafkaServer, PostgresServer, find_kafka, find_postgres, kafka_broker, postgres_server
from tests.support.side_by_side import ByCost

TIERS = ("unit", "contract", "integration", "e2e", "fuzz")
# as the product prints them: structlog's own default draws every local of every frame, a minute for a deep document
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Apache Kafka on loopback."""
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A real PostgreSQL on loopback."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite files; else the URL of a PostgreSQL database without rows, its tables at their newest version."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database_at_head()


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite files; else the URL of a PostgreSQL database without tables."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The published test inputs beside the project; a test that needs them says so when they are absent."""
    if not DATA.is_dir():
        pytest.skip(f"the published inputs are not beside the project ({DATA.parent.name}/{DATA.name})")
    return DATA


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCost:
    return ByCost(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Plainly: which tiers ran and on what."""
    counts: dict[str, Counter[str]] = {tier: Counter() for tier in TIERS}
    for outcome in ("passed", "failed", "skipped", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            parts = getattr(report, "nodeid", "").split("/")
            if len(parts) > 1 and parts[1] in counts:
                counts[parts[1]][outcome] += 1
    write = terminalreporter.write_line
    terminalreporter.section("tiers")
    for tier, found in counts.items():
        text = ", ".join(f"{n} {outcome}" for outcome, n in found.items()) or "did not run"
        write(f"{tier:12} {text}")
    for name, finding in (("Kafka", find_kafka()), ("PostgreSQL", find_postgres())):
        write(f"{name:12} {'used: ' if finding else 'NOT here: '}{finding.reason}")
