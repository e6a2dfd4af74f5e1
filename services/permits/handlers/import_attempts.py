"""One process at a time works on an import: it begins an attempt, renews it while it lives, and ends it when it stops.

An attempt that was neither renewed nor ended is one whose process crashed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from services.permits.domain.import_attempt import Turn
from services.permits.store import imports as store
from services.permits.store.imports import State
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable

log = structlog.get_logger(__name__)
RENEW_S = 1.0  # also how soon a stop is recorded while a large file is being read


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of all imports, as their rows have them."""

    database: Database
    clock: Clock

    def begin(self, name: str, holder: str) -> Turn | None:
        """Whether `holder` has the import now; None when there is nothing left to do."""
        now = self.clock.wall_now()
        with self.database.transaction() as session:
            entry = store.find(session, name, lock=True)
            if entry is None or entry.over:
                return None
            turn = entry.attempt.turn(now)
            if turn is Turn.BEGIN:
                store.save(session, replace(entry, state=State.RUNNING, attempt=entry.attempt.begin(holder, now)))
        return turn

    @contextmanager
    def held(self, name: str, holder: str, stop: threading.Event) -> Iterator[None]:
        """Renews the attempt beside the work, and ends it unless the work raises what nobody expected."""
        left, ended = threading.Event(), threading.Event()
        renewing = threading.Thread(target=self._renew, args=(name, holder, stop, left, ended), daemon=True)
        renewing.start()
        unexpected = True
        try:
            yield
            unexpected = False
        except (Unreachable, KeyboardInterrupt, SystemExit):
            unexpected = False
            raise
        finally:
            left.set()
            renewing.join()
            if not unexpected and not ended.is_set():
                self._end(name, holder)

    def _renew(
        self, name: str, holder: str, stop: threading.Event, left: threading.Event, ended: threading.Event
    ) -> None:
        while not left.wait(RENEW_S):
            if stop.is_set():
                ended.set()
                self._end(name, holder)
                return
            self._renew_once(name, holder)

    def _renew_once(self, name: str, holder: str) -> None:
        try:
            with self.database.transaction() as session:
                entry = store.find(session, name, lock=True)
                if entry is not None and entry.attempt.holder == holder:
                    store.save_attempt(session, name, entry.attempt.renew(self.clock.wall_now()))
        except Unreachable as error:
            log.warning("an attempt at an import is not renewed", import_id=name, reason=error.detail)

    def _end(self, name: str, holder: str) -> None:
        try:
            with self.database.transaction() as session:
                entry = store.find(session, name, lock=True)
                if entry is not None and not entry.over:
                    store.save_attempt(session, name, entry.attempt.stop(holder))
        except Unreachable as error:  # the next process will take this one for crashed
            log.warning("an attempt at an import is not ended", import_id=name, reason=error.detail)
