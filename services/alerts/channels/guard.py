"""Which addresses a push may reach. A name is resolved once, all its addresses are checked, and the connection goes to a
checked one; Host, SNI and certificate stay the name's. So a resolver that changes its answer gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import httpcore

from shared.domain.errors import Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

SETTING = "YUJING_ALLOW_PRIVATE_TARGETS"
RESOLVING_THREADS = 32  # a slow name server holds up nobody else
# Beyond what `is_global` says: shared address space and, in it, a cloud's metadata service; translated IPv4
SHARED_SPACE = ip_network("100.64.0.0/10")
NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
LONGEST_URL = 2048


class Blocked(Exception):
    """The target may not be reached from here."""


class Guard:
    """`allowed`: networks that may be reached though they are private (tests, intranets)."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def permits(self, text: str) -> bool:
        """Whether this address may be reached."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return self._permits(address)

    def _permits(self, address: Address) -> bool:
        if any(address in network for network in self._allowed):
            return True
        inner = embedded_ipv4(address)
        if inner is not None:
            return self._permits(inner)
        return public(address)

    def check_url(self, url: str) -> None:
        """Raises Invalid for a target that can be told to be out of bounds without asking a name server."""
        if not url.isascii() or len(url) > LONGEST_URL or any(character <= " " for character in url):
            raise _refused(url, f"at most {LONGEST_URL} ASCII characters without spaces")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise _refused(url, "http:// or https:// with a host and without user or password")
        try:
            port = parts.port
        except ValueError as wrong:
            raise _refused(url, "a port from 1 to 65535") from wrong
        if port == 0:
            raise _refused(url, "a port from 1 to 65535")
        literal = literal_address(parts.hostname)
        if literal is None and f".{parts.hostname.rstrip('.').lower()}".endswith(".localhost"):
            literal = ip_address("127.0.0.1")
        if literal is not None and not self._permits(literal):
            raise Invalid(
                f"url {url!r} leads to {literal}, which may not be reached from here; {SETTING} allows networks",
                field="url",
                value=url,
                rule=f"a public address, or one inside {SETTING}",
                code="address-not-allowed",
            )


def public(address: Address) -> bool:
    """Whether the address is an ordinary one of the public internet."""
    if address.version == 4 and address in SHARED_SPACE:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, compatible, 6to4, Teredo's server side, NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in NAT64) or (int(address) >> 32 == 0 and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def literal_address(host: str) -> Address | None:
    """The address when `host` is one, also in the spellings that resolvers accept (2130706433, 0x7f.1); else None."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def system_resolver() -> Resolver:
    """The machine's own, on threads of its own."""
    threads = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="alerts-resolve")

    def ask(host: str, port: int) -> list[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def resolve(host: str, port: int) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(threads, ask, host, port)

    return resolve


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Dials only what the guard has checked."""

    def __init__(self, guard: Guard, resolve: Resolver) -> None:
        self._guard = guard
        self._resolve = resolve
        self._dial = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._checked(host, port):
            try:
                return await self._dial.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as wrong:
                failure = wrong
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise Blocked(f"{path} is no network address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        literal = literal_address(host)
        try:
            addresses = [str(literal)] if literal else await self._resolve(host, port)
        except (OSError, UnicodeError) as wrong:
            raise httpcore.ConnectError(f"{host} does not resolve") from wrong
        for address in addresses:
            if not self._guard.permits(address):
                raise Blocked(f"{host} leads to {address}")
        return addresses


def _refused(url: str, rule: str) -> Invalid:
    return Invalid(f"url {url!r} is not a target for pushes: expected {rule}", field="url", value=url, rule=rule)
