"""Which readers of this process are woken when a topic has grown; each waits on its own event, nobody polls."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Bells:
    """Topic → the events to set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bells: dict[str, set[threading.Event]] = {}

    def hang(self, topics: Iterable[str], bell: threading.Event) -> None:
        """Ring `bell` when one of `topics` has grown."""
        with self._lock:
            for topic in topics:
                self._bells.setdefault(topic, set()).add(bell)

    def take_down(self, bell: threading.Event) -> None:
        with self._lock:
            for bells in self._bells.values():
                bells.discard(bell)

    def ring(self, topics: Iterable[str]) -> None:
        with self._lock:
            for bell in {bell for topic in topics for bell in self._bells.get(topic, ())}:
                bell.set()
