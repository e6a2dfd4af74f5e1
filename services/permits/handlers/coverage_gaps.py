"""Evaluates which of an enterprise's points no permit covers: after each write to either, and when the day has come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from services.permits.domain.coverage_gap import evaluate_gap, find_gap
from services.permits.domain.point import Registration
from services.permits.domain.risks import gap_risk
from services.permits.handlers.publishing import Registrar
from services.permits.handlers.renewals import publish_risks
from services.permits.store import coverage_gaps as gaps
from services.permits.store import register
from services.permits.store.coverage_gaps import GapEntry
from shared.database import Database
from shared.domain.clock import shanghai_day
from shared.domain.region import prefix

BATCH = 200  # enterprises a transaction


def evaluate_points(
    registrar: Registrar, session: Session, credit_code: str, points: Iterable[Registration] | None = None
) -> None:
    """Decide, save and publish for these points of the enterprise; None: for all it has."""
    owner = register.find_enterprise(session, credit_code)
    if owner is None:
        return
    evaluated = list(register.points_of(session, credit_code, registrar.sealer) if points is None else points)
    known = gaps.find(session, [point.mn for point in evaluated])
    permits = register.permits_of(session, credit_code)
    complete = register.register_complete(session, owner.region)
    now, risks, entries = registrar.now().replace(microsecond=0), [], []
    for point in evaluated:
        former = known.get(point.mn)
        gap = find_gap(point, permits, register_complete=complete, today=registrar.today())
        if former is None and gap.kind is None:
            continue
        evaluation = evaluate_gap(former.published if former else {}, gap, active=point.active, now=now)
        entries.append(GapEntry(point.mn, credit_code, evaluation.published, gap.next_check_on))
        risks += [gap_risk(one, point.mn, point.outlet, owner.document, now=now) for one in evaluation.changes]
    gaps.save(session, entries)
    publish_risks(registrar, session, risks)


def evaluate_gaps(registrar: Registrar, session: Session, credit_code: str) -> None:
    """After a write to a permit: the enterprise's points that were ever a gap."""
    mns = gaps.of_enterprise(session, credit_code)
    if mns:
        points = register.find_points(session, mns, registrar.sealer)
        evaluate_points(registrar, session, credit_code, points.values())


def region_changed(registrar: Registrar, session: Session, code: str) -> None:
    """After a division's register was declared complete, or not: its gaps are evaluated by the next sweep."""
    gaps.schedule_checks_in(session, prefix(code), registrar.today())


def sweep_gaps(registrar: Registrar, database: Database, now: datetime) -> int:
    """Everything due by now, in batches; how many enterprises that were."""
    today, evaluated = shanghai_day(now), 0
    while True:
        with database.read() as session:
            codes = gaps.due(session, today, limit=BATCH)
        if not codes:
            return evaluated
        with database.transaction() as session:
            for code in codes:
                register.find_enterprise(session, code, lock=True)
                evaluate_gaps(registrar, session, code)
        evaluated += len(codes)
