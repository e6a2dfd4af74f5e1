"""Which addresses a push may reach, held against the table of special ranges, whatever the interpreter thinks of them."""

from __future__ import annotations

import csv
import ipaddress
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.channels.guard import Guard, Reach

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ROWS = list(csv.DictReader((files("services.alerts.channels") / "special_purpose.csv").read_text("utf-8").splitlines()))
SPECIAL = [ip_network(row["range"]) for row in ROWS]
SPECIAL_V4 = [network for network in SPECIAL if isinstance(network, IPv4Network)]
# the registries of 2026-07-18, and what belongs to none of them
REQUIRED = """
0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4
255.255.255.255/32 224.0.0.0/4
::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32
2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""


def within(network: Network) -> st.SearchStrategy[Address]:
    """Addresses of the range, its ends among them."""
    first, last = int(network[0]), int(network[-1])
    kind = type(network[0])
    return st.one_of(st.just(first), st.just(last), st.integers(first, last)).map(kind)


def prefixes() -> st.SearchStrategy[IPv6Address]:
    """Public networks of 64 bits."""
    found = within(IPv6Network("2000::/3")).map(lambda address: IPv6Address(int(address) >> 64 << 64))
    return found.filter(lambda address: not any(address in network for network in SPECIAL))


def carriers(inner: IPv4Address, prefix: IPv6Address) -> list[IPv6Address]:
    """Every form in which an IPv6 address carries an IPv4 one to its tunnel or translator."""
    number, public = int(inner), int(IPv4Address("8.8.8.8"))
    low = [IPv6Address(base).packed for base in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::")]
    teredo = int(IPv6Address("2001::"))
    return [
        *(IPv6Address(int.from_bytes(base, "big") | number) for base in low),
        IPv6Address(0x2002 << 112 | number << 80 | 1),
        IPv6Address(teredo | number << 64 | (public ^ 0xFFFFFFFF)),  # its server
        IPv6Address(teredo | public << 64 | (number ^ 0xFFFFFFFF)),  # its client
        IPv6Address(int(prefix) | 0x00005EFE << 32 | number),
        IPv6Address(int(prefix) | 0x02005EFE << 32 | number),
    ]


@pytest.mark.parametrize("required", REQUIRED.split())
def test_the_table_names_every_special_range_with_its_day_and_source(required: str) -> None:
    (row,) = [row for row in ROWS if row["range"] == required]
    assert row["name"] and row["rfc"].startswith("RFC ") and row["state_of"] == "2026-07-18"
    assert row["source"].startswith("https://www.iana.org/assignments/")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["range"])
@given(data=st.data())
def test_no_address_of_a_special_range_is_reached(row: dict[str, str], data: st.DataObject) -> None:
    address = data.draw(within(ip_network(row["range"])))
    assert Guard().reach(str(address)) is Reach.DENIED


@given(
    st.one_of(
        st.ip_addresses(v=4),
        st.ip_addresses(v=6),
        within(IPv6Network("2000::/3")),
        st.sampled_from(SPECIAL).flatmap(within),
    )
)
def test_what_is_reached_lies_in_no_special_range_and_all_else_is_reached(address: Address) -> None:
    special = any(address in network for network in SPECIAL)
    outside = address.version == 6 and int(address) >> 125 != 1
    isatap = address.version == 6 and int(address) >> 32 & 0xFCFFFFFF == 0x5EFE
    inner = isatap and any(IPv4Address(int(address) & 0xFFFFFFFF) in network for network in SPECIAL_V4)
    expected = Reach.DENIED if special or outside or inner else Reach.PUBLIC
    assert Guard().reach(str(address)) is expected


@given(st.sampled_from(SPECIAL_V4).flatmap(within), prefixes())
def test_no_form_of_ipv6_carries_a_push_to_a_special_ipv4_address(inner: IPv4Address, prefix: IPv6Address) -> None:
    everything_but = Guard([IPv6Network("::/0")])  # the operator opens all of IPv6, not what it stands for
    for carrier in carriers(inner, prefix):
        assert Guard().reach(str(carrier)) is Reach.DENIED, carrier
        if int(carrier) > 1:  # `::` and `::1` stand for no IPv4 address
            assert everything_but.reach(str(carrier)) is Reach.DENIED, carrier


@given(prefixes())
def test_an_operator_who_opens_ipv6_reaches_public_hosts_through_translators(prefix: IPv6Address) -> None:
    for carrier in carriers(IPv4Address("93.184.216.34"), prefix):
        assert Guard([IPv6Network("::/0")]).reach(str(carrier)) is Reach.ALLOWED, carrier


def test_an_allowed_ipv4_network_is_not_reached_through_a_public_tunnel() -> None:
    guard = Guard([IPv4Network("10.0.0.0/8")])
    assert guard.reach("10.1.2.3") is Reach.ALLOWED
    assert guard.reach("2600::5efe:a01:203") is Reach.DENIED


@pytest.mark.parametrize(
    "address",
    ["192.0.0.192", "fec0::1", "3fff::1", "5f00::1", "100:0:0:1::1", "168.63.129.16", "100.100.100.200", "fd00:ec2::254",
     "fe80::1%eth0", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "4000::1", "not an address", ""],
)  # fmt: skip
def test_addresses_that_were_once_reached_or_are_none_are_denied(address: str) -> None:
    assert Guard().reach(address) is Reach.DENIED


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1::1946", "2a00:1450::1", "2001:200::1"]
)
def test_addresses_of_the_public_internet_are_reached(address: str) -> None:
    assert Guard().reach(address) is Reach.PUBLIC


def test_the_interpreter_is_not_asked_what_is_global(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_: object) -> bool:
        raise AssertionError("differs between patch versions")

    names = ["is_global", "is_private", "is_reserved", "is_multicast", "is_link_local", "is_loopback", "is_unspecified"]
    for name in names:
        for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
            monkeypatch.setattr(kind, name, property(ask))
    found = [Guard().reach(address) for address in ("192.0.0.192", "fec0::1", "1.1.1.1", "2606:2800::1")]
    assert found == [Reach.DENIED, Reach.DENIED, Reach.PUBLIC, Reach.PUBLIC]
