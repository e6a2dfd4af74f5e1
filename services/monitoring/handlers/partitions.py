"""Partitions of the tables that grow with time are made ahead, once a day."""

from __future__ import annotations

from datetime import datetime

import structlog

from services.monitoring.domain.partitioning import PARTITIONINGS, Partitioning
from services.monitoring.domain.windows import day_start_s, seconds, shanghai_date
from services.monitoring.store.partitions import make_partitions, partitions
from shared.database import Database

log = structlog.get_logger(__name__)


class Partitions:
    """The job `partitions`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made_for: dict[str, int] = {}  # by table

    def make_ahead(self, now: datetime) -> None:
        """Once a day: partitions around today, on PostgreSQL. A table that is busy (Unreachable) is tried at the next tick."""
        if self._database.embedded:
            return
        today = day_start_s(seconds(now))
        for table in PARTITIONINGS:
            if self._made_for.get(table.table) != today:
                self._make(table, today)
                self._made_for[table.table] = today

    def _make(self, table: Partitioning, today: int) -> None:
        wanted = table.around(today)
        with self._database.transaction() as session:
            make_partitions(session, table, wanted)
            known = partitions(session, table)
        for start in wanted:
            if not any(one.holds(start) for one in known):
                log.info(
                    "rows stay in the default partition", table=table.table, since=shanghai_date(start).isoformat()
                )
