"""Publishes the public key once and a heartbeat every 20 s, so that everybody knows that the register is alive."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import IntegrityError

from services.permits.handlers.publishing import SOURCE, Registrar
from services.permits.handlers.tokens import publish_key
from shared.database import Database
from shared.domain.errors import Unreachable
from shared.domain.events import HEARTBEAT, REGISTRY, Event
from shared.eventlog.codec import encode_event
from shared.ports import EventLog, NewRecord
from shared.runtime.auth import SigningKey
from shared.runtime.directory import Directory

log = structlog.get_logger(__name__)
HEARTBEAT_S = 20.0  # after 60 s without one there is an alert, after 10 min every API answers 503
TRY_AGAIN_S = 1.0
APPEND_S = 10.0


@dataclass(frozen=True, slots=True)
class RegistryHeartbeat:
    """The worker `registry-heartbeat`, by wall clock; every replica runs it."""

    registrar: Registrar
    database: Database
    event_log: EventLog
    directory: Directory
    key: SigningKey

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        published = False
        while not stop.is_set():
            published = published or self._publish_key()
            self._beat()
            stop.wait(HEARTBEAT_S if published else TRY_AGAIN_S)

    def not_ready(self) -> str | None:
        """Why our tokens cannot be verified yet; None when they can."""
        try:
            known = self.directory.public_key(self.key.kid)
        except Unreachable as wrong:
            return wrong.detail
        return None if known else "the public key is not on the register yet"

    def _publish_key(self) -> bool:
        try:
            with self.database.transaction() as session:
                publish_key(self.registrar, session, self.key)
        except (Unreachable, IntegrityError) as wrong:  # IntegrityError: another replica was quicker
            log.warning("the public key is not published yet", reason=type(wrong).__name__)
            return False
        return True

    def _beat(self) -> None:
        """One heartbeat, straight to the log."""
        clock = self.registrar.clock
        event = Event(HEARTBEAT, SOURCE, "registry:heartbeat", int(clock.wall_now().timestamp()), clock.field_now(), {})
        try:
            record = NewRecord("heartbeat", encode_event(event))
            self.event_log.append(REGISTRY, [record]).result(APPEND_S)
        except (Unreachable, TimeoutError) as wrong:
            log.warning("the register's heartbeat is not on the log", reason=type(wrong).__name__)
