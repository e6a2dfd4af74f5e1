"""Which targets a push may reach. A name is resolved once, all its addresses are checked, and the connection goes to a
checked one; Host, SNI and certificate stay the name's. So a resolver that changes its answer gains nothing.

Public addresses are reached by https on port 443 and ports above 1023; what `YUJING_PUSH_PORTS` lists comes on top. Inside
the networks of `YUJING_ALLOW_PRIVATE_TARGETS` every scheme and port is open. Registration resolves no names: a name whose
scheme or port is not open to the public is refused there, and one that was registered earlier is decided by its addresses.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from ipaddress import IPv4Address, ip_address

import httpcore
import structlog

from services.alerts.channels.addresses import (
    SPECIAL_RANGES,
    Address,
    Network,
    SpecialRange,
    embedded_ipv4,
    is_public,
)
from services.alerts.channels.target import Target, read_target, refused
from shared.domain.errors import Invalid

log = structlog.get_logger(__name__)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

NETWORKS_SETTING = "YUJING_ALLOW_PRIVATE_TARGETS"
PORTS_SETTING = "YUJING_PUSH_PORTS"
HTTPS_PORT = 443
LAST_SYSTEM_PORT = 1023
PORT_RULE = (
    f"https on port {HTTPS_PORT} or above {LAST_SYSTEM_PORT}, a scheme and port that {PORTS_SETTING} lists, "
    f"or an address inside {NETWORKS_SETTING}"
)
LOOPBACK = IPv4Address("127.0.0.1")
RESOLVING_THREADS = 32  # a slow name server delays nobody else


class Blocked(Exception):
    """The target may not be reached from here. The text names no address: it is shown to the endpoint's owner."""


class Unresolved(httpcore.ConnectError):
    """The host has no address."""


class Reach(StrEnum):
    """Why an address may be reached, if it may."""

    PUBLIC = "public"
    ALLOWED = "allowed"  # inside the operator's networks
    DENIED = "denied"


class Guard:
    """`allowed`: networks that may be reached though they are private (tests, intranets). `ports`: `scheme:port` that are
    open to public addresses beside the ordinary ones. `special`: ranges that are not public."""

    def __init__(
        self,
        allowed: Iterable[Network] = (),
        *,
        ports: Iterable[str] = (),
        special: Sequence[SpecialRange] = SPECIAL_RANGES,
    ) -> None:
        self._allowed = tuple(allowed)
        self._ports = frozenset(ports)
        self._special = special

    def reach(self, text: str) -> Reach:
        """How the address that `text` is may be reached; what is no address is denied."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return Reach.DENIED
        return self._reach(address)

    def _reach(self, address: Address) -> Reach:
        """Both the address and what it stands for count: a tunnel's end may lie inside."""
        inner = {self._reach(embedded) for embedded in embedded_ipv4(address)}
        if Reach.DENIED in inner:
            return Reach.DENIED
        if any(address in network for network in self._allowed):
            return Reach.ALLOWED
        if Reach.ALLOWED in inner or not is_public(address, self._special):
            return Reach.DENIED
        return Reach.PUBLIC

    def check_url(self, url: str) -> Target:
        """The target of a URL that is to be registered.

        Raises: Invalid, when it can be known to be out of bounds without a name server."""
        target = read_target(url)
        address = target.address or (LOOPBACK if _is_localhost(target.host) else None)
        reach = Reach.PUBLIC if address is None else self._reach(address)
        if reach is Reach.DENIED:
            raise _denied(url, address)
        if reach is Reach.PUBLIC and not self._open(target):
            raise refused(url, PORT_RULE, code="port-not-allowed")
        return target

    def check(self, target: Target, text: str) -> None:
        """Raises Blocked when the target may not be reached at this address."""
        reach = self.reach(text)
        if reach is Reach.DENIED:
            raise Blocked(
                f"{target.host} leads to an address that may not be reached; {NETWORKS_SETTING} allows networks"
            )
        if reach is Reach.PUBLIC and not self._open(target):
            raise Blocked(f"{target.scheme} on port {target.port} is not open: expected {PORT_RULE}")

    def _open(self, target: Target) -> bool:
        """Whether public addresses are reached by this scheme and port."""
        ordinary = target.port == HTTPS_PORT or target.port > LAST_SYSTEM_PORT
        return (target.scheme == "https" and ordinary) or f"{target.scheme}:{target.port}" in self._ports


def _is_localhost(host: str) -> bool:
    return f".{host}".endswith(".localhost")


def _denied(url: str, address: Address | None) -> Invalid:
    return Invalid(
        f"url {url!r} leads to {address}, which may not be reached from here; {NETWORKS_SETTING} allows networks",
        field="url",
        value=url,
        rule=f"a public address, or one inside {NETWORKS_SETTING}",
        code="address-not-allowed",
    )


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
    """Dials one target, and only at addresses that the guard has checked."""

    def __init__(self, guard: Guard, resolve: Resolver, target: Target) -> None:
        self._guard = guard
        self._resolve = resolve
        self._target = target
        self._dial = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if (host, port) != (self._target.host, self._target.port):
            raise Blocked(f"{host} is not the target")
        failure: Exception | None = None
        for address in await self._checked_addresses():
            try:
                return await self._dial.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as wrong:
                failure = wrong
        raise failure or Unresolved(f"{host} has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise Blocked(f"{path} is no network address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _checked_addresses(self) -> Sequence[str]:
        """All addresses of the target; raises Blocked when one of them may not be reached."""
        target = self._target
        addresses = await self._addresses()
        for address in addresses:
            try:
                self._guard.check(target, address)
            except Blocked as blocked:
                log.warning(
                    "a push was blocked", host=target.host, port=target.port, address=address, reason=str(blocked)
                )
                raise
        return addresses

    async def _addresses(self) -> Sequence[str]:
        target = self._target
        if target.address is not None:
            return [target.host]
        try:
            return await self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as wrong:
            raise Unresolved(f"{target.host} does not resolve") from wrong
