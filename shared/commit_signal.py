"""A word from writers to the sender of the same process that there is something to send. Only a hint: the sender also
looks by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import event
from sqlmodel import Session

GIVEN = "hint"  # key in Session.info


class Hint:
    """Heard by at most one listener; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener: Callable[[], None] | None = None

    def listen(self, listener: Callable[[], None] | None) -> None:
        with self._lock:
            self._listener = listener

    def give(self) -> None:
        with self._lock:
            if self._listener is not None:
                self._listener()

    def when_committed(self, session: Session) -> None:
        """Give the hint once, when the session's transaction has committed."""
        if session.info.get(GIVEN):
            return
        session.info[GIVEN] = True
        event.listen(session, "after_commit", lambda _session: self.give(), once=True)
