"""Runs jobs at every tick, each by one replica at a time. A ticker only: a missed tick is caught up by the next.

Ticks come every 15 s, or every 15 field minutes but not under 0.5 s. The one place besides the consumer loop that catches
every exception: a job that raises is logged and counted, and runs again at the next tick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Table, or_, update
from sqlmodel import Session

from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable
from shared.runtime.metrics import Metrics, begin
from shared.runtime.service import Job
from shared.runtime.worker_health import WorkerHealth
from shared.sql import insert_new

log = structlog.get_logger(__name__)
TICK_S = 15.0
FIELD_TICK_S = 900.0  # 15 field minutes
LEASE = timedelta(seconds=60)  # a job that takes longer is renewed by nobody: the next replica may start it again


def tick_s(speed: float) -> float:
    """Seconds between ticks at this speed of the field clock."""
    return TICK_S if speed <= 1 else max(0.5, min(TICK_S, FIELD_TICK_S / speed))


def take_lease(session: Session, table: Table, name: str, holder: str, now: datetime, until: datetime) -> bool:
    """Whether `holder` has the lease `name` until `until`; a lease that has run out is anybody's."""
    insert_new(session, table, [{"name": name, "holder": "", "until": now, "fence": 0}])
    changed = session.connection().execute(
        update(table)
        .where(table.c.name == name, or_(table.c.holder == holder, table.c.until <= now))
        .values(holder=holder, until=until, fence=table.c.fence + 1)
    )
    return changed.rowcount == 1


@dataclass(frozen=True)
class Scheduler:
    """The jobs of one service. `alone`: no other replica can be there (embedded), so no lease is asked for."""

    jobs: Sequence[Job]
    database: Database
    lease_table: Table
    holder: str
    clock: Clock
    metrics: Metrics
    name: str

    def worker(self) -> SchedulerWorker:
        begin(self.metrics.job_failures, [job.name for job in self.jobs])
        return SchedulerWorker(self)

    def run(self, job: Job) -> None:
        """One tick of one job."""
        now = self.clock.wall_now()
        try:
            if not self.database.embedded and not self._leased(job.name, now):
                return
            job.run(self.clock.field_now())
            self.metrics.job_success.labels(job.name).set(self.clock.wall_now().timestamp())
        except Unreachable as away:
            log.warning("a job waits", job=job.name, why=away.detail)
        except Exception as wrong:
            self.metrics.job_failures.labels(job.name).inc()
            log.error("a job failed", job=job.name, error=type(wrong).__name__, exc_info=wrong)

    def _leased(self, name: str, now: datetime) -> bool:
        with self.database.transaction() as session:
            return take_lease(session, self.lease_table, f"job:{name}", self.holder, now, now + LEASE)


class SchedulerWorker:
    """APScheduler as the ticker of one service's jobs."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.name = f"{scheduler.name}-jobs"
        self.health = WorkerHealth()  # a job that fails is counted by its own name
        self._scheduler = scheduler
        self._ticker = BackgroundScheduler(timezone=UTC)

    def start(self) -> None:
        seconds = tick_s(self._scheduler.clock.speed)
        for job in self._scheduler.jobs:
            self._ticker.add_job(
                self._once(job),
                "interval",
                seconds=seconds,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
                id=job.name,
            )
        self._ticker.start()

    def _once(self, job: Job) -> Callable[[], None]:
        return lambda: self._scheduler.run(job)

    def stop(self) -> None:
        self._ticker.shutdown(wait=True)
