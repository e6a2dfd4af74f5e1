"""Keeps from `risks` which points probably stamp the end of their periods: the newest state wins, all else is ignored."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from services.permits.store import period_stamps as store
from services.permits.store.period_stamps import PeriodStampReport
from shared.domain.errors import Invalid
from shared.domain.json import read_text
from shared.domain.risk import PERIOD_STAMP, RiskState
from shared.eventlog.codec import decode_event
from shared.ports import Record


def take_period_stamps(session: Session, records: Sequence[Record]) -> None:
    """May receive a record twice, and records in any order. Raises: Invalid for such a risk without its point."""
    received: dict[str, PeriodStampReport] = {}
    for record in records:
        report = _read(record)
        if report is not None and _is_newer(report, received.get(report.mn)):
            received[report.mn] = report
    known = store.find(session, received)
    store.save(session, [one for mn, one in received.items() if _is_newer(one, known.get(mn))])


def names_period_stamp(record: Record) -> bool:
    """Whether the record may hold such a risk."""
    return record.value is not None and PERIOD_STAMP.encode() in record.value


def _is_newer(report: PeriodStampReport, former: PeriodStampReport | None) -> bool:
    return former is None or former.changed_at < report.changed_at


def _read(record: Record) -> PeriodStampReport | None:
    if record.value is None or not names_period_stamp(record):
        return None
    event = decode_event(record.value)
    if event.data.get("kind") != PERIOD_STAMP:
        return None
    try:
        mn, state = read_text(event.data, "mn"), read_text(event.data, "state")
    except Invalid as wrong:
        raise Invalid(f"{event.id} names no point and state: {wrong}", rule="mn, state") from wrong
    return PeriodStampReport(mn, state == RiskState.OPEN, event.time)
