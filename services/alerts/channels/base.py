"""What a channel is: a way by which notifications leave. One file a channel; `channels.all_channels` lists them.

A channel answers `Delivered`, `Refused` (do not retry) or `TryLater`; it never retries by itself and never raises for what
a receiver does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.notification import Notification


class Why(StrEnum):
    """What an attempt came to: a closed set, also a metric's label."""

    OK = "ok"
    GONE = "gone"  # 410: the receiver wants no more
    REDIRECT = "redirect"  # 3xx is never followed
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"  # 502, 503, 504
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECT = "connect"  # no connection
    TLS = "tls"
    RESET = "reset"  # the connection broke off
    PROTOCOL = "protocol"  # not HTTP
    BLOCKED = "blocked"  # the address may not be reached from here
    SECRET = "secret"  # the endpoint's secret does not open with our key
    UNEXPECTED = "unexpected"


REFUSALS = frozenset({Why.GONE})  # with these an attempt is `refused`; with all others but OK it is `later`


@dataclass(frozen=True, slots=True)
class Delivered:
    status: int
    snippet: str = ""
    why: Why = Why.OK


@dataclass(frozen=True, slots=True)
class Refused:
    """Do not retry."""

    why: Why
    status: int | None = None
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class TryLater:
    """`after`: what the receiver asked for, if it did."""

    why: Why
    status: int | None = None
    snippet: str = ""
    after: timedelta | None = None


Outcome = Delivered | Refused | TryLater


def outcome_name(outcome: Outcome) -> str:
    """Its name in attempts and in the metric."""
    return {Delivered: "delivered", Refused: "refused", TryLater: "later"}[type(outcome)]


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """What to send. `id` stays the same over all attempts; `at` is this attempt's time."""

    id: str
    address: str
    body: bytes
    secrets: tuple[str, ...]
    at: datetime


class Channel(Protocol):
    """A way by which notifications leave. `send` and `close` belong to one event loop, the rest to any thread."""

    @property
    def kind(self) -> str:
        """Its name: in contact points, and as a metric's label."""

    def validate(self, address: str) -> None:
        """Raises Invalid for an address that the channel can never reach."""

    def verify(self, contact: ContactPoint) -> None:
        """Raises Invalid for a contact that lacks what the channel needs beside a valid address."""

    def render(self, notification: Notification) -> bytes:
        """The body of a message: the same bytes for the same notification, however often it is asked for."""

    async def send(self, message: OutboundMessage) -> Outcome:
        """One attempt."""

    async def close(self) -> None:
        """Close all connections."""
