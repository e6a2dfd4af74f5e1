"""Whether a password may be compared: wrong ones cost an address and a point their tries, then time.

Pure: monotonic seconds are handed in, no password is known here. Three rules:

* A pair is an address and a point. Each wrong password is a debt of the pair, one of which is forgiven every two hours.
  At ten debts the pair waits a minute, with each further one twice as long, up to an hour; of a pair that waits nothing
  is compared. The right password forgives nothing: else the good frames of a logger would pay for the guesses of whoever
  shares its address.
* An address that was wrong ten times within ten minutes, at whatever points, has one try a point instead of ten. It keeps
  the first try of every point, so that a neighbour behind the same address who knows its password gets in.
* An address that gave a point's right password within 30 days is known there. All unknown addresses together share two
  small budgets of a point: one for first tries, one for further tries. Who knows the password pays neither, and is not
  held up by those who guess from elsewhere; a logger whose address is new finds the first tries used up only if ten other
  addresses were wrong, and then gets in by the tries that come back.

How long a password of six digits lasts against one gateway, tries a day:
    from one address    10 at once, then one an hour                        24    1,000,000 / 24  = 114 years
    from any number of unknown addresses    first tries 288, further 144   432    1,000,000 / 432 = 6.3 years
    and from all four known addresses at the same time, 4 × 24             528    1,000,000 / 528 = 5.2 years
An even chance of a hit takes half of it. The state is this process's: several gateways each grant these tries.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from enum import StrEnum

from .recent import Recent

IPV6_SITE = 64  # bits: a site has all addresses below it


@dataclass(frozen=True, slots=True)
class Budget:
    """How many wrong passwords are compared; the defaults are the product's."""

    tries: int = 10  # of a pair, and of an address at whatever points, at once
    forgiven_every_s: float = 7_200.0  # a pair's debt
    address_every_s: float = 720.0  # ten wrong ones within ten minutes are too many, however they are spread
    wait_s: float = 60.0
    longest_wait_s: float = 3_600.0
    first_tries: int = 10  # at a point, one each of unknown addresses
    first_every_s: float = 300.0
    further_tries: int = 30  # at a point, of all unknown addresses; more than one of them alone can use
    further_every_s: float = 600.0
    forgotten_after_s: float = 86_400.0  # since a pair's last wrong one; its next is a first try again
    known_for_s: float = 30 * 86_400.0
    known_addresses: int = 4  # of a point, the latest
    points_kept: int = 200_000  # far above any register: only registered points come here
    pairs_kept: int = 100_000  # a forgotten pair has its first try again, within the point's budget
    addresses_kept: int = 20_000

    @property
    def most_debts(self) -> float:
        """With so many a pair waits longest."""
        return self.tries + math.ceil(math.log2(self.longest_wait_s / self.wait_s))


class Scope(StrEnum):
    """What is slowed down: one address, or a point for all unknown addresses."""

    ADDRESS = "address"
    POINT = "point"


