"""Notes on real-time packets are forgotten when no re-decision reaches them any more."""

from __future__ import annotations

from datetime import datetime

from services.monitoring.domain.windows import HOUR_S, seconds
from services.monitoring.handlers.verdicts import REDECIDE_S
from services.monitoring.store.notes import forget_notes
from shared.database import Database


class NotePruning:
    """The job `prune`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pruned_s = 0

    def prune(self, now: datetime) -> None:
        """Forget notes on real-time packets older than 35 days, once an hour."""
        now_s = seconds(now)
        if now_s - self._pruned_s < HOUR_S:
            return
        self._pruned_s = now_s
        with self._database.transaction() as session:
            forget_notes(session, now_s - REDECIDE_S)
