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

import httpcore
import structlog

from services.alerts.channels import Delivered, Letter, Outcome, Refused, TryLater, Why
from services.alerts.channels.guard import Blocked, Guard, GuardedBackend, Resolver, system_resolver

log = structlog.get_logger(__name__)

TOTAL_S = 15.0  # connecting, sending and the answer's head together; Standard Webhooks says 15 to 30
BODY_S = 1.0  # the answer is told by its status; its body is only looked at
BODY_BYTES = 64 * 1024
SNIPPET_BYTES = 2048
POOLS = 256  # receivers whose connections are kept open
CONNECTIONS = 8  # to one receiver; a lane sends fewer at once
KEEP_ALIVE_S = 20.0
USER_AGENT = b"yujing-webhooks/1"


def signature(letter_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> str:
    """`v1,…` for each secret: HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{letter_id}.{timestamp}.".encode() + body
    keys = (b64decode(secret.removeprefix("whsec_")) for secret in secrets)
    return " ".join("v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)


def headers(letter: Letter) -> list[tuple[bytes, bytes]]:
    """What goes with the body."""
    timestamp = int(letter.at.timestamp())
    return [
        (b"content-type", b"application/cloudevents+json; charset=utf-8"),
        (b"content-length", str(len(letter.body)).encode()),
        (b"accept-encoding", b"identity"),
        (b"user-agent", USER_AGENT),
        (b"webhook-id", letter.id.encode()),
        (b"webhook-timestamp", str(timestamp).encode()),
        (b"webhook-signature", signature(letter.id, timestamp, letter.body, letter.secrets).encode()),
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


class Webhooks:
    """The channel; belongs to one event loop. Environment proxies are not asked: httpcore knows none."""

    def __init__(
        self,
        guard: Guard,
        *,
        resolve: Resolver | None = None,
        total_s: float = TOTAL_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._total_s = total_s
        self._tls = tls or ssl.create_default_context()
        self._backend = GuardedBackend(guard, resolve or system_resolver())
        self._pools: OrderedDict[str, httpcore.AsyncConnectionPool] = OrderedDict()

    async def send(self, letter: Letter) -> Outcome:
        """One attempt."""
        try:
            async with asyncio.timeout(self._total_s) as limit:
                return await self._send(letter, limit)
        except Blocked as blocked:
            return TryLater(Why.BLOCKED, snippet=str(blocked))
        except (TimeoutError, httpcore.TimeoutException):
            return TryLater(Why.TIMEOUT)
        except httpcore.ConnectError as wrong:
            return TryLater(_connecting(wrong), snippet=str(wrong)[:SNIPPET_BYTES])
        except (httpcore.NetworkError, ssl.SSLError, OSError):
            return TryLater(Why.RESET)
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as wrong:
            return TryLater(Why.RESET if "disconnected" in str(wrong) else Why.PROTOCOL)

    async def _send(self, letter: Letter, limit: asyncio.Timeout) -> Outcome:
        pool = await self._pool(letter.url)
        async with pool.stream("POST", letter.url, headers=headers(letter), content=letter.body) as answer:
            limit.reschedule(asyncio.get_running_loop().time() + BODY_S + 1)  # its status has come: it counts
            after = next((v.decode("latin-1") for k, v in answer.headers if k.lower() == b"retry-after"), None)
            return _outcome(answer.status, await _snippet(answer), retry_after(after, letter.at))

    async def _pool(self, url: str) -> httpcore.AsyncConnectionPool:
        """The receiver's own pool: httpcore looks through all connections of a pool at every request, so that one for
        all receivers would slow down with their number."""
        if url not in self._pools:
            self._pools[url] = httpcore.AsyncConnectionPool(
                ssl_context=self._tls,
                max_connections=CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE_S,
                network_backend=self._backend,
            )
        self._pools.move_to_end(url)
        pool = self._pools[url]
        await self._forget()
        return pool

    async def _forget(self) -> None:
        """Close the pools that were not used for longest, if nothing is on its way through them."""
        if len(self._pools) <= POOLS:
            return
        for url, pool in list(self._pools.items())[: len(self._pools) - POOLS]:
            if all(connection.is_idle() or connection.is_closed() for connection in pool.connections):
                del self._pools[url]
                await pool.aclose()

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


async def _snippet(answer: httpcore.Response) -> str:
    """The beginning of the answer's body, as it came: never decoded, never more than the cap."""
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in answer.aiter_stream():
                read += chunk
                if len(read) >= BODY_BYTES:
                    break
    except (TimeoutError, httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        pass  # the status has come; that is what counts
    return bytes(read[:SNIPPET_BYTES]).decode("utf-8", "replace").replace("\x00", "�")


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
