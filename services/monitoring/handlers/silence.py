"""The job `silence`: finds points that send nothing, while the service itself is not behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.monitoring.detectors.silence import SilenceDetector
from services.monitoring.engine.rows import RowHistory
from services.monitoring.handlers.risk_drafts import save_drafts
from services.monitoring.store.register import Register
from services.monitoring.store.risks import RiskRepository
from shared.database import Database
from shared.domain.clock import Clock, Instant

DETECTOR = SilenceDetector()
MOST_PASSES = 1_000  # a tick ends some day


class SilenceSweep:
    """`behind`: whether packets are not read yet that may show a point alive."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        register: Register,
        risks: RiskRepository,
        behind: Callable[[], bool],
        detector: SilenceDetector = DETECTOR,
    ) -> None:
        self._database = database
        self._clock = clock
        self._register = register
        self._risks = risks
        self._behind = behind
        self._detector = detector

    def sweep(self, field_now: datetime) -> None:
        """Raise, move on and clear; nothing while the field clock runs fast or packets lag by more than a tick."""
        if self._clock.speed > 1 or self._behind():
            return
        passes = 0
        while self._some(Instant(field_now, self._clock.wall_now())) >= self._detector.most and passes < MOST_PASSES:
            passes += 1

    def _some(self, now: Instant) -> int:
        """One transaction of a bounded size; how many risks."""
        with self._database.transaction() as session:
            drafts = self._detector.detect(RowHistory(session, self._register), now)
            save_drafts(session, self._risks, drafts, now)
        return len(drafts)
