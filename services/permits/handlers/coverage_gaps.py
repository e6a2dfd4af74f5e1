"""Looks at an enterprise's points for those that no permit covers: after each write to either, and when the day has come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from services.permits.domain.coverage_gap import find_gap, look
from services.permits.domain.point import Registration
from services.permits.domain.risks import gap_risk, holder
from services.permits.handlers.publishing import Registrar
from services.permits.handlers.renewals import say_risks
from services.permits.store import coverage_gaps as gaps
from services.permits.store import register
from services.permits.store.coverage_gaps import GapEntry
from shared.database import Database
from shared.domain.clock import shanghai_day
from shared.domain.region import prefix

BATCH = 200  # enterprises a transaction


def look_at_points(
    registrar: Registrar, session: Session, credit_code: str, points: Iterable[Registration] | None = None
) -> None:
    """Decide, save and say for these points of the enterprise; None: for all it has."""
    owner = register.find_enterprise(session, credit_code)
    if owner is None:
        return
    looked = list(register.points_of(session, credit_code, registrar.sealer) if points is None else points)
    known = gaps.find(session, [point.mn for point in looked])
    permits = register.permits_of(session, credit_code)
    complete = register.register_complete(session, owner.region)
    now, risks, entries = registrar.now().replace(microsecond=0), [], []
    for point in looked:
        former = known.get(point.mn)
        gap = find_gap(point, permits, register_complete=complete, today=registrar.today())
        if former is None and gap.kind is None:
            continue
        accounts, sayings = look(former.accounts if former else {}, gap, active=point.active, now=now)
        entries.append(GapEntry(point.mn, credit_code, accounts, gap.look_again))
        whose = holder(credit_code, owner.document)
        risks += [gap_risk(one, point.mn, point.outlet, whose, now=now) for one in sayings]
    gaps.save(session, entries)
    say_risks(registrar, session, risks)


def look_at_gaps(registrar: Registrar, session: Session, credit_code: str) -> None:
    """After a write to a permit: the enterprise's points that were ever a gap."""
    mns = gaps.of_enterprise(session, credit_code)
    if mns:
        points = register.find_points(session, mns, registrar.sealer)
        look_at_points(registrar, session, credit_code, points.values())


def region_changed(registrar: Registrar, session: Session, code: str) -> None:
    """After a division's register was declared complete, or not: its gaps are looked at by the next sweep."""
    gaps.look_again_in(session, prefix(code), registrar.today())


def sweep_gaps(registrar: Registrar, database: Database, now: datetime) -> int:
    """Everything due by now, in batches; how many enterprises were looked at."""
    today, looked = shanghai_day(now), 0
    while True:
        with database.read() as session:
            codes = gaps.due(session, today, limit=BATCH)
        if not codes:
            return looked
        with database.transaction() as session:
            for code in codes:
                register.find_enterprise(session, code, lock=True)
                look_at_gaps(registrar, session, code)
        looked += len(codes)
