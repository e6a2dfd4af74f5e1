"""Evaluates what is due of permits by now and not yet published: one at a write, many at a sweep, one again at a discharge.

Load → decide → save → publish. A second evaluation on the same day changes nothing, so ticks may be missed, doubled or late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog
from sqlmodel import Session

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.obligation import Evaluation, PublishedRisks, evaluate
from services.permits.domain.permit import PermitHistory
from services.permits.domain.renewal import timeline
from services.permits.domain.risks import event_type, permit_risk
from services.permits.handlers import calendar as calendars
from services.permits.handlers.publishing import SOURCE, Registrar
from services.permits.store import register, renewals
from services.permits.store.renewals import FIRST, Place, RenewalEntry
from shared.database import Database
from shared.domain.clock import shanghai_day
from shared.domain.errors import Invalid
from shared.domain.events import DISCHARGE_SEEN, RISKS, Event
from shared.domain.json import read_text
from shared.domain.risk import Risk
from shared.eventlog.codec import decode_event
from shared.gc_pause import gc_paused
from shared.ports import Record

log = structlog.get_logger(__name__)
BATCH = 2000  # permits a transaction: about a second of work, so nobody waits long for the rows


@dataclass(frozen=True, slots=True)
class AsOf:
    """When permits are evaluated, and by which calendar."""

    now: datetime
    calendar: WorkCalendar

    @property
    def today(self) -> date:
        return shanghai_day(self.now)


def as_of_now(registrar: Registrar, session: Session) -> AsOf:
    return AsOf(registrar.now().replace(microsecond=0), calendars.calendar(session))


def evaluate_permit(registrar: Registrar, session: Session, history: PermitHistory) -> None:
    """After a write to the permit: its own evaluation, at once."""
    former = renewals.find(session, [history.number]).get(history.number)
    entry = renewed_entry(history, former)
    if entry.holder is None:
        owner = register.find_enterprise(session, history.credit_code)
        entry = replace(entry, holder=owner.document if owner else None)
    evaluate_all(registrar, session, [entry], as_of_now(registrar, session))


def renewed_entry(history: PermitHistory, former: RenewalEntry | None) -> RenewalEntry:
    """The row with what the versions have now."""
    line = timeline(history)
    if former is not None:
        return replace(former, line=line)
    return RenewalEntry(history.number, history.credit_code, line, PublishedRisks(), line.filings[0].valid_to)


def evaluate_all(registrar: Registrar, session: Session, entries: Iterable[RenewalEntry], as_of: AsOf) -> int:
    """Decide, save and publish; how many revisions were published."""
    changed, risks = [], []
    for entry in _with_lines(session, list(entries)):
        evaluation = _evaluation(entry, as_of)
        changed.append(_evaluated(entry, evaluation))
        risks += _risks(entry, evaluation, as_of)
    renewals.save(session, changed)
    publish_risks(registrar, session, risks)
    return len(risks)


def _evaluation(entry: RenewalEntry, as_of: AsOf) -> Evaluation:
    return evaluate(
        entry.line,
        entry.published,
        today=as_of.today,
        now=as_of.now,
        calendar=as_of.calendar,
        discharged_on=entry.discharged_on,
    )


def _evaluated(entry: RenewalEntry, evaluation: Evaluation) -> RenewalEntry:
    """The row as it is after the evaluation."""
    return replace(
        entry,
        published=evaluation.published,
        next_check_on=evaluation.next_check_on,
        valid_to=evaluation.valid_to,
    )


def _with_lines(session: Session, entries: list[RenewalEntry]) -> list[RenewalEntry]:
    """Rows made before the permit's versions were read for them get their timeline now."""
    blank = [entry for entry in entries if not entry.line.filings]
    if not blank:
        return entries
    known = {one.number: one for one in register.find_permits(session, [entry.number for entry in blank])}
    return [entry if entry.line.filings else renewed_entry(known[entry.number], entry) for entry in entries]


def _risks(entry: RenewalEntry, evaluation: Evaluation, as_of: AsOf) -> list[Risk]:
    if not evaluation.changes:
        return []
    holder = entry.holder
    assert holder is not None, "a permit's enterprise is registered before it"
    return [permit_risk(one, entry.number, holder, now=as_of.now, today=as_of.today) for one in evaluation.changes]


def publish_risks(registrar: Registrar, session: Session, risks: Sequence[Risk]) -> None:
    events = [
        (
            risk.credit_code or risk.region,
            Event(event_type(risk), SOURCE, risk.id, risk.revision, risk.changed_at, risk.document()),
        )
        for risk in risks
    ]
    registrar.outbox.publish_all(session, RISKS, events, wall_now=registrar.clock.wall_now())


def sweep_renewals(registrar: Registrar, database: Database, now: datetime) -> int:
    """Everything due by now, in batches that each stand by themselves; how many permits that were."""
    today = shanghai_day(now)
    with database.read() as session:
        waiting = renewals.oldest_due(session)
    if waiting is None or waiting > today:
        return 0
    with database.read() as session:
        as_of = AsOf(now.replace(microsecond=0), calendars.calendar(session))
    evaluated, place = 0, FIRST
    while True:
        with database.transaction() as session, gc_paused():
            entries = renewals.due(session, today, limit=BATCH, after=place)
            if not entries:
                break
            published = evaluate_all(registrar, session, entries, as_of)
        last = entries[-1]
        assert last.next_check_on is not None
        evaluated, place = evaluated + len(entries), Place(last.next_check_on, last.number)
        log.info("permits evaluated", permits=len(entries), published=published)
    return evaluated


def take_discharges(registrar: Registrar, session: Session, records: Sequence[Record]) -> None:
    """DischargeSeen on `risks`: the last day a permit's outlets discharged; all else there is passed over."""
    seen = _last_days(records)
    if not seen:
        return
    news = [
        replace(entry, discharged_on=seen[entry.number])
        for entry in renewals.find(session, seen).values()
        if entry.discharged_on is None or entry.discharged_on < seen[entry.number]
    ]
    if news:
        evaluate_all(registrar, session, news, as_of_now(registrar, session))


def shows_discharge(record: Record) -> bool:
    """Whether the record may be a DischargeSeen."""
    return record.value is not None and DISCHARGE_SEEN.encode() in record.value


def _last_days(records: Sequence[Record]) -> dict[str, date]:
    seen: dict[str, date] = {}
    for record in records:
        if record.value is None or not shows_discharge(record):
            continue
        event = decode_event(record.value)
        if event.type != DISCHARGE_SEEN:
            continue
        try:
            number, day = read_text(event.data, "permit"), date.fromisoformat(read_text(event.data, "day"))
        except (Invalid, ValueError) as wrong:
            raise Invalid(f"{event.id} names no permit and day: {wrong}", rule="permit, day") from wrong
        seen[number] = max(day, seen.get(number, day))
    return seen
