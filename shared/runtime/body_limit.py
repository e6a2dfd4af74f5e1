"""What the body of a request may cost: its size, the time it takes to arrive, and the memory of all bodies at once.

One middleware. A body is read only when the route asks for it, so a route that refuses its caller first never reads one.
A route that takes more than DEFAULT says so beside its handler: `body: Annotated[bytes, body_up_to(LIMIT)]`.
An answer that is given before the whole body has come closes the connection, but only after some more of the body was
read and thrown away: a connection that is closed with bytes unread is reset, and the reset can destroy the answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.runtime.metrics import Metrics
from shared.runtime.web import OpenApi, Refused, problems

KB, MB = 1024, 1024 * 1024
LINGER_BYTES = 32 * MB  # of a body that nobody wants are read and thrown away
RETRY_AFTER_S = 5
REFUSALS = ("body-incomplete", "body-too-large", "body-too-slow", "bodies-too-many", "content-encoding-unknown")
BODY = "yujing.body"  # where the request's scope has its IncomingBody


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """At most `most_bytes` in one body, and `together_bytes` in all bodies under this limit that a process holds."""

    most_bytes: int
    together_bytes: int


DEFAULT = BodyLimit(most_bytes=MB, together_bytes=16 * MB)


@dataclass(frozen=True, slots=True)
class Pace:
    """A body has `grace_s` seconds to arrive, and one more for each `bytes_per_s` bytes that came; when nobody wants it,
    `linger_s`."""

    grace_s: float = 30.0
    bytes_per_s: int = 64 * KB
    linger_s: float = 2.0


class BodyLimits:
    """The middleware. All requests run on one event loop, so its counts need no lock."""

    def __init__(self, app: ASGIApp, metrics: Metrics, pace: Pace = Pace()) -> None:
        self.app = app
        self.metrics = metrics
        self.pace = pace
        self.held: Counter[BodyLimit] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = IncomingBody(self, Headers(scope=scope), receive, send)
        scope[BODY] = body
        try:
            await self.app(scope, body.receive, body.send)
        finally:
            body.release()


class IncomingBody:
    """The body of one request on its way in, and the answer on its way out."""

    def __init__(self, limits: BodyLimits, headers: Headers, receive: Receive, send: Send) -> None:
        self._limits, self._receive, self._send = limits, receive, send
        self._limit = DEFAULT
        self._declared = _declared(headers)
        self._coding = headers.get("content-encoding", "identity").strip().lower()
        self._complete = self._declared == 0
        self._began_s: float | None = None
        self._arrived = 0
        self._held = 0
        self._answered = False

    async def read(self, limit: BodyLimit) -> bytes:
        """The whole body under a limit other than DEFAULT; raises Refused."""
        self._limit = limit
        with BytesIO() as buffer:  # grows in place and gives its bytes without a copy
            while not self._complete:
                buffer.write((await self.receive())["body"])
            return buffer.getvalue()

    async def receive(self) -> Message:
        """The next part of the body; raises Refused when it breaks a limit. After the body: what the server says."""
        if self._complete:
            return await self._receive()
        try:
            return await self._next_part()
        except Refused as refusal:
            self.release()
            if self._answered:  # nobody is left to refuse: a stream that goes out ends
                return {"type": "http.disconnect"}
            self._limits.metrics.http_refused.labels(refusal.code).inc()
            raise

    async def _next_part(self) -> Message:
        if self._began_s is None:
            self._began_s = asyncio.get_running_loop().time()
            self._check_headers()
        message = await self._in_time(self._began_s)
        if message["type"] == "http.disconnect":
            raise Refused(400, "the connection ended before the body did", "body-incomplete")
        self._complete = not message.get("more_body", False)
        self._count(len(message.get("body", b"")))
        return message

    def _check_headers(self) -> None:
        """What can be refused before any of the body is read."""
        if self._coding not in ("", "identity"):
            detail = f"Content-Encoding {self._coding[:40]!r} is not read here: send the body without a coding"
            raise Refused(415, detail, "content-encoding-unknown")
        if self._declared is not None:
            self._check(self._declared)

    async def _in_time(self, began_s: float) -> Message:
        pace = self._limits.pace
        allowed_s = pace.grace_s + self._arrived / pace.bytes_per_s
        try:
            async with asyncio.timeout_at(began_s + allowed_s):
                return await self._receive()
        except TimeoutError:
            detail = f"{self._arrived} bytes of the body came in {allowed_s:.0f} s: send it faster, or a smaller one"
            raise Refused(408, detail, "body-too-slow") from None

    def _count(self, size: int) -> None:
        self._arrived += size
        self._check(self._arrived)
        self._limits.held[self._limit] += size
        self._held += size

    def _check(self, size: int) -> None:
        """Whether a body of `size` bytes may be held now; raises Refused."""
        most = self._limit.most_bytes
        if size > most:
            detail = f"the body is larger than {most // MB} MB ({most} bytes), the most that is taken here"
            raise Refused(413, detail, "body-too-large")
        if self._limits.held[self._limit] - self._held + size > self._limit.together_bytes:
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            raise Refused(503, "too many large bodies arrive at once: send it again later", "bodies-too-many", headers)

    def release(self) -> None:
        """The body's memory is free for others."""
        self._limits.held[self._limit] -= self._held
        self._held = 0

    async def send(self, message: Message) -> None:
        """Pass the answer on; before a body that has not come wholly, it is the last of its connection."""
        if message["type"] == "http.response.start":
            self._answered = True
            if not self._complete:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        elif not self._complete and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        left = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.pace.linger_s):
                while left > 0 and not self._complete:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._complete = not message.get("more_body", False)


def _declared(headers: Headers) -> int | None:
    """The length that the request declares; 0: it has no body, None: it comes in chunks."""
    if "transfer-encoding" in headers:
        return None
    length = headers.get("content-length", "0")
    return int(length[:20]) if length.isascii() and length.isdigit() else None


def document_refusals(openapi: OpenApi) -> OpenApi:
    """The OpenAPI document, with what this middleware answers added to each operation that takes a body."""
    refusals = {str(status): one for status, one in problems(400, 408, 413, 415).items()}
    for operations in openapi["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["responses"] |= refusals
    return openapi


def body_up_to(limit: BodyLimit) -> Dependency:
    """The dependency that gives the whole raw body, read under `limit`. Put it behind the one that checks the caller."""

    async def read(request: Request) -> bytes:
        body: IncomingBody = request.scope[BODY]
        return await body.read(limit)

    dependency: Dependency = Depends(read)
    return dependency
