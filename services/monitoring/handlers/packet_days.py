"""Days of packet rows: partitions are made ahead of time, real-time readings are forgotten when no re-decision reaches them."""

from __future__ import annotations

from datetime import datetime

from services.monitoring.domain.windows import DAY_S, HOUR_S, day_start_s, seconds
from services.monitoring.handlers.verdicts import REDECIDE_S
from services.monitoring.store.notes import forget_notes
from services.monitoring.store.packet_days import (
    forget_instants,
    forget_instants_of_day,
    make_days,
    partitioned_days,
    points_with_instants_before,
)
from shared.database import Database
from shared.sql import chunks

AT_ONCE = 200  # points in one transaction
AHEAD = range(-1, 4)  # days around today that have partitions


class PacketDays:
    """The jobs `packet-days` and `prune`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pruned_s = 0
        self._made_for = 0

    def make_ahead(self, now: datetime) -> None:
        """Once a day: partitions of the days around today, on PostgreSQL."""
        today = day_start_s(seconds(now))
        if self._database.embedded or today == self._made_for:
            return
        with self._database.transaction() as session:
            make_days(session, [today + n * DAY_S for n in AHEAD])
        self._made_for = today

    def prune(self, now: datetime) -> None:
        """Forget real-time values and notes on them older than 35 days, once an hour: no re-decision reaches them. A day's
        partition goes as a whole when it has passed; minutes stay."""
        now_s = seconds(now)
        if now_s - self._pruned_s < HOUR_S:
            return
        self._pruned_s = now_s
        before_s = now_s - REDECIDE_S
        with self._database.read() as session:
            days = sorted(day for day in partitioned_days(session) if day + DAY_S <= before_s)
            mns = points_with_instants_before(session, before_s)
        for day in days:
            with self._database.transaction() as session:
                forget_instants_of_day(session, day)
        for part in chunks(mns, AT_ONCE):
            with self._database.transaction() as session:
                forget_instants(session, part, before_s)
        with self._database.transaction() as session:
            forget_notes(session, before_s)
