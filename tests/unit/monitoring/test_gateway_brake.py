"""Wrong passwords: how many are compared, who goes on undisturbed, and what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.gateway.brake import Brake, Budget, Reason, Scope, network_of

MINUTE, HOUR, DAY, YEAR = 60.0, 3_600.0, 86_400.0, 365 * 86_400.0
X, Y = "X", "Y"
BEHIND_ONE, ELSEWHERE = "203.0.113.1", "198.51.100.7"


@dataclass
class Site:
    """A brake, its clock, and the wrong tries that were compared: (second, address, point)."""

    brake: Brake = field(default_factory=Brake)
    now: float = 1_000.0
    evaluated: list[tuple[float, str, str]] = field(default_factory=list)

    def gives_wrong(self, address: str, mn: str = X, seal: str = "") -> bool:
        """Whether it was compared."""
        if not self.brake.allows(address, mn, self.now, seal).compare:
            return False
        self.brake.wrong(address, mn, self.now, seal)
        self.evaluated.append((self.now, address, mn))
        return True

    def gives_right(self, address: str, mn: str = X, seal: str = "") -> bool:
        """Whether it was accepted."""
        if not self.brake.allows(address, mn, self.now, seal).compare:
            return False
        self.brake.right(address, mn, self.now, seal)
        return True

    def wrong_until_refused(self, address: str, mn: str = X) -> int:
        count = 0
        while self.gives_wrong(address, mn):
            count += 1
        return count

    def most_within(self, seconds: float, address: str | None = None, mn: str | None = None) -> int:
        """The most tries that were compared in any span of so many seconds."""
        at = [t for t, a, m in self.evaluated if address in (None, a) and mn in (None, m)]
        first = most = 0
        for number, last in enumerate(at):
            while at[first] <= last - seconds:
                first += 1
            most = max(most, number - first + 1)
        return most


def test_ten_wrong_passwords_are_compared_then_the_pair_waits_a_minute_then_longer_up_to_an_hour() -> None:
    site = Site()
    assert site.wrong_until_refused(ELSEWHERE) == 10
    assert site.brake.allows(ELSEWHERE, X, site.now).reason is Reason.ADDRESS_WAITS
    waits = []
    for _ in range(10):
        began = site.now
        while not site.gives_wrong(ELSEWHERE):
            site.now += 1.0
        waits.append((site.now - began) / MINUTE)
    assert [round(wait) for wait in waits[:4]] == [1, 2, 4, 8]
    assert waits == sorted(waits)  # a little is forgiven meanwhile: 15, not 16
    assert waits[-3:] == [60.0] * 3


def test_the_right_password_is_not_compared_either_while_the_pair_waits_and_is_accepted_after_it() -> None:
    site = Site()
    site.wrong_until_refused(ELSEWHERE)
    assert not site.gives_right(ELSEWHERE)
    site.now += 59.0
    assert not site.gives_right(ELSEWHERE)
    site.now += 1.0
    assert site.gives_right(ELSEWHERE)
    assert site.gives_right(ELSEWHERE)


def test_frames_during_a_wait_do_not_lengthen_it() -> None:
    site = Site()
    site.wrong_until_refused(ELSEWHERE)
    for _ in range(59):
        site.now += 1.0
        assert not site.gives_wrong(ELSEWHERE)
    site.now += 1.0
    assert site.gives_right(ELSEWHERE)


def test_whoever_guesses_elsewhere_does_not_hold_up_the_points_own_logger() -> None:
    site = Site()
    assert site.gives_right(BEHIND_ONE)
    for number in range(500):
        site.wrong_until_refused(f"198.51.{number % 250}.{number // 250}")
    assert site.brake.allows(BEHIND_ONE, X, site.now).reason is Reason.KNOWN
    assert site.gives_right(BEHIND_ONE)


def test_one_attacker_does_not_even_hold_up_a_logger_with_a_new_address() -> None:
    site = Site()
    for _ in range(int(3 * DAY / MINUTE)):
        site.now += MINUTE
        site.gives_wrong(ELSEWHERE)
    assert site.gives_right(BEHIND_ONE)


def test_neighbours_behind_one_address_are_accepted_with_their_first_frame_however_much_is_guessed_there() -> None:
    site = Site()
    for number in range(50):
        site.wrong_until_refused(BEHIND_ONE, f"N{number}")
    assert site.gives_right(BEHIND_ONE, Y)


def test_an_address_that_was_wrong_ten_times_at_ten_points_has_one_try_at_each_further_one() -> None:
    site = Site()
    assert [site.wrong_until_refused(BEHIND_ONE, f"N{number}") for number in range(3)] == [10, 1, 1]


def test_ten_wrong_within_ten_minutes_are_too_many_however_they_are_spread() -> None:
    site = Site()
    for number in range(10):
        assert site.gives_wrong(BEHIND_ONE, f"N{number}")
        site.now += MINUTE
    assert site.wrong_until_refused(BEHIND_ONE, Y) == 1


def test_the_good_frames_of_a_logger_do_not_pay_for_guesses_from_behind_its_own_address() -> None:
    site = Site()
    guessed = 0
    for _ in range(int(DAY / MINUTE)):  # a good frame a minute, and somebody who guesses all the time
        site.gives_right(BEHIND_ONE)
        guessed += site.wrong_until_refused(BEHIND_ONE)
        site.now += MINUTE
    assert guessed <= 10 + 6 + 24


def test_unknown_addresses_share_ten_first_tries_and_a_logger_with_a_new_address_gets_in_as_they_come_back() -> None:
    site = Site()
    assert [site.gives_wrong(f"192.0.2.{number}") for number in range(20)] == [True] * 10 + [False] * 10
    found = site.brake.allows(BEHIND_ONE, X, site.now)
    assert (found.compare, found.reason, found.scope) == (False, Reason.POINT_WAITS, Scope.POINT)
    site.now += 300.0
    assert site.gives_right(BEHIND_ONE)


def test_addresses_that_were_wrong_before_do_not_use_up_the_first_tries() -> None:
    site = Site()
    for number in range(9):
        site.gives_wrong(f"192.0.2.{number}")
    for _ in range(2_000):
        site.now += 10.0
        for number in range(9):
            site.gives_wrong(f"192.0.2.{number}")
    assert site.brake.allows(BEHIND_ONE, X, site.now).reason is Reason.FIRST


def test_an_address_stays_known_for_thirty_days_and_a_point_has_four_of_them() -> None:
    site = Site()
    for number in range(5):
        site.now += 1.0
        assert site.gives_right(f"203.0.113.{number}")
    for number in range(12):
        site.gives_wrong(f"192.0.2.{number}")
    assert [site.gives_right(f"203.0.113.{number}") for number in range(5)] == [False, True, True, True, True]
    site.now += 30 * DAY + 1.0
    assert site.brake.allows("203.0.113.4", X, site.now).reason is Reason.FIRST


def test_a_new_password_begins_the_counts_of_its_point_anew_and_leaves_others() -> None:
    site = Site()
    site.gives_right(BEHIND_ONE, X, "old")
    for mn in (X, Y):
        for number in range(12):
            for _ in range(12):
                site.gives_wrong(f"192.0.2.{number}", mn, "old")
    for _ in range(12):
        site.gives_wrong(BEHIND_ONE, X, "old")
    assert not site.gives_right(BEHIND_ONE, X, "old")
    assert site.gives_right(BEHIND_ONE, X, "new")
    assert site.gives_right("192.0.2.0", X, "new")
    assert not site.gives_right("192.0.2.0", Y, "old")


@pytest.mark.parametrize(
    ("addresses", "years"),
    [(1, 100), (2_000, 6)],
    ids=["from one address", "from two thousand, each as often as it may"],
)
def test_six_digits_take_years(addresses: int, years: float) -> None:
    """The addresses take turns; each asks every minute, so none of what it may try is left unused."""
    site, days = Site(), 10
    names = [f"10.0.{number // 250}.{number % 250}" for number in range(addresses)]
    turn = 0
    for _ in range(int(days * DAY / MINUTE)):
        site.now += MINUTE
        for _ in range(min(addresses, 40)):
            turn = (turn + 1) % addresses
            site.gives_wrong(names[turn])
    burst = 40 + 7  # first and further tries at once, and the short waits of a pair: once, not each day
    a_day = max(1, len(site.evaluated) - burst) / days
    assert 1_000_000 / a_day / 365 >= years
    assert a_day > 20 * (1 if addresses == 1 else 15), "the addresses did try"


def test_known_addresses_too_leave_six_digits_for_years() -> None:
    site, days = Site(), 10
    known = [f"203.0.113.{number}" for number in range(4)]
    for address in known:
        site.gives_right(address)
    for minute in range(int(days * DAY / MINUTE)):
        site.now += MINUTE
        for address in [*known, *(f"10.{minute % 250}.{minute // 250 % 250}.{number}" for number in range(3))]:
            site.gives_wrong(address)
    assert 1_000_000 / ((len(site.evaluated) - 4 * 17 - 40) / days) / 365 >= 5


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.0, 1.0, 30.0, 61.0, 300.0, 3_600.0]),
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from([X, Y]),
        st.sampled_from([False, False, False, True]),
        st.integers(1, 12),
    ),
    max_size=120,
)
Events = Sequence[tuple[float, str, str, bool, int]]


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_never_more_than_so_many_guesses_are_compared_in_any_time(events: Events) -> None:
    site = Site()
    for pause, address, mn, right, times in events:
        site.now += pause
        for _ in range(times):
            _ = site.gives_right(address, mn) if right else site.gives_wrong(address, mn)
    for mn in (X, Y):
        for address in "abcd":
            assert site.most_within(10 * MINUTE, address, mn) <= 10 + 4
            assert site.most_within(DAY, address, mn) <= 10 + 7 + 24
        assert site.most_within(10 * MINUTE, None, mn) <= 4 * (10 + 4)
    for address in "abcd":
        assert site.most_within(10 * MINUTE, address) <= 10 + 4 + (1 + 4)  # ten at the one point, one at the other


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 600.0), st.integers(0, 400), st.integers(1, 12)), max_size=100))
def test_any_number_of_unknown_addresses_is_bounded_at_a_point(events: Sequence[tuple[float, int, int]]) -> None:
    site = Site()
    for pause, number, times in events:
        site.now += pause
        for address in range(number, number + 15):
            for _ in range(times):
                site.gives_wrong(str(address))
    for span in (10 * MINUTE, HOUR, DAY):
        assert site.most_within(span) <= 10 + 30 + span / 300.0 + span / 600.0 + 2


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_the_right_password_from_a_pair_that_was_never_wrong_is_always_accepted(events: Events) -> None:
    """Whatever is guessed at other points from its address, and at its point from elsewhere (by fewer than ten)."""
    site = Site()
    for pause, address, mn, right, times in events:
        site.now += pause
        for _ in range(times):
            if (address, mn) != ("a", X):
                _ = site.gives_right(address, mn) if right else site.gives_wrong(address, mn)
        assert site.brake.allows("a", X, site.now).compare
    assert site.gives_right("a", X)


def test_what_is_remembered_is_bounded_whatever_addresses_and_points_are_sent() -> None:
    small = Budget(points_kept=50, pairs_kept=100, addresses_kept=30)
    site = Site(Brake(small))
    for number in range(5_000):
        site.gives_wrong(f"a{number}", f"p{number % 200}")
        site.gives_right(f"b{number}", f"p{number % 300}")
    assert site.brake.size <= 50 + 100 + 30
    assert max(len(point.known) for point in site.brake._points._entries.values()) <= small.known_addresses


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_site_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