class Reason(StrEnum):
    KNOWN = "known"
    FIRST = "first"
    FURTHER = "further"
    ADDRESS_WAITS = "address-waits"
    POINT_WAITS = "point-waits"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a password may be compared. `scope`: what is slowed down when it may not."""

    compare: bool
    reason: Reason
    scope: Scope | None = None


KNOWN, FIRST, FURTHER = (Decision(True, reason) for reason in (Reason.KNOWN, Reason.FIRST, Reason.FURTHER))
ADDRESS_WAITS = Decision(False, Reason.ADDRESS_WAITS, Scope.ADDRESS)
POINT_WAITS = Decision(False, Reason.POINT_WAITS, Scope.POINT)


@dataclass(frozen=True, slots=True)
class Braked:
    """What a wrong password brought about. `wait_s`: how long its pair waits now; `point`: it was the last try that
    unknown addresses had at its point."""

    wait_s: float
    point: bool


class Tries:
    """`most` tries at once; one comes back every `every_s` seconds."""

    __slots__ = ("_at", "_every_s", "_left", "_most")

    def __init__(self, most: int, every_s: float, now: float) -> None:
        self._most, self._every_s = float(most), every_s
        self._left, self._at = self._most, now

    def left(self, now: float) -> float:
        self._left = min(self._most, self._left + (now - self._at) / self._every_s)
        self._at = now
        return self._left

    def spend(self, now: float) -> None:
        self._left = max(0.0, self.left(now) - 1.0)


class _Pair:
    """An address at a point."""

    __slots__ = ("debts", "known_at", "seal", "until", "wrong_at")

    def __init__(self, seal: str) -> None:
        self.seal = seal  # of the password that it was wrong about
        self.debts = 0.0
        self.wrong_at = 0.0
        self.until = 0.0  # nothing is compared before
        self.known_at = 0.0

    def forgive(self) -> None:
        self.debts = self.until = 0.0


class _Point:
    """A point; its tries are made with the first wrong password."""

    __slots__ = ("first", "further", "known", "seal")

    def __init__(self, seal: str) -> None:
        self.seal = seal
        self.known: dict[str, _Pair] = {}
        self.first: Tries | None = None
        self.further: Tries | None = None

    def forgive(self, seal: str) -> None:
        """A new password: what was wrong about the old one counts no more. Known addresses stay known."""
        self.seal = seal
        self.first = self.further = None
        for pair in self.known.values():
            pair.forgive()


class Brake:
    """Of one gateway. `seal` is whatever stands for the point's password now: another one begins its counts anew."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._points: Recent[str, _Point] = Recent(self.budget.points_kept)
        self._pairs: Recent[tuple[str, str], _Pair] = Recent(self.budget.pairs_kept)
        self._addresses: Recent[str, Tries] = Recent(self.budget.addresses_kept)

    @property
    def size(self) -> int:
        """Entries kept."""
        return len(self._points) + len(self._pairs) + len(self._addresses)

    def allows(self, address: str, mn: str, now: float, seal: str = "") -> Decision:
        """Whether a password that this address gives for this point may be compared."""
        point = self._current(mn, seal)
        if point is None:
            return FIRST
        pair = self._known(point, address, now)
        if pair is not None:
            return KNOWN if pair.until <= now else ADDRESS_WAITS
        pair = self._wrong_before(address, mn, now, seal)
        if pair is None:
            return FIRST if point.first is None or point.first.left(now) >= 1.0 else POINT_WAITS
        if pair.until > now:
            return ADDRESS_WAITS
        return FURTHER if point.further is None or point.further.left(now) >= 1.0 else POINT_WAITS

    def wrong(self, address: str, mn: str, now: float, seal: str = "") -> Braked | None:
        """A password that was compared did not fit; None when everything goes on as before."""
        point = self._current(mn, seal) or _Point(seal)
        self._points.put(mn, point)
        pair, last = self._known(point, address, now), False
        if pair is None:
            pair = self._wrong_before(address, mn, now, seal)
            last = self._spend(point, now, first=pair is None)
            pair = pair or _Pair(seal)
            self._pairs.put((address, mn), pair)
        wait_s = self._charge(pair, now, few=self._address_is_over(address, now))
        return Braked(wait_s, last) if wait_s or last else None

    def right(self, address: str, mn: str, now: float, seal: str = "") -> None:
        """A password that was compared fitted: the address is known there."""
        point = self._current(mn, seal)
        if point is None:
            point = _Point(seal)
            self._points.put(mn, point)
        pair = point.known.get(address)
        if pair is None:
            pair = self._wrong_before(address, mn, now, seal) or _Pair(seal)
            self._pairs.drop((address, mn))
            self._make_room(point)
            point.known[address] = pair
        pair.known_at = now

    def _current(self, mn: str, seal: str) -> _Point | None:
        point = self._points.get(mn)
        if point is not None and point.seal != seal:
            point.forgive(seal)
        return point

    def _known(self, point: _Point, address: str, now: float) -> _Pair | None:
        pair = point.known.get(address)
        return pair if pair is not None and now - pair.known_at <= self.budget.known_for_s else None

    def _wrong_before(self, address: str, mn: str, now: float, seal: str) -> _Pair | None:
        pair = self._pairs.get((address, mn))
        if pair is None or pair.seal != seal or now - pair.wrong_at >= self.budget.forgotten_after_s:
            return None
        return pair

    def _spend(self, point: _Point, now: float, *, first: bool) -> bool:
        """One try of the unknown addresses; whether it was the last."""
        budget = self.budget
        if point.first is None or point.further is None:
            point.first = Tries(budget.first_tries, budget.first_every_s, now)
            point.further = Tries(budget.further_tries, budget.further_every_s, now)
        tries = point.first if first else point.further
        tries.spend(now)
        return tries.left(now) < 1.0

    def _address_is_over(self, address: str, now: float) -> bool:
        """Whether it had used up its tries before this one, which is counted."""
        tries = self._addresses.get(address)
        if tries is None:
            tries = Tries(self.budget.tries, self.budget.address_every_s, now)
        self._addresses.put(address, tries)
        over = tries.left(now) < 1.0
        tries.spend(now)
        return over

    def _charge(self, pair: _Pair, now: float, *, few: bool) -> float:
        """One debt more; how long the pair waits now, 0 while it need not."""
        budget = self.budget
        pair.debts = max(0.0, pair.debts - (now - pair.wrong_at) / budget.forgiven_every_s) + 1.0
        if few:
            pair.debts = max(pair.debts, float(budget.tries))
        pair.wrong_at = now
        if pair.debts < budget.tries - 0.5:  # a little is forgiven between one and the next
            return 0.0
        wait_s = budget.wait_s * math.pow(2.0, max(0.0, pair.debts - budget.tries))
        if wait_s >= budget.longest_wait_s:  # more debts would only take longer to be forgiven
            wait_s, pair.debts = budget.longest_wait_s, min(pair.debts, budget.most_debts)
        pair.until = now + wait_s
        return wait_s

    def _make_room(self, point: _Point) -> None:
        if len(point.known) >= self.budget.known_addresses:
            del point.known[min(point.known, key=lambda address: point.known[address].known_at)]


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that an IPv6 address lies in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_SITE), strict=False))
