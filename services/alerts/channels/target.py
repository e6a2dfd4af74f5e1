"""The target of a push: its URL, read strictly by one function. Registration and sending both use it, so the host that is
checked is the host that is dialled. What two readers could understand differently is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from services.alerts.channels.addresses import Address
from shared.domain.errors import Invalid

LONGEST_URL = 2048
LONGEST_HOST = 253
HIGHEST_PORT = 65535
DEFAULT_PORTS = {"http": 80, "https": 443}

VISIBLE = re.compile(r"[!-~]+")
PARTS = re.compile(r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<authority>[^/?]*)(?P<resource>.*)")
AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]+)(?::(?P<port>.*))?")
PORT = re.compile(r"[1-9][0-9]{0,4}")
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # resolvers take a host for an IPv4 address when its last label is one
OCTET = r"(?:0|[1-9][0-9]{0,2})"
DOTTED = re.compile(rf"{OCTET}(?:\.{OCTET}){{3}}")
IPV6 = re.compile(r"[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Target:
    """`host`: a name in lower case or an address in its canonical form, without brackets. `resource`: path and query.
    `address`: the host, when it is an address."""

    scheme: str
    host: str
    port: int
    resource: str
    address: Address | None = None

    @property
    def authority(self) -> str:
        """What the header `Host` holds."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Authority:
    """Host and port as they stand in a URL; `port` None: the scheme's own."""

    host: str
    port: int | None


def read_target(url: str) -> Target:
    """The target that `url` names. Raises: Invalid, which names the URL and the rule."""
    if len(url) > LONGEST_URL or VISIBLE.fullmatch(url) is None:
        raise refused(url, f"1 to {LONGEST_URL} visible ASCII characters")
    if "\\" in url or "#" in url:
        raise refused(url, "neither a backslash nor a fragment (#)")
    parts = PARTS.fullmatch(url)
    if parts is None:
        raise refused(url, "http:// or https://, then a host")
    scheme, resource = parts["scheme"].lower(), parts["resource"]
    authority = _authority(url, parts["authority"].lower())
    address = _address(url, authority.host)
    return Target(
        scheme=scheme,
        host=authority.host if address is None else str(address),
        port=DEFAULT_PORTS[scheme] if authority.port is None else authority.port,
        resource=resource if resource.startswith("/") else f"/{resource}",
        address=address,
    )


def refused(url: str, rule: str, *, code: str | None = None) -> Invalid:
    """The error for a URL that is not a target."""
    return Invalid(
        f"url {url!r} is not a target for pushes: expected {rule}", field="url", value=url, rule=rule, code=code
    )


def _authority(url: str, authority: str) -> Authority:
    if "@" in authority:
        raise refused(url, "a host without user or password")
    if "%" in authority:
        raise refused(url, "a host without a percent sign: neither escapes nor a zone id")
    parts = AUTHORITY.fullmatch(authority)
    if parts is None:
        raise refused(url, "a host name, an IPv4 address or an IPv6 address in brackets, then perhaps a port")
    port = parts["port"]
    if port is None:
        return Authority(parts["host"], None)
    if PORT.fullmatch(port) is None or int(port) > HIGHEST_PORT:
        raise refused(url, f"a port from 1 to {HIGHEST_PORT}")
    return Authority(parts["host"], int(port))


def _address(url: str, host: str) -> Address | None:
    """The address that the host is; None for a name."""
    if host.startswith("["):
        return _ipv6(url, host[1:-1])
    labels = host.split(".")
    if len(host) > LONGEST_HOST or not all(map(LABEL.fullmatch, labels)):
        rule = "labels of a-z, 0-9 and hyphens, none of them empty"
        raise refused(url, f"a host of at most {LONGEST_HOST} characters in {rule}")
    if NUMBER.fullmatch(labels[-1]) is None:
        return None
    if DOTTED.fullmatch(host) is None or any(int(octet) > 255 for octet in labels):
        raise refused(url, "an IPv4 address as four decimal numbers from 0 to 255 without leading zeros")
    return IPv4Address(host)


def _ipv6(url: str, text: str) -> IPv6Address:
    try:
        if IPV6.fullmatch(text) is None:
            raise ValueError(text)
        return IPv6Address(text)
    except ValueError as wrong:
        raise refused(url, "an IPv6 address between the brackets") from wrong
