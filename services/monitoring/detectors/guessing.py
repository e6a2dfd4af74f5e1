"""Passwords guessed at the gateway: a risk for operators while it goes on, ended after an hour of quiet by wall clock.

The gateways report it in records of `quarantine`, every ten minutes at most from one address or at one point; the time at
which the log took the record counts. A report that is read again, or late, reopens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from services.monitoring.detectors.risk_builder import Place, RiskDraft
from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import NO_REGION
from services.monitoring.domain.risk_row import RiskRow, RiskSpan
from services.monitoring.domain.windows import HOUR_S, SpanOfWindows, seconds
from services.monitoring.store.register import Register, lock_points
from services.monitoring.store.risks import RiskRepository, issued_counts, open_risks, risks_between
from shared.database import Database
from shared.domain.clock import Clock, Instant
from shared.domain.risk import Cleared
from shared.eventlog.codec import decode
from shared.ports import Record

KIND = "gateway.guessing"
CONDITIONS = ("address", "point")  # one address guesses; a point is guessed from many
QUIET_S = HOUR_S
EVER_S = 2**40
LONGEST = 64  # characters of a point or an address


@dataclass(frozen=True, slots=True)
class Report:
    """From a gateway. `of`: what guesses or is guessed at; `mn` and `address` are those of the frame at hand."""

    condition: str
    of: str
    mn: str
    address: str
    at_s: int

    @property
    def subject(self) -> str:
        return f"{self.condition} {self.of}"


class GuessingWatch:
    """Takes the gateways' reports; its job ends what went quiet."""

    def __init__(self, database: Database, *, clock: Clock, register: Register, risks: RiskRepository) -> None:
        self._database = database
        self._clock = clock
        self._register = register
        self._risks = risks

    def take(self, session: Session, records: Sequence[Record]) -> None:
        """The reports among records of `quarantine`, in the caller's transaction."""
        reports = [report for record in records if (report := read_report(record)) is not None]
        if not reports:
            return
        now = self._clock.now()
        lock_points(session, {report.mn for report in reports})
        for report in _latest(reports):
            self._note(session, report, now)

    def sweep(self, field_now: datetime) -> None:
        """End the risks of which nothing was reported for an hour."""
        now = Instant(field_now, self._clock.wall_now())
        with self._database.read() as session:
            quiet = _quiet(session, now)
        if not quiet:
            return
        with self._database.transaction() as session:
            lock_points(session, {row.mn for row in quiet if row.mn})
            for row in _quiet(session, now):
                self._save(session, RiskDraft.ended(row, Cleared.QUIET, now), now)

    def _note(self, session: Session, report: Report, now: Instant) -> None:
        if risks_between(session, KIND, {report.subject: SpanOfWindows(report.at_s, EVER_S)}):
            return  # known as late as this
        before = open_risks(session, KIND, [report.subject]).get(report.subject)
        self._save(session, self._draft(session, report, before, now), now)

    def _draft(self, session: Session, report: Report, before: RiskRow | None, now: Instant) -> RiskDraft:
        first = report.at_s if before is None else before.first_window_s
        span = RiskSpan(first, first, report.at_s)
        if before is not None:
            return RiskDraft(report.subject, before.risk, span, before)
        site = self._register.sites(session, [report.mn]).get(report.mn)
        region = site.enterprise.region if site and site.enterprise else NO_REGION
        return RiskDraft.about(
            Place(region=region, mn=report.mn),  # the platform's matter, not the enterprise's
            kind=KIND,
            condition=report.condition,
            why=wording.guessed(report.condition, report.mn, report.address),
            subject=report.subject,
            span=span,
            now=now,
            issued=issued_counts(session, KIND, [report.subject]).get(report.subject, 0),
            facts={"address": report.address},
        )

    def _save(self, session: Session, draft: RiskDraft, now: Instant) -> None:
        with self._risks.batch(session, now.wall) as batch:
            batch.put(draft.before, draft.risk, subject=draft.subject, span=draft.span)


def read_report(record: Record) -> Report | None:
    """The report that a record of `quarantine` carries; None for one without, or with one that is none."""
    if record.value is None or b'"guessing"' not in record.value:
        return None
    document = decode(record.value)
    report = document.get("guessing") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(report, Mapping):
        return None
    scope = report.get("scope")
    if not isinstance(scope, str) or scope not in CONDITIONS:
        return None
    of, mn, address = (_name(value) for value in (report.get("subject"), document.get("mn"), document.get("address")))
    if of is None or mn is None or address is None:
        return None
    return Report(scope, of, mn, address, seconds(record.appended_at))


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST else None


def _latest(reports: Iterable[Report]) -> list[Report]:
    """The last report of each subject."""
    last = {report.subject: report for report in sorted(reports, key=lambda report: report.at_s)}
    return list(last.values())


def _quiet(session: Session, now: Instant) -> list[RiskRow]:
    until_s = seconds(now.wall) - QUIET_S
    return [row for row in open_risks(session, KIND).values() if row.last_s <= until_s]
