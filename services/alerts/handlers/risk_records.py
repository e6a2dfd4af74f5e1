"""What alerts does with records: each newer revision of a risk moves its alert; of the register it keeps what peers need.

Runs inside the consumer's transaction; a record that is read again changes nothing. What is no risk is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from services.alerts.handlers.alerts import Casework
from shared.domain.errors import Invalid
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED
from shared.domain.risk import Risk
from shared.eventlog.codec import decode_event
from shared.ports import Record
from shared.register import read_enterprise, read_permit

RISK_TYPES = frozenset({RISK_OPENED, RISK_CHANGED, RISK_CLEARED})
IGNORED = "ignored"


class Handlers:
    """Handlers by topic, over one casework."""

    def __init__(self, casework: Casework) -> None:
        self._casework = casework

    def take_risks(self, session: Session, records: Sequence[Record]) -> None:
        """Records of `risks`: load → decide → save → say."""
        risks = [(record, risk) for record in records if (risk := self._risk(record)) is not None]
        wanted = {risk.id for _, risk in risks} | {risk.previous for _, risk in risks if risk.previous}
        latest = self._casework.alerts.latest_of(session, sorted(wanted))
        for record, risk in risks:
            alert = self._casework.take(session, risk, latest)
            if alert is not None:
                latest[risk.id] = alert
                waited = self._casework.clock.wall_now() - record.appended_at
                self._casework.metrics.alert_latency.observe(max(0.0, waited.total_seconds()))

    def take_register(self, session: Session, records: Sequence[Record]) -> None:
        """Records of `registry`: the last one of a key is the whole history."""
        last = {record.key: record for record in records if record.value is not None}
        for record in last.values():
            said = decode_event(record.value or b"")
            kind = said.data.get("kind")
            try:
                if kind == "enterprise":
                    self._casework.peers.keep_enterprise(session, read_enterprise(said.data))
                elif kind == "permit":
                    self._casework.peers.keep_permit(session, read_permit(said.data))
            except (KeyError, TypeError, ValueError, ArithmeticError) as wrong:
                raise Invalid(
                    f"{said.id} is not of our register: {wrong!r}", rule="a document of `registry`"
                ) from wrong

    def _risk(self, record: Record) -> Risk | None:
        """The risk that the record carries; None for what concerns others (counted); raises Invalid."""
        if record.value is None:
            return None
        said = decode_event(record.value)
        if said.type not in RISK_TYPES:
            self._casework.metrics.push_decisions.labels(IGNORED).inc()
            return None
        try:
            return Risk.read(said.data)
        except (KeyError, TypeError, ValueError) as wrong:
            raise Invalid(f"{said.id} is not a risk of ours: {wrong!r}", rule="the document of a risk") from wrong
