"""Which readers of this process are woken when a topic has grown; each waits on its own event, nobody polls."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Waiters:
    """Topic → the events to set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: dict[str, set[threading.Event]] = {}

    def subscribe(self, topics: Iterable[str], waiter: threading.Event) -> None:
        """Set `waiter` when one of `topics` has grown."""
        with self._lock:
            for topic in topics:
                self._waiters.setdefault(topic, set()).add(waiter)

    def unsubscribe(self, waiter: threading.Event) -> None:
        with self._lock:
            for waiters in self._waiters.values():
                waiters.discard(waiter)

    def notify(self, topics: Iterable[str]) -> None:
        with self._lock:
            for waiter in {waiter for topic in topics for waiter in self._waiters.get(topic, ())}:
                waiter.set()
