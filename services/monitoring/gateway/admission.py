"""Which connections may stay open: many loggers behind one address may, who has not shown a password there may not.

A connection is identified once a frame of it was accepted for a registered point with that point's password. Carrier NAT,
a relay or a park's gateway puts hundreds of loggers behind one address, so identified connections do not count against
it. On the gateway's loop alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from .limits import Bucket, Limits
from .recent import Recent

log = structlog.get_logger(__name__)

LOG_EVERY_S = 60.0  # of an address
ADDRESSES_LOGGED = 10_000


class Refusal(StrEnum):
    """Why a connection is closed at once; the value is the metric's reason."""

    FULL = "too-many"
    UNIDENTIFIED = "too-many-unidentified"


class Admitted(Protocol):
    """A connection, as admission sees it."""

    network: str  # what counts as one address
    identified_by: str | None  # the point whose password was right here first


@dataclass(slots=True)
class _Refused:
    logged_at: float
    since: int = 0  # refused since then


class Admission:
    """One a gateway. `admit` a connection once, `gone` once; `identify` as often as its frames are accepted."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._open = 0
        self._unidentified: Counter[str] = Counter()  # by address
        self._of_point: Counter[str] = Counter()  # identified ones
        self._logged: Recent[str, _Refused] = Recent(ADDRESSES_LOGGED)
        self._lines = Bucket(limits.refusals_logged_an_hour, monotonic())

    def admit(self, connection: Admitted) -> Refusal | None:
        """Why the connection may not stay; None when it does, and is counted."""
        refusal = self._refusal(connection.network)
        if refusal is not None:
            self._log(connection.network, refusal)
            return refusal
        self._open += 1
        self._unidentified[connection.network] += 1
        return None

    def identify(self, connection: Admitted, mn: str) -> None:
        """A frame was accepted for the point: its connection counts against its address no longer. One point identifies
        so many connections: a password that leaked is no way in for thousands."""
        if connection.identified_by is not None or self._of_point[mn] >= self._limits.connections_of_point:
            return
        connection.identified_by = mn
        self._of_point[mn] += 1
        _less(self._unidentified, connection.network)

    def gone(self, connection: Admitted) -> None:
        self._open -= 1
        if connection.identified_by is None:
            _less(self._unidentified, connection.network)
        else:
            _less(self._of_point, connection.identified_by)

    def _refusal(self, address: str) -> Refusal | None:
        if self._open >= self._limits.connections:
            return Refusal.FULL
        if self._unidentified[address] >= self._limits.unidentified_of_address:
            return Refusal.UNIDENTIFIED
        return None

    def _log(self, address: str, refusal: Refusal) -> None:
        """Once a minute and address, within a bound for all of them."""
        now = self._monotonic()
        known = self._logged.get(address)
        if known is not None and now - known.logged_at < LOG_EVERY_S:
            known.since += 1
            return
        if self._lines.level(now) < 1.0:
            return
        self._lines.spend()
        self._logged.put(address, _Refused(now))
        log.warning(
            "a connection was refused",
            address=address,
            reason=refusal.value,
            open=self._open,
            unidentified=self._unidentified[address],
            refused_since_last_line=known.since if known else 0,
        )


def _less(counts: Counter[str], key: str) -> None:
    """One less; a key at zero is forgotten."""
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
