"""What the sender does in the database, in turns: record what is over, claim what is due. Runs on the sender's thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from services.alerts.delivery.containment import Step, contained
from services.alerts.delivery.policy import Policy
from services.alerts.domain.catalogue import Audience
from services.alerts.handlers.alerts import AlertService
from services.alerts.handlers.endpoint_counts import EndpointCounts
from services.alerts.store.endpoint_states import count_by_state
from services.alerts.store.push_queue import Claimed, PushQueue, Result
from services.alerts.store.pushes import PushStore
from shared.database import Database
from shared.domain.clock import Clock, monotonic_s
from shared.eventlog import failpoints
from shared.runtime.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Finished:
    """What left the lanes since the last turn: results of attempts, and pushes that were not tried."""

    results: Sequence[Result] = ()
    unsent: Sequence[Claimed] = ()

    def __bool__(self) -> bool:
        return bool(self.results or self.unsent)


@dataclass(frozen=True, slots=True)
class Claim:
    """Pushes that are the sender's now, and after how many seconds to look for more when there are none."""

    pushes: Sequence[Claimed]
    wait_s: float


@dataclass(slots=True)
class Turns:
    """Raises Unreachable while the database is unavailable."""

    database: Database
    queue: PushQueue
    alerts: AlertService
    pushes: PushStore
    counts: EndpointCounts
    clock: Clock
    metrics: Metrics
    policy: Policy
    _measured_at: float | None = field(default=None, init=False)

    def take(self, finished: Finished, held: Mapping[str, int]) -> Claim:
        """Record what is finished and claim what is due, in one transaction; without either only look when something will
        be due. `held`: how many pushes each endpoint's lane holds already."""
        now = self.clock.wall_now()
        self._measure(now)
        if not finished:
            wait_s = self._until_due(now)
            if wait_s > 0:
                return Claim((), wait_s)
        with self.database.transaction() as session:
            self.record(session, finished)
            claimed = self.queue.claim(
                session, now, limit=self.policy.batch, held=held, a_lane=self.policy.held_endpoint
            )
        if finished.results:
            failpoints.reach("after-record")
        if claimed:
            failpoints.reach("after-claim")
        return Claim(claimed, self.policy.poll_s)

    def record(self, session: Session, finished: Finished) -> None:
        """Mark the pushes; a proven delivery starts its alert's clock."""
        self.queue.release(session, finished.unsent)
        for result in finished.results:
            if self.queue.mark(session, result) and result.delivered and result.push.alert_id:
                self.alerts.delivered(session, result.push.alert_id, Audience(result.push.audience))
        self.counts.publish(session, {one.push.credit_code for one in finished.results if not one.delivered})

    def record_each(self, results: Sequence[Result]) -> None:
        """Each in its own transaction; one that still fails is left to its lease: it goes out once more."""
        for result in results:
            with (
                contained(self.metrics, Step.RECORD, push_id=result.push.id),
                self.database.transaction() as session,
            ):
                self.record(session, Finished([result]))

    def record_last(self, finished: Finished) -> None:
        """What is finished when the sender stops."""
        if finished:
            with self.database.transaction() as session:
                self.record(session, finished)

    def release_all(self) -> None:
        """What a former sender held is due at once: only where there is no other sender."""
        with self.database.transaction() as session:
            self.queue.release_all(session)

    def _until_due(self, now: datetime) -> float:
        """Seconds until something may be due, at most the poll's."""
        with self.database.read() as session:
            due = self.queue.next_due(session)
        if due is None:
            return self.policy.poll_s
        return min(self.policy.poll_s, (due - now).total_seconds())

    def _measure(self, now: datetime) -> None:
        """The gauges of the queue and the endpoints, now and then."""
        if self._measured_at is not None and monotonic_s() - self._measured_at < self.policy.measure_s:
            return
        self._measured_at = monotonic_s()
        with self.database.read() as session:
            oldest = self.pushes.overdue_since(session)
            states = count_by_state(session, now)
        overdue = (now - oldest).total_seconds() if oldest else 0.0
        self.metrics.delivery_oldest.set(max(0.0, overdue))
        for state, endpoints in states.items():
            self.metrics.endpoints.labels(state.value).set(endpoints)
