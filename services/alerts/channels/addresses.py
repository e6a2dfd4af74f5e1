"""Which addresses belong to the public internet, by a dated table of ours: what the interpreter calls global differs
between its patch versions. The table holds every special-purpose range of IANA's registries, also those that a registry
calls globally reachable: none of them has receivers of pushes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

GLOBAL_UNICAST = IPv6Network("2000::/3")
# The last 32 bits are an IPv4 address: compatible, mapped, translated (RFC 2765), NAT64 (RFC 6052, RFC 8215)
LAST_BITS = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))
SIX_TO_FOUR = IPv6Network("2002::/16")
TEREDO = IPv6Network("2001::/32")
ISATAP = 0x00005EFE  # in the upper half of the interface's part, whatever its bits u and g (RFC 5214)
ISATAP_MASK = 0xFCFFFFFF
LOOPBACK = 1  # `::` and `::1` stand for no IPv4 address
BITS_32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class SpecialRange:
    """A range that no push may reach. `rfc` is empty for what no RFC names."""

    network: Network
    name: str
    rfc: str


def load_special_ranges() -> tuple[SpecialRange, ...]:
    """The ranges of `special_purpose.csv`; its column `state_of` is the day of the registry's state."""
    text = (files(__package__) / "special_purpose.csv").read_text(encoding="utf-8")
    return tuple(
        SpecialRange(ip_network(row["range"]), row["name"], row["rfc"]) for row in csv.DictReader(text.splitlines())
    )


SPECIAL_RANGES = load_special_ranges()


def is_public(address: Address, special: Iterable[SpecialRange] = SPECIAL_RANGES) -> bool:
    """Whether the address itself, whatever it may stand for, is an ordinary one of the public internet."""
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not any(address in entry.network for entry in special)


def embedded_ipv4(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses to which packets for an IPv6 address may be carried; Teredo has two: its server and its client."""
    if isinstance(address, IPv4Address):
        return ()
    number = int(address)
    last = number & BITS_32
    found = []
    if number > LOOPBACK and any(address in network for network in LAST_BITS):
        found.append(last)
    if address in SIX_TO_FOUR:
        found.append(number >> 80 & BITS_32)
    if address in TEREDO:
        found += [number >> 64 & BITS_32, last ^ BITS_32]
    if number >> 32 & ISATAP_MASK == ISATAP:
        found.append(last)
    return tuple(map(IPv4Address, found))
