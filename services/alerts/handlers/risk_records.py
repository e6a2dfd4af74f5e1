"""Records of the topic `risks`: each newer revision of a risk moves its alert.

Runs inside the consumer's transaction; a record that is read again changes nothing. What is no risk is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from services.alerts.handlers.alerts import AlertService
from services.alerts.store.alerts import AlertStore
from shared.domain.clock import Clock
from shared.domain.errors import Invalid
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED
from shared.domain.risk import Risk
from shared.eventlog.codec import decode_event
from shared.ports import Record
from shared.runtime.metrics import Metrics

RISK_TYPES = frozenset({RISK_OPENED, RISK_CHANGED, RISK_CLEARED})
IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class RiskRecords:
    """The handler of the topic `risks`."""

    alerts: AlertService
    store: AlertStore
    clock: Clock
    metrics: Metrics

    def take(self, session: Session, records: Sequence[Record]) -> None:
        """Load → decide → save → publish; raises Invalid for a risk that cannot be read."""
        risks = [(record, risk) for record in records if (risk := self._risk(record)) is not None]
        risk_ids = {risk.id for _, risk in risks} | {risk.previous for _, risk in risks if risk.previous}
        latest = self.store.latest_of(session, sorted(risk_ids))
        for record, risk in risks:
            alert = self.alerts.take(session, risk, latest)
            if alert is not None:
                latest[risk.id] = alert
                waited = self.clock.wall_now() - record.appended_at
                self.metrics.alert_latency.observe(max(0.0, waited.total_seconds()))

    def _risk(self, record: Record) -> Risk | None:
        """The risk that the record carries; None for what concerns others (counted)."""
        if record.value is None:
            return None
        event = decode_event(record.value)
        if event.type not in RISK_TYPES:
            self.metrics.push_decisions.labels(IGNORED).inc()
            return None
        try:
            return Risk.read(event.data)
        except (KeyError, TypeError, ValueError) as wrong:
            raise Invalid(f"{event.id} is not a risk of ours: {wrong!r}", rule="the document of a risk") from wrong
