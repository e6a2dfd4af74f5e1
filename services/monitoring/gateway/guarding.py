"""Passwords as the gateway checks them: compared within the brake's budget, counted, and reported while somebody guesses.

On the gateway's loop alone and without any waiting: what operators must know leaves in a quarantine record, from which
monitoring raises the alert.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Protocol

import structlog

from shared.runtime.metrics import Metrics

from .brake import Brake, Braked, Decision, Scope
from .judging import Checked
from .limits import Bucket, Limits
from .recent import Recent

log = structlog.get_logger(__name__)

PROVEN_KEPT = 1_000  # points that one connection has proven; a collector for more pays a look-up a frame
SUBJECTS_KEPT = 10_000  # reported or logged lately
LOG_EVERY_S = 60.0  # of a pair
RIGHT = Checked(right=True)


class Guarded(Protocol):
    """A connection, as the guard sees it."""

    address: str
    network: str  # what counts as one address
    proven: dict[str, str]  # point → seal of the password that was right on this connection
    guessing: bool  # to be closed


class Guard:
    """One a gateway."""

    def __init__(self, metrics: Metrics, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._limits = limits
        self._brake = Brake(limits.passwords)
        self._brakes = {scope: metrics.gateway_brakes.labels(scope.value) for scope in Scope}
        self._reported: Recent[str, float] = Recent(SUBJECTS_KEPT)
        self._reports = Bucket(limits.reports_an_hour, monotonic())
        self._logged: Recent[tuple[str, str], float] = Recent(SUBJECTS_KEPT)
        self._lines = Bucket(limits.reports_an_hour, monotonic())

    def check(self, connection: Guarded, mn: str, given: str | None, password: str, seal: str) -> Checked:
        """Whether the given password is the point's. On a connection that has proven the point it is compared always: a
        logger that is on the line is not held up by whoever guesses from behind its own address."""
        now = self._monotonic()
        if connection.proven.get(mn) != seal:
            decision = self._brake.allows(connection.network, mn, now, seal)
            if not decision.compare:
                return _not_compared(decision)
        if given is None:  # no guess
            return Checked(right=False)
        if compare_digest(given.encode(), password.encode()):
            self._brake.right(connection.network, mn, now, seal)
            if len(connection.proven) < PROVEN_KEPT:
                connection.proven[mn] = seal
            return RIGHT
        braked = self._brake.wrong(connection.network, mn, now, seal)
        return self._brake_on(connection, mn, braked, now) if braked else Checked(right=False)

    def must_close(self, connection: Guarded) -> bool:
        """Whether the connection guesses and has proven no point; asked once what came in is judged."""
        guessing, connection.guessing = connection.guessing, False
        return guessing and not connection.proven

    def report_due(self, connection: Guarded, mn: str, scope: Scope) -> str | None:
        """What is to be reported as guessed from or at, unless it was in the last minutes: an address, or a point."""
        subject, now = connection.network if scope is Scope.ADDRESS else mn, self._monotonic()
        last = self._reported.get(f"{scope} {subject}")
        if (last is not None and now - last < self._limits.report_every_s) or self._reports.level(now) < 1.0:
            return None
        self._reports.spend()
        self._reported.put(f"{scope} {subject}", now)
        return subject

    def _brake_on(self, connection: Guarded, mn: str, braked: Braked, now: float) -> Checked:
        scope = Scope.POINT if braked.point else Scope.ADDRESS
        self._brakes[scope].inc()
        if braked.wait_s:
            connection.proven.pop(mn, None)
            connection.guessing = True
        self._log(connection, mn, braked, now)
        return Checked(right=False, braked=scope)

    def _log(self, connection: Guarded, mn: str, braked: Braked, now: float) -> None:
        pair = connection.network, mn
        last = self._logged.get(pair)
        if (last is not None and now - last < LOG_EVERY_S) or self._lines.level(now) < 1.0:
            return
        self._lines.spend()
        self._logged.put(pair, now)
        log.warning(
            "wrong passwords: no more are compared for a while",
            mn=mn,
            address=connection.address,
            wait_s=round(braked.wait_s),
            point_braked=braked.point,
        )


def _not_compared(decision: Decision) -> Checked:
    return Checked(right=False, compared=False, braked=decision.scope)
