"""Looks at permits for what is due by now and not yet said: one at a write, many at a sweep, one again at a discharge.

Load → decide → save → say. A second look on the same day changes nothing, so ticks may be missed, doubled or late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog
from sqlmodel import Session

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.obligation import Book, Swept, sweep
from services.permits.domain.permit import PermitHistory
from services.permits.domain.renewal import timeline
from services.permits.domain.risks import event_type, holder, permit_risk
from services.permits.handlers import calendar as calendars
from services.permits.handlers.publishing import SOURCE, Registrar
from services.permits.store import register, renewals
from services.permits.store.renewals import FIRST, RenewalEntry
from shared.database import Database
from shared.domain.clock import shanghai_day
from shared.domain.errors import Invalid
from shared.domain.events import DISCHARGE_SEEN, RISKS, Event
from shared.domain.json import read_text
from shared.domain.risk import Risk
from shared.eventlog.codec import decode_event
from shared.ports import Record
from shared.sql import gc_paused

log = structlog.get_logger(__name__)
BATCH = 2000  # permits a transaction: about a second of work, so nobody waits long for the rows


@dataclass(frozen=True, slots=True)
class Look:
    """One look: when, and by which calendar."""

    now: datetime
    calendar: WorkCalendar

    @property
    def today(self) -> date:
        return shanghai_day(self.now)


def look_now(registrar: Registrar, session: Session) -> Look:
    return Look(registrar.now().replace(microsecond=0), calendars.calendar(session))


def look_at_permit(registrar: Registrar, session: Session, history: PermitHistory) -> None:
    """After a write to the permit: its own sweep, at once."""
    former = renewals.find(session, [history.number]).get(history.number)
    entry = renewed_entry(history, former)
    if entry.holder is None:
        owner = register.find_enterprise(session, history.credit_code)
        entry = replace(entry, holder=owner.document if owner else None)
    look_at(registrar, session, [entry], look_now(registrar, session))


def renewed_entry(history: PermitHistory, former: RenewalEntry | None) -> RenewalEntry:
    """The row with what the versions say now."""
    line = timeline(history)
    if former is not None:
        return replace(former, line=line)
    return RenewalEntry(history.number, history.credit_code, line, Book(), line.filings[0].valid_to)


def look_at(registrar: Registrar, session: Session, entries: Iterable[RenewalEntry], look: Look) -> int:
    """Decide, save and say; how many revisions were said."""
    entries = _with_lines(session, list(entries))
    swept = [(entry, _sweep(entry, look)) for entry in entries]
    renewals.save(
        session,
        [replace(entry, book=one.book, look_again=one.look_again, valid_to=one.valid_to) for entry, one in swept],
    )
    risks = [risk for entry, one in swept for risk in _risks(entry, one, look)]
    say_risks(registrar, session, risks)
    return len(risks)


def _sweep(entry: RenewalEntry, look: Look) -> Swept:
    return sweep(
        entry.line,
        entry.book,
        today=look.today,
        now=look.now,
        calendar=look.calendar,
        discharged_on=entry.discharged_on,
    )


def _with_lines(session: Session, entries: list[RenewalEntry]) -> list[RenewalEntry]:
    """Rows made before the permit's versions were read for them get their timeline now."""
    blank = [entry for entry in entries if not entry.line.filings]
    if not blank:
        return entries
    known = {one.number: one for one in register.find_permits(session, [entry.number for entry in blank])}
    return [entry if entry.line.filings else renewed_entry(known[entry.number], entry) for entry in entries]


def _risks(entry: RenewalEntry, swept: Swept, look: Look) -> list[Risk]:
    if not swept.sayings:
        return []
    assert entry.holder is not None, "a permit's enterprise is registered before it"
    whose = holder(entry.credit_code, entry.holder)
    return [permit_risk(one, entry.number, whose, now=look.now, today=look.today) for one in swept.sayings]


def say_risks(registrar: Registrar, session: Session, risks: Sequence[Risk]) -> None:
    said = [
        (
            risk.credit_code or risk.region,
            Event(event_type(risk), SOURCE, risk.id, risk.revision, risk.changed_at, risk.document()),
        )
        for risk in risks
    ]
    registrar.outbox.publish_all(session, RISKS, said, wall_now=registrar.clock.wall_now())


def sweep_renewals(registrar: Registrar, database: Database, now: datetime) -> int:
    """Everything due by now, in batches that each stand by themselves; how many permits were looked at."""
    today = shanghai_day(now)
    with database.read() as session:
        waiting = renewals.oldest_due(session)
    if waiting is None or waiting > today:
        return 0
    with database.read() as session:
        look = Look(now.replace(microsecond=0), calendars.calendar(session))
    looked, place = 0, FIRST
    while True:
        with database.transaction() as session, gc_paused():
            entries = renewals.due(session, today, limit=BATCH, after=place)
            if not entries:
                break
            said = look_at(registrar, session, entries, look)
        last = entries[-1]
        assert last.look_again is not None
        looked, place = looked + len(entries), (last.look_again, last.number)
        log.info("permits looked at", permits=len(entries), said=said)
    return looked


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
        look_at(registrar, session, news, look_now(registrar, session))


def _last_days(records: Sequence[Record]) -> dict[str, date]:
    seen: dict[str, date] = {}
    for record in records:
        if record.value is None or DISCHARGE_SEEN.encode() not in record.value:
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
