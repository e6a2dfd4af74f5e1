"""What nobody foresaw in delivery, contained in one place: a sender that died would lose warnings in silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import structlog

from shared.runtime.metrics import Metrics

log = structlog.get_logger(__name__)


class Step(StrEnum):
    """What failed; also a metric's label."""

    TURN = "turn"  # recording results and claiming, in one transaction
    RECORD = "record"  # one result by itself
    ATTEMPT = "attempt"  # one attempt by a channel


@dataclass(slots=True)
class Containment:
    """`failed`: whether the block raised."""

    failed: bool = False


@contextmanager
def contained(metrics: Metrics, step: Step, *, push_id: str | None = None) -> Iterator[Containment]:
    """Run the block. What it raises is counted, logged and noted instead of ending the sender; a domain error that the block
    can name is its own to catch."""
    containment = Containment()
    try:
        yield containment
    except Exception as wrong:
        containment.failed = True
        metrics.delivery_failures.labels(step.value).inc()
        log.error("delivery failed unexpectedly", step=step.value, push_id=push_id, exc_info=wrong)
