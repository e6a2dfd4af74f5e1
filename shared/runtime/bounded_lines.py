"""Log lines that somebody else can cause: one a minute for each subject, at most so many subjects a minute; the rest is
counted in the next line."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared.domain.clock import monotonic_s

EVERY_S = 60.0
MOST_SUBJECTS = 100  # a minute


class BoundedLines:
    """`write` may be called from any thread. `log`: the logger's method, e.g. `log.warning`."""

    def __init__(self, log: Callable[..., object], monotonic: Callable[[], float] = monotonic_s) -> None:
        self._log = log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._began_at = monotonic()
        self._written: set[str] = set()  # subjects in this minute
        self._left_out = 0  # lines since the last one that was written

    def write(self, subject: str, message: str, /, **fields: str | int | None) -> None:
        """The line, unless `subject` had one in this minute or too many others had; it names how many were left out."""
        with self._lock:
            if self._monotonic() - self._began_at >= EVERY_S:
                self._began_at = self._monotonic()
                self._written.clear()
            if subject in self._written or len(self._written) >= MOST_SUBJECTS:
                self._left_out += 1
                return
            self._written.add(subject)
            left_out, self._left_out = self._left_out, 0
        more = {"left_out": left_out} if left_out else {}
        self._log(message, **fields, **more)
