"""Around every request: its id, its time in the metrics, its line in the access log, and a line for a refused token.

The id comes from `X-Request-Id` when it is a plain word of at most 64 characters, else it is made here; it is in the answer's
header, in every problem and in every log line of the request. A line shows the route's template: paths may hold names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from secrets import token_hex
from time import perf_counter

import structlog
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.access import Caller
from shared.domain.errors import Unauthorized
from shared.runtime.auth import CALLER
from shared.runtime.bounded_lines import BoundedLines
from shared.runtime.metrics import Metrics
from shared.runtime.query_check import template

log = structlog.get_logger(__name__)
REQUEST_ID = "x-request-id"
PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # no token fits: those are longer
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
WAITS = "yujing.waits"  # set in the scope of a request that waits for events
LONGEST_DETAIL = 200


def note_waiting(request: Request) -> None:
    """This request waits for events: its duration says nothing of how fast we are."""
    request.scope[WAITS] = True


@dataclass(slots=True)
class Answer:
    """What left as the answer of one request."""

    status: int = 500  # of a request that raised: the answer is made further out
    size: int = 0  # bytes of the body


class RequestLog:
    """The outermost middleware. `access`: `all` requests but probes, `errors` (from 400), or `off`."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access: str) -> None:
        self.app = app
        self._metrics = metrics
        self._access = access
        self._refusals = BoundedLines(log.warning)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, answer, request_id = perf_counter(), Answer(), _request_id(scope)
        scope[REQUEST_ID] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)  # a request is a task: it ends with it

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            elif message["type"] == "http.response.body":
                answer.size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            self._ended(scope, answer, perf_counter() - began)

    def _ended(self, scope: Scope, answer: Answer, spent_s: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"  # callers may invent some
        route, status = template(scope), str(answer.status)
        if scope.get(WAITS):
            self._metrics.waits.labels(route, status).inc()
        else:
            self._metrics.requests.labels(method, route, status).observe(spent_s)
        caller = scope.get(CALLER)
        if answer.status == 401 and isinstance(caller, Unauthorized):
            self._refused(scope, route, caller)
        if self._access == "off" or route in PROBES or (self._access == "errors" and answer.status < 400):
            return
        who = {"role": caller.role.value, "subject": caller.subject} if isinstance(caller, Caller) else {}
        took_ms = round(spent_s * 1000, 1)
        log.info("request", method=method, route=route, status=answer.status, took_ms=took_ms, size=answer.size, **who)

    def _refused(self, scope: Scope, route: str, refusal: Unauthorized) -> None:
        """One line a minute for each address and reason."""
        address = scope["client"][0] if scope.get("client") else "unknown"
        self._refusals.write(
            f"{address} {refusal.code}",
            "a caller without a valid token was refused",
            address=address,
            route=route,
            reason=refusal.code,
            detail=refusal.detail[:LONGEST_DETAIL],
        )


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if PLAIN_ID.fullmatch(given) else token_hex(8)
