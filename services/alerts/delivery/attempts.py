"""One attempt of a push: its channel renders and sends, the outcome becomes a result with the time of the next attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from services.alerts.channels import Channels
from services.alerts.channels.base import Delivered, OutboundMessage, Outcome, Refused, TryLater, Why, outcome_name
from services.alerts.delivery.containment import Step, contained
from services.alerts.delivery.policy import Policy
from services.alerts.store.endpoints import EndpointStore
from services.alerts.store.push_queue import Claimed, Result
from shared.domain.clock import Clock, monotonic_s
from shared.domain.errors import Invalid
from shared.eventlog import failpoints
from shared.runtime.bounded_lines import BoundedLines
from shared.runtime.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Makes attempts, on the sender's event loop."""

    endpoints: EndpointStore
    clock: Clock
    metrics: Metrics
    policy: Policy
    random: random.Random = field(default_factory=random.Random)
    failures: BoundedLines = field(default_factory=lambda: BoundedLines(log.warning))

    async def make(self, channels: Channels, push: Claimed) -> Result:
        """One attempt, whatever comes of it."""
        at, began = self.clock.wall_now(), monotonic_s()
        outcome = await self._outcome(channels, push, at)
        return self.judge(push, outcome, at, monotonic_s() - began)

    async def _outcome(self, channels: Channels, push: Claimed, at: datetime) -> Outcome:
        outcome: Outcome = TryLater(Why.UNEXPECTED)
        with contained(self.metrics, Step.ATTEMPT, push_id=push.id):
            try:
                outcome = await self._sent(channels, push, at)
            except Invalid as wrong:
                log.error("a push cannot be signed", push_id=push.id, reason=wrong.detail)
                outcome = TryLater(Why.SECRET)
        return outcome

    async def _sent(self, channels: Channels, push: Claimed, at: datetime) -> Outcome:
        channel, secrets = channels[push.contact.kind], self.endpoints.secrets(push.sealed, at)
        body = channel.render(push.notification)
        outcome = await channel.send(OutboundMessage(push.id, push.contact.address, body, secrets, at))
        failpoints.reach("after-send")
        return outcome

    def judge(self, push: Claimed, outcome: Outcome, at: datetime, took_s: float) -> Result:
        """What the attempt came to; counted. `took_s`: seconds from `at` until the outcome."""
        ended = at + timedelta(seconds=took_s)
        name = outcome_name(outcome)
        self.metrics.delivery_attempts.labels(push.contact.kind, name, outcome.why.value).inc()
        if isinstance(outcome, Delivered):
            self.metrics.delivery_latency.observe(max(0.0, (ended - push.due_at).total_seconds()))
        else:
            self._log_failure(push, outcome, name)
        result = Result(
            push=push,
            at=at,
            ended_at=ended,
            outcome=name,
            reason=outcome.why.value,
            status=outcome.status,
            latency_ms=round(took_s * 1000),
            snippet=outcome.snippet,
            delivered=isinstance(outcome, Delivered),
            next_attempt_at=None,
        )
        if isinstance(outcome, TryLater):
            return replace(result, next_attempt_at=self.next_attempt_at(push, outcome, ended))
        return replace(result, disable=outcome.why.value) if isinstance(outcome, Refused) else result

    def _log_failure(self, push: Claimed, outcome: Refused | TryLater, name: str) -> None:
        """One line a minute for each endpoint. Its address stays out: it may hold a secret; so does what it answered."""
        self.failures.write(
            push.endpoint_id,
            "a push was not delivered",
            endpoint_id=push.endpoint_id,
            push_id=push.id,
            channel=push.contact.kind,
            outcome=name,
            reason=outcome.why.value,
            status=outcome.status,
            attempt=push.attempts + 1,
        )

    def next_attempt_at(self, push: Claimed, outcome: TryLater, now: datetime) -> datetime | None:
        """The next attempt by the push's own schedule, with jitter; None when that is used up."""
        spread = self.random.uniform(1 - self.policy.jitter, 1 + self.policy.jitter)
        return push.schedule.next_attempt_at(push.step, now, requested=outcome.after, spread=spread)
