"""How many records an address, and all of them together, may bring in an hour."""

from __future__ import annotations

from services.monitoring.gateway.limits import Cap


class Hand:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def admitted(cap: Cap, address: str, tries: int) -> int:
    return sum(cap.admits(address) for _ in range(tries))


def test_an_address_gets_its_hourly_share_and_another_has_its_own() -> None:
    cap = Cap(50, 2_000, Hand())
    assert admitted(cap, "a", 100) == 50
    assert admitted(cap, "b", 100) == 50


def test_the_share_grows_back_over_the_hour() -> None:
    hand = Hand()
    cap = Cap(50, 2_000, hand)
    admitted(cap, "a", 50)
    hand.at = 1_800.0
    assert admitted(cap, "a", 100) == 25


def test_all_addresses_together_have_a_cap_too() -> None:
    cap = Cap(50, 120, Hand())
    assert [admitted(cap, address, 50) for address in "abc"] == [50, 50, 20]


def test_a_refusal_for_all_costs_the_address_nothing() -> None:
    hand = Hand()
    cap = Cap(2, 2, hand)
    admitted(cap, "a", 2)
    assert admitted(cap, "b", 5) == 0
    hand.at = 3_600.0
    assert admitted(cap, "b", 5) == 2


def test_any_number_of_addresses_is_remembered_in_bounded_room() -> None:
    cap = Cap(5, 10_000_000, Hand())
    for number in range(25_000):
        cap.admits(str(number))
    assert len(cap._by_address) <= 10_000
