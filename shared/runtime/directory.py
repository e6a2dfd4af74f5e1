"""The look-up that every process keeps by following `registry`: points by MN, public keys, revocations, enterprises' names.

It keeps nothing durable and has no effect; gateway and readiness wait until it has caught up. APIs that need a token
answer 503 when nothing of the register came for ten minutes; the gateway goes on with what it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from shared.domain.errors import DomainError, Invalid, Unreachable
from shared.domain.events import HEARTBEAT, REGISTRY
from shared.domain.json import JsonObject, read_object, read_text
from shared.eventlog.codec import decode_event
from shared.ports import EventLog, Record
from shared.register import Point, read_point
from shared.runtime.secrets import Sealer

log = structlog.get_logger(__name__)
STALE_S = 600.0  # APIs that need a token answer 503 beyond this
PASSWORD = "point-password"  # purpose under which permits seals logger passwords


class Directory:
    """Safe to read from any thread. `last_record_at`: wall time at which the last record of the register came."""

    def __init__(self, log: EventLog, sealer: Sealer, wall_now: Callable[[], datetime]) -> None:
        self._log = log
        self._sealer = sealer
        self._wall_now = wall_now
        self._points: dict[str, Point] = {}
        self._passwords: dict[str, str | None] = {}
        self._regions: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._opened = False  # whether one sealed password has opened: then the secret key is right
        self._unopened: str | None = None  # the MN of one that did not
        self._revoked: set[str] = set()
        self._caught_up = threading.Event()
        self.offset = 0
        self.last_record_at: datetime | None = None

    # what others ask
    def point(self, mn: str) -> Point | None:
        """The active point of this MN."""
        return self._points.get(mn)

    def password(self, mn: str) -> str | None:
        """The logger's password in clear, None when it is not checked."""
        if mn not in self._passwords:
            point = self._points.get(mn)
            sealed = point.sealed_password if point else None
            self._passwords[mn] = self._sealer.open(sealed, PASSWORD) if sealed else None
        return self._passwords[mn]

    def points(self) -> Mapping[str, Point]:
        return self._points

    def region_of(self, credit_code: str) -> str | None:
        """The division of an enterprise."""
        return self._regions.get(credit_code)

    def public_key(self, kid: str) -> str | None:
        """For verifying tokens; raises Unreachable while no record of the register came for too long."""
        if not self._caught_up.is_set() or self.register_age_s() > STALE_S:
            raise Unreachable("no record of the register comes: tokens cannot be verified", code="register-stale")
        return self._keys.get(kid)

    def revoked(self, jti: str) -> bool:
        return jti in self._revoked

    def caught_up(self) -> bool:
        return self._caught_up.is_set()

    def other_key(self) -> str | None:
        """Why no logger's password can be compared here; None when one opens, or none is sealed."""
        if self._opened or self._unopened is None:
            return None
        return f"the secret key here is not the one that sealed the register: the password of {self._unopened} does not open"

    def register_age_s(self) -> float:
        """Seconds since the last record of the register."""
        return (self._wall_now() - self.last_record_at).total_seconds() if self.last_record_at else 0.0

    # how it is kept
    def run(self, stop: threading.Event) -> None:
        """Follow the register until `stop`."""
        following = None
        while not stop.is_set():
            try:
                following = following or self._log.follow(REGISTRY)
                for record in following.poll(1.0):
                    self.take(record)
                if following.caught_up() and not self._caught_up.is_set():
                    self.last_record_at = self.last_record_at or self._wall_now()
                    self._caught_up.set()
            except Unreachable as away:
                log.warning("the register is away", why=away.detail)
                stop.wait(1.0)
        if following is not None:
            following.close()

    def take(self, record: Record) -> None:
        """One record of `registry` into the look-up."""
        self.offset = record.offset + 1
        self.last_record_at = self._wall_now()
        if record.value is None:
            return
        try:
            event = decode_event(record.value)
            if event.type != HEARTBEAT:
                self._keep(event.data)
        except (DomainError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as wrong:
            place = f"{record.topic}/{record.partition}@{record.offset}"
            log.error("a record of the register is not understood", record=place, why=type(wrong).__name__)

    def _keep(self, data: JsonObject) -> None:
        kind, name = read_text(data, "kind"), read_text(data, "id")
        if kind == "point":
            point = read_point(data)
            self._passwords.pop(name, None)
            self._try_key(name, point.sealed_password)
            if point.active:
                self._points[name] = point
            else:
                self._points.pop(name, None)
        elif kind == "enterprise":
            self._regions[name] = read_text(read_object(data, "document"), "region")
        elif kind == "key":
            self._keys[name] = read_text(data, "public")
        elif kind == "revocation":
            self._revoked.add(name)

    def _try_key(self, mn: str, sealed: str | None) -> None:
        """Until one password has opened, try each."""
        if self._opened or sealed is None:
            return
        try:
            self._sealer.open(sealed, PASSWORD)
        except Invalid:
            self._unopened = mn
        else:
            self._opened = True
