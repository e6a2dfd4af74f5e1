"""Days of packet rows: partitions are made ahead of time; notes on real-time packets are forgotten."""

from __future__ import annotations

from datetime import datetime

from services.monitoring.domain.windows import DAY_S, HOUR_S, day_start_s, seconds
from services.monitoring.handlers.verdicts import REDECIDE_S
from services.monitoring.store.notes import forget_notes
from services.monitoring.store.packet_days import make_days
from shared.database import Database

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
        """Forget notes on real-time packets older than 35 days, once an hour: no re-decision reaches them."""
        now_s = seconds(now)
        if now_s - self._pruned_s < HOUR_S:
            return
        self._pruned_s = now_s
        with self._database.transaction() as session:
            forget_notes(session, now_s - REDECIDE_S)
