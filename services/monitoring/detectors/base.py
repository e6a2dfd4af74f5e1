"""What a detector is. A new one is a file beside this one, an entry in `DETECTORS`, its words, and its test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.monitoring.detectors.risk_builder import RiskDraft
from services.monitoring.domain.changes import Changes
from services.monitoring.engine.history import OutletHistory, PointHistory
from shared.domain.clock import Instant


class Detector(Protocol):
    """Looks at what changed in one transaction; has no state of its own."""

    @property
    def kind(self) -> str:
        """The kind of its risks, as the catalogue of alerts lists it."""

    def detect(self, history: OutletHistory, changes: Changes, now: Instant) -> Sequence[RiskDraft]:
        """The risks that the changes open, move on or end. One that is as it was may be among them: it is not saved."""


class Sweep(Protocol):
    """Looks at all points, as time passes."""

    def detect(self, history: PointHistory, now: Instant) -> Sequence[RiskDraft]:
        """As `Detector.detect`."""
