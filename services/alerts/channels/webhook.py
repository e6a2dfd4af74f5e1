"""Webhooks by Standard Webhooks 1.0: signed, never redirected, bounded in time and size. Retrying is `delivery`'s.

Only the status decides: 2xx is delivered, 410 is refused for ever, everything else is for later.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache

import httpcore
import structlog

from services.alerts.channels.base import Delivered, OutboundMessage, Outcome, Refused, TryLater, Why
from services.alerts.channels.guard import Blocked, Guard, GuardedBackend, Resolver, Unresolved, system_resolver
from services.alerts.channels.snippet import READ_S, read_snippet
from services.alerts.channels.target import Target, read_target
from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.notification import Notification
from shared.domain.errors import Invalid
from shared.eventlog.codec import encode

log = structlog.get_logger(__name__)

KIND = "webhook"
TOTAL_S = 15.0  # connecting, sending and the answer's head together; Standard Webhooks says 15 to 30
POOLS = 256  # receivers whose connections are kept open
CONNECTIONS = 8  # to one receiver; a lane sends fewer at once
KEEP_ALIVE_S = 20.0
USER_AGENT = b"yujing-webhooks/1"


def signature(message_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> str:
    """`v1,…` for each secret: HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    keys = (b64decode(secret.removeprefix("whsec_")) for secret in secrets)
    return " ".join("v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)


def headers(message: OutboundMessage, target: Target) -> list[tuple[bytes, bytes]]:
    """What goes with the body."""
    timestamp = int(message.at.timestamp())
    return [
        (b"host", target.authority.encode()),
        (b"content-type", b"application/cloudevents+json; charset=utf-8"),
        (b"content-length", str(len(message.body)).encode()),
        (b"accept-encoding", b"identity"),
        (b"user-agent", USER_AGENT),
        (b"webhook-id", message.id.encode()),
        (b"webhook-timestamp", str(timestamp).encode()),
        (b"webhook-signature", signature(message.id, timestamp, message.body, message.secrets).encode()),
    ]


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date; None for anything else."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(timedelta(0), (at if at.tzinfo else at.replace(tzinfo=UTC)) - now)


@cache
def _system_tls() -> ssl.SSLContext:
    """The authorities that this machine trusts; read once a process."""
    return ssl.create_default_context()


class WebhookChannel:
    """The channel. Environment proxies are not asked: httpcore knows none."""

    def __init__(
        self,
        guard: Guard,
        *,
        resolve: Resolver | None = None,
        total_s: float = TOTAL_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._total_s = total_s
        self._tls = tls or _system_tls()
        self._guard = guard
        self._resolve = resolve or system_resolver()
        self._pools: OrderedDict[Target, httpcore.AsyncConnectionPool] = OrderedDict()

    @property
    def kind(self) -> str:
        return KIND

    def validate(self, address: str) -> None:
        """Raises Invalid for a URL that is known to be out of bounds without a name server."""
        self._guard.check_url(address)

    def verify(self, contact: ContactPoint) -> None:
        """Raises Invalid without the secret that signs."""
        if not contact.secret:
            raise Invalid("a webhook without a secret cannot be signed", field="secret", rule="a secret")

    def render(self, notification: Notification) -> bytes:
        """The CloudEvent, structured."""
        return encode(notification.document)

    async def send(self, message: OutboundMessage) -> Outcome:
        """One attempt."""
        try:
            target = read_target(message.address)
            async with asyncio.timeout(self._total_s) as limit:
                return await self._send(message, target, limit)
        except Invalid as wrong:  # registered under older rules
            return TryLater(Why.BLOCKED, snippet=wrong.detail)
        except Blocked as blocked:
            return TryLater(Why.BLOCKED, snippet=str(blocked))
        except (TimeoutError, httpcore.TimeoutException):
            return TryLater(Why.TIMEOUT)
        except Unresolved as wrong:
            return TryLater(Why.CONNECT, snippet=str(wrong))
        except httpcore.ConnectError as wrong:
            return TryLater(_connecting(wrong))
        except (httpcore.NetworkError, ssl.SSLError, OSError):
            return TryLater(Why.RESET)
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as wrong:
            return TryLater(Why.RESET if "disconnected" in str(wrong) else Why.PROTOCOL)

    async def _send(self, message: OutboundMessage, target: Target, limit: asyncio.Timeout) -> Outcome:
        pool = await self._pool(target)
        url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.resource)
        async with pool.stream("POST", url, headers=headers(message, target), content=message.body) as answer:
            limit.reschedule(asyncio.get_running_loop().time() + READ_S + 1)  # its status has come: it counts
            after = next((v.decode("latin-1") for k, v in answer.headers if k.lower() == b"retry-after"), None)
            snippet = await read_snippet(answer, self._guard)
            return _outcome(answer.status, snippet, retry_after(after, message.at))

    async def _pool(self, target: Target) -> httpcore.AsyncConnectionPool:
        """The receiver's own pool: httpcore looks through all connections of a pool at every request, so that one for
        all receivers would slow down with their number."""
        if target not in self._pools:
            self._pools[target] = httpcore.AsyncConnectionPool(
                ssl_context=self._tls,
                max_connections=CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE_S,
                network_backend=GuardedBackend(self._guard, self._resolve, target),
            )
        self._pools.move_to_end(target)
        pool = self._pools[target]
        await self._forget()
        return pool

    async def _forget(self) -> None:
        """Close the pools that were not used for longest, if nothing is on its way through them."""
        if len(self._pools) <= POOLS:
            return
        for target, pool in list(self._pools.items())[: len(self._pools) - POOLS]:
            if all(connection.is_idle() or connection.is_closed() for connection in pool.connections):
                del self._pools[target]
                await pool.aclose()

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


def _outcome(status: int, snippet: str, after: timedelta | None) -> Outcome:
    if 200 <= status < 300:
        return Delivered(status, snippet)
    if status == 410:
        return Refused(Why.GONE, status, snippet)
    if status == 429:
        return TryLater(Why.RATE_LIMITED, status, snippet, after)
    if status in (502, 503, 504):
        return TryLater(Why.UNAVAILABLE, status, snippet, after)
    if 300 <= status < 400:
        return TryLater(Why.REDIRECT, status, snippet)
    return TryLater(Why.CLIENT_ERROR if 400 <= status < 500 else Why.SERVER_ERROR, status, snippet)


def _connecting(wrong: BaseException) -> Why:
    """TLS failures come as connect errors with the real one behind."""
    cause: BaseException | None = wrong
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Why.TLS
        cause = cause.__cause__ or cause.__context__
    return Why.CONNECT
