"""Verdict rows: of one window of a point, and of an outlet's windows around a change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import ColumnElement, Row, func, select, tuple_
from sqlmodel import Session

from services.monitoring.domain.fault import newest_of_each_factor
from services.monitoring.domain.verdict import Doubt, NoVerdict, Status, ValueKind
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.domain.windows import WindowKey
from services.monitoring.store.tables import DECISION, DISCHARGE
from shared.sql import chunks, insert_new, upsert

AVERAGINGS = ("hour", "day")
FIELDS = tuple(column.name for column in DECISION.columns)
_values = attrgetter(*FIELDS)


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """The first and the last window that an outlet has a verdict of."""

    first_s: int
    last_s: int


def read_row(row: Row[object]) -> VerdictRow:
    """From a row of the table's columns."""
    return VerdictRow(
        mn=row.mn,
        averaging=row.averaging,
        start_s=row.start_s,
        factor=row.factor,
        permit=row.permit,
        outlet=row.outlet,
        credit_code=row.credit_code,
        status=Status(row.status),
        reason=NoVerdict(row.reason) if row.reason else None,
        value_kind=ValueKind(row.value_kind) if row.value_kind else None,
        decided=row.decided,
        measured=row.measured,
        limit=row.limit,
        unit=row.unit,
        reference_o2_pct=row.reference_o2_pct,
        mark=row.mark,
        first_seen_s=row.first_seen_s,
        decided_at_s=row.decided_at_s,
        doubt=Doubt(row.doubt) if row.doubt else None,
        doubted=row.doubted,
    )


def write_verdicts(session: Session, rows: Sequence[VerdictRow]) -> None:
    upsert(session, DECISION, [_columns(row) for row in rows])


def _columns(row: VerdictRow) -> dict[str, object]:
    columns = dict(zip(FIELDS, _values(row), strict=True))
    columns["status"] = row.status.value
    columns["doubt"] = row.doubt.value if row.doubt else None
    columns["reason"] = row.reason.value if row.reason else None
    columns["value_kind"] = row.value_kind.value if row.value_kind else None
    return columns


def verdicts_of(session: Session, windows: Collection[WindowKey]) -> dict[WindowKey, dict[str, VerdictRow]]:
    """The verdict rows of these windows, by factor."""
    d = DECISION.c
    found: dict[WindowKey, dict[str, VerdictRow]] = {}
    for part in chunks(windows):
        wanted = select(DECISION).where(tuple_(d.mn, d.averaging, d.start_s).in_(part))
        for row in map(read_row, session.connection().execute(wanted)):
            found.setdefault(row.window, {})[row.factor] = row
    return found


def verdicts_between(session: Session, key: OutletKey, low_s: int, high_s: int) -> list[VerdictRow]:
    """All verdict rows of the outlet's windows in [low, high], in order."""
    d = DECISION.c
    wanted = select(DECISION).where(*_of(key), d.start_s >= low_s, d.start_s <= high_s).order_by(d.start_s, d.mn)
    return [read_row(row) for row in session.connection().execute(wanted)]


def bounds_of(session: Session, key: OutletKey) -> WindowBounds:
    d = DECISION.c
    row = session.connection().execute(select(func.min(d.start_s), func.max(d.start_s)).where(*_of(key))).one()
    return WindowBounds(int(row[0] or 0), int(row[1] or 0))


def newest_decided(session: Session, key: OutletKey, size: int) -> list[VerdictRow]:
    """The newest verdict rows of the outlet that have a decided value, newest first."""
    d = DECISION.c
    wanted = select(DECISION).where(*_of(key), d.decided.is_not(None)).order_by(d.start_s.desc(), d.mn).limit(size)
    return [read_row(row) for row in session.connection().execute(wanted)]


def decided_since(session: Session, keys: Collection[OutletKey], since_s: int) -> dict[OutletKey, list[VerdictRow]]:
    """The verdict rows of these outlets from `since_s` on that have a decided value, newest first."""
    d = DECISION.c
    wanted = select(DECISION).where(d.decided.is_not(None), d.start_s >= since_s).order_by(d.start_s.desc(), d.mn)
    found: dict[OutletKey, list[VerdictRow]] = {}
    for part in chunks(keys):
        these = [(key.permit, key.outlet, key.factor, key.averaging) for key in part]
        of_these = wanted.where(tuple_(d.permit, d.outlet, d.factor, d.averaging).in_(these))
        for row in map(read_row, session.connection().execute(of_these)):
            found.setdefault(row.outlet_key, []).append(row)
    return found


def newest_of_instruments(
    session: Session, mns: Collection[str], since_s: int
) -> Mapping[str, Mapping[str, VerdictRow]]:
    """Of each point and factor the newest window from `since_s` on that shows the state of the instrument."""
    d = DECISION.c
    wanted = select(DECISION).where(d.averaging.in_(AVERAGINGS), d.start_s >= since_s)
    return newest_of_each_factor(
        read_row(row) for part in chunks(mns) for row in session.connection().execute(wanted.where(d.mn.in_(part)))
    )


def _of(key: OutletKey) -> tuple[ColumnElement[bool], ...]:
    d = DECISION.c
    return d.permit == key.permit, d.outlet == key.outlet, d.factor == key.factor, d.averaging == key.averaging


def windows_decided_between(session: Session, mn: str, averaging: str, low_s: int, high_s: int) -> list[int]:
    """Starts of the windows of a point that have a verdict row in [low, high)."""
    d = DECISION.c
    wanted = select(d.start_s).where(d.mn == mn, d.averaging == averaging, d.start_s >= low_s, d.start_s < high_s)
    return list(session.connection().execute(wanted.distinct()).scalars())


@dataclass(frozen=True, slots=True)
class PermitDay:
    permit: str
    day: str


def new_discharges(session: Session, seen: Collection[PermitDay]) -> list[PermitDay]:
    """Those that were not noted before, in order; they are noted now."""
    d = DISCHARGE.c
    known: set[PermitDay] = set()
    for part in chunks(seen):
        pairs = [(one.permit, one.day) for one in part]
        rows = session.connection().execute(select(d.permit, d.day).where(tuple_(d.permit, d.day).in_(pairs)))
        known.update(PermitDay(permit, day) for permit, day in rows)
    fresh = sorted(set(seen) - known, key=lambda one: (one.permit, one.day))
    insert_new(session, DISCHARGE, [{"permit": one.permit, "day": one.day} for one in fresh])
    return fresh
