"""How often one token may call this process: a budget for ordinary calls, and one for bodies of packets.

A call is counted when it begins, so a long poll or an event stream counts once, however long it lasts. Each process has its
own count: with three services there are three budgets. The middleware marks the request and withholds its body; the route's
`allow` refuses, so that the answer, the metrics and the access log know the route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.access import Caller
from shared.domain.budget import Bucket, Budget, left, take
from shared.domain.clock import monotonic_s
from shared.domain.errors import RateLimited
from shared.runtime.auth import REFUSAL, found, no_body
from shared.runtime.bounded_lines import BoundedLines
from shared.runtime.metrics import Metrics
from shared.runtime.settings import Settings

log = structlog.get_logger(__name__)
SWEEP_S = 60.0  # buckets that are full again are forgotten


class Reason(StrEnum):
    """Which budget was used up."""

    CALLS = "calls"
    PACKETS = "packets"


@dataclass
class Budgets:
    """The buckets of all tokens, by token id. All requests run on one event loop, so they need no lock."""

    of: dict[Reason, Budget]
    _buckets: dict[Reason, dict[str, Bucket]] = field(default_factory=lambda: {reason: {} for reason in Reason})
    _swept_s: float = 0.0

    def wait_s(self, token_id: str, reason: Reason, now_s: float) -> float:
        """Counts a call; seconds until the next one is granted, 0 when this one is."""
        if now_s - self._swept_s >= SWEEP_S:
            self._sweep(now_s)
        buckets = self._buckets[reason]
        grant = take(buckets.get(token_id), self.of[reason], now_s)
        buckets[token_id] = grant.bucket
        return grant.wait_s

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def _sweep(self, now_s: float) -> None:
        self._swept_s = now_s
        for reason, budget in self.of.items():
            buckets = self._buckets[reason].items()
            self._buckets[reason] = {key: one for key, one in buckets if left(one, budget, now_s) < budget.burst}


def budgets(settings: Settings) -> Budgets:
    """The budgets that the settings give each token."""
    return Budgets(
        {
            Reason.CALLS: Budget(settings.token_calls_per_s, settings.token_calls_burst),
            Reason.PACKETS: Budget(settings.token_packet_bodies_per_s, settings.token_packet_bodies_burst),
        }
    )


class RateLimits:
    """The middleware; it stands behind Authentication. `packet_paths`: where bodies of packets are posted to."""

    def __init__(
        self,
        app: ASGIApp,
        budgets: Budgets,
        packet_paths: frozenset[str],
        metrics: Metrics,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:
        self.app = app
        self._budgets = budgets
        self._packet_paths = packet_paths
        self._monotonic = monotonic
        self._limited = metrics.rate_limited
        self._lines = BoundedLines(log.warning)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = found(scope) if scope["type"] == "http" else None
        if isinstance(caller, Caller):
            packets = scope["method"] == "POST" and scope["path"] in self._packet_paths
            reason = Reason.PACKETS if packets else Reason.CALLS
            wait_s = self._budgets.wait_s(caller.token_id, reason, self._monotonic())
            if wait_s:
                scope[REFUSAL] = self._refusal(caller, reason, ceil(wait_s))
                receive = no_body()
        await self.app(scope, receive, send)

    def _refusal(self, caller: Caller, reason: Reason, retry_after_s: int) -> RateLimited:
        self._limited.labels(reason, caller.role).inc()
        budget = self._budgets.of[reason]
        self._lines.write(
            f"{caller.token_id} {reason}",
            "a token has used up its budget of calls",
            token_id=caller.token_id,
            subject=caller.subject,
            role=caller.role.value,
            reason=reason.value,
        )
        return RateLimited(
            f"this token may make {budget.per_s} calls a second, {budget.burst} at once ({reason}): try again in"
            f" {retry_after_s} s",
            retry_after_s=retry_after_s,
        )
