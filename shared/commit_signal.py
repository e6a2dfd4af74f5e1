"""A wake-up signal from whoever writes rows to whoever works them off in the same process, sent once they are committed.

Only a signal: the one who waits also asks the database now and then, since another process may have written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlmodel import Session

PENDING = "commit-signals"  # key in Session.info


class CommitSignal:
    """For one waiter: a thread that waits, or an event loop that is called back. Safe from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._subscriber: Callable[[], None] | None = None

    def subscribe(self, subscriber: Callable[[], None] | None) -> None:
        """Call `subscriber` at each signal; None: nobody any more."""
        with self._lock:
            self._subscriber = subscriber

    def notify(self) -> None:
        self._event.set()
        with self._lock:
            if self._subscriber is not None:
                self._subscriber()

    def notify_after_commit(self, session: Session) -> None:
        """Send it once, when the session's transaction has committed."""
        session.info.setdefault(PENDING, set()).add(self)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the next signal since `clear`; whether it came."""
        return self._event.wait(timeout_s)

    def clear(self) -> None:
        self._event.clear()

    def is_set(self) -> bool:
        return self._event.is_set()


def notify_committed(session: Session) -> None:
    """Send what the session's transaction asked for; for `Database.transaction` alone."""
    for signal in session.info.pop(PENDING, ()):
        signal.notify()
