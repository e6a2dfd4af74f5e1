"""What one logger, one address and the world may cost the gateway; pure but for the clocks it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.hj212.frame import MAX_FRAME
from shared.runtime.settings import Settings

from .brake import Budget

ADDRESSES_KEPT = 10_000  # buckets of addresses that were quiet for an hour are forgotten beyond this


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults are the product's; tests shorten them."""

    frame_bytes: int = MAX_FRAME
    settle_s: float = 1.0  # silence after which a frame without CRLF is complete
    half_open_s: float = 30.0  # a frame begun but not ended
    idle_s: float = 600.0
    unidentified_of_address: int = 20  # open connections that have shown no right password yet
    connections_of_point: int = 20  # that its password identifies; a logger has one, and its dead ones for ten minutes
    connections: int = 12_000
    refusals_logged_an_hour: int = 600  # of all addresses; each refused connection is counted
    junk_bytes: int = 4096  # without one frame among them
    unanswered: int = 1_000  # a connection; beyond it is not read
    waiting: int = 50_000  # records handed to the log by all connections; beyond none is read
    unknown_an_hour: int = 50  # quarantine records an address, for MNs nobody registered and for noise
    unknown_in_all: int = 2_000
    claimed_an_hour: int = 1_000  # the same for frames that name a registered MN but do not prove it
    claimed_in_all: int = 20_000
    passwords: Budget = field(default_factory=Budget)
    reports_an_hour: int = 60  # of guessed passwords to operators, and log lines about them; all are counted
    report_every_s: float = 600.0  # of one address or point
    notice_every_s: float = 60.0  # field time; logins and heartbeats of one point are logged no oftener
    alive_every_s: float = 15.0
    stop_s: float = 1.5  # for the answers that are under way

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The defaults, and what the settings say otherwise."""
        return cls(
            connections=settings.gateway_connections,
            unidentified_of_address=settings.gateway_unidentified_per_address,
            connections_of_point=settings.gateway_connections_per_point,
        )


class Bucket:
    """A token bucket: `an_hour` at once, then as many an hour."""

    __slots__ = ("_at", "_tokens", "an_hour")

    def __init__(self, an_hour: int, now: float) -> None:
        self.an_hour = an_hour
        self._tokens = float(an_hour)
        self._at = now

    def level(self, now: float) -> float:
        self._tokens = min(float(self.an_hour), self._tokens + (now - self._at) * self.an_hour / 3600.0)
        self._at = now
        return self._tokens

    def spend(self) -> None:
        self._tokens -= 1.0


class Cap:
    """So many an hour for each address, and so many for all of them."""

    def __init__(self, an_address: int, in_all: int, monotonic: Callable[[], float]) -> None:
        self._an_address = an_address
        self._monotonic = monotonic
        self._all = Bucket(in_all, monotonic())
        self._by_address: dict[str, Bucket] = {}

    def admits(self, address: str) -> bool:
        """Whether one more is let in; counts it when it is."""
        now = self._monotonic()
        mine = self._by_address.get(address)
        if mine is None:
            self._forget(now)
            mine = self._by_address[address] = Bucket(self._an_address, now)
        if mine.level(now) < 1.0 or self._all.level(now) < 1.0:
            return False
        mine.spend()
        self._all.spend()
        return True

    def _forget(self, now: float) -> None:
        if len(self._by_address) < ADDRESSES_KEPT:
            return
        self._by_address = {
            address: bucket for address, bucket in self._by_address.items() if bucket.level(now) < bucket.an_hour
        }
        if len(self._by_address) >= ADDRESSES_KEPT:  # all of them busy: the cap for all holds on its own
            self._by_address.clear()
