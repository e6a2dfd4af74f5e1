"""How often a worker failed lately: what its process says of it in metrics and readiness."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta

from shared.domain.clock import monotonic_s

MANY = 3  # failures within the span: it does no work but starts again and again
SPAN = timedelta(seconds=60)


class WorkerHealth:
    """Written by the worker's own thread, read by any. `on_failure` is called for each failure."""

    def __init__(self, monotonic: Callable[[], float] = monotonic_s) -> None:
        self._monotonic = monotonic
        self._failed_at: deque[float] = deque(maxlen=MANY)
        self.on_failure: Callable[[], None] = lambda: None

    def failed(self) -> None:
        """The worker raised and is about to start again."""
        self._failed_at.append(self._monotonic())
        self.on_failure()

    def unwell(self) -> str | None:
        """None, or why the worker cannot be relied on now."""
        since = self._monotonic() - SPAN.total_seconds()
        recent = sum(at > since for at in tuple(self._failed_at))
        return f"failed {MANY} times or more within {SPAN.total_seconds():.0f} s" if recent >= MANY else None
