"""Jobs tick, each on one replica at a time; one that fails is reported, counted and runs again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable
from shared.runtime.metrics import Metrics
from shared.runtime.scheduling import LEASE, Scheduler, take_lease, tick_s
from shared.runtime.service import Job
from tests.support.lab import LabLease, open_lab, table_of
from tests.support.product import eventually

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


@dataclass
class Replica:
    """A scheduler with its own metrics, and a clock that is set by hand."""

    database: Database
    holder: str
    at: datetime = NOW
    metrics: Metrics = field(default_factory=Metrics)

    def scheduler(self, *jobs: Job) -> Scheduler:
        clock = Clock(lambda: self.at, lambda: self.at)
        return Scheduler(jobs, self.database, table_of(LabLease), self.holder, clock, self.metrics, "lab")

    def tick(self, job: Job) -> None:
        self.scheduler(job).run(job)


@pytest.fixture
def database(database_url: str | None, tmp_path: Path) -> Iterator[Database]:
    opened = open_lab(database_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    opened = open_lab(None, tmp_path)
    yield opened
    opened.close()


def value(registry: CollectorRegistry, name: str, job: str) -> float | None:
    return registry.get_sample_value(name, {"task": job})


def take(database: Database, holder: str, now: datetime) -> bool:
    with database.transaction() as session:
        return take_lease(session, table_of(LabLease), "job:sweep", holder, now, now + LEASE)


def test_a_lease_is_one_holder_s_until_it_runs_out(database: Database) -> None:
    assert take(database, "a", NOW)
    assert take(database, "a", NOW + timedelta(seconds=30))  # renewed: until 90 s
    assert not take(database, "b", NOW + timedelta(seconds=60))
    assert take(database, "b", NOW + timedelta(seconds=90))
    assert not take(database, "a", NOW + timedelta(seconds=91))


def test_of_many_who_ask_at_once_one_gets_the_lease(database: Database) -> None:
    got: list[str] = []
    start = threading.Barrier(6)

    def ask(holder: str) -> None:
        start.wait(10)
        if take(database, holder, NOW):
            got.append(holder)

    threads = [threading.Thread(target=ask, args=(f"r{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(got) == 1


def test_one_of_two_replicas_runs_a_job_and_the_other_takes_over(postgres_lab: Database) -> None:
    ran: list[str] = []
    first, second = Replica(postgres_lab, "first"), Replica(postgres_lab, "second")

    def job(holder: str) -> Job:
        return Job("sweep", lambda _now: ran.append(holder))

    for _tick in range(3):
        first.tick(job("first"))
        second.tick(job("second"))
    assert ran == ["first"] * 3
    second.at = NOW + LEASE  # the first has gone
    second.tick(job("second"))
    first.at = second.at
    first.tick(job("first"))
    assert ran == ["first"] * 3 + ["second"]


@pytest.fixture
def postgres_lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened = open_lab(request.getfixturevalue("postgres").new_database_at_head(), tmp_path)
    yield opened
    opened.close()


def test_a_job_that_raises_is_counted_and_runs_again(sqlite: Database) -> None:
    replica, outcomes = Replica(sqlite, "one"), [ValueError("broken"), ValueError("broken"), None]
    ran: list[datetime] = []

    def work(now: datetime) -> None:
        ran.append(now)
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    job, registry = Job("sweep", work), replica.metrics.registry
    replica.tick(job)
    replica.tick(job)
    assert value(registry, "yujing_job_failures_total", "sweep") == 2
    assert value(registry, "yujing_job_last_success_timestamp_seconds", "sweep") is None
    replica.tick(job)
    assert value(registry, "yujing_job_last_success_timestamp_seconds", "sweep") == NOW.timestamp()
    assert ran == [NOW] * 3


def test_what_is_away_is_waited_for_and_is_no_failure(sqlite: Database) -> None:
    replica = Replica(sqlite, "one")

    def work(_now: datetime) -> None:
        raise Unreachable("the log is away")

    replica.tick(Job("sweep", work))
    assert value(replica.metrics.registry, "yujing_job_failures_total", "sweep") in (None, 0)
    assert value(replica.metrics.registry, "yujing_job_last_success_timestamp_seconds", "sweep") is None


def test_the_ticker_runs_every_job_at_once_and_stops(sqlite: Database) -> None:
    ran: list[str] = []
    note: Callable[[str], Job] = lambda name: Job(name, lambda _now: ran.append(name))  # noqa: E731
    worker = Replica(sqlite, "one").scheduler(note("a"), note("b")).worker()
    worker.start()
    eventually(lambda: {"a", "b"} <= set(ran), what="both jobs")
    worker.stop()
    assert worker.name == "lab-jobs"


@pytest.mark.parametrize(
    ("speed", "seconds"),
    [(1, 15), (0.5, 15), (60, 15), (120, 7.5), (3600, 0.5)],  # 900 field seconds / speed, from 0.5 to 15
)
def test_ticks_come_every_15_field_minutes_but_neither_seldom_nor_all_the_time(speed: float, seconds: float) -> None:
    assert tick_s(speed) == seconds
