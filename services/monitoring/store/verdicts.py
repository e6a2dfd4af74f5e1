"""Verdict rows: of one window of a point, and of an outlet's windows around a change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlmodel import Session

from services.monitoring.domain.exceedance import Decided
from services.monitoring.domain.fault import tells
from services.monitoring.domain.verdict import Status, multiple
from services.monitoring.domain.windows import HOUR_S, LENGTH_S
from services.monitoring.store.tables import DECISION, DISCHARGE
from services.monitoring.store.values import Key
from shared.sql import chunks, insert_new, upsert

AVERAGINGS = ("hour", "day")
HISTORICAL_S = 72 * HOUR_S  # seen so long after its end, a window is recorded, not warned of


@dataclass(frozen=True, slots=True)
class OutletKey:
    """What episodes are of."""

    permit: str
    outlet: str
    factor: str
    averaging: str

    @property
    def subject(self) -> str:
        return f"{self.permit}/{self.outlet}/{self.factor}/{self.averaging}"


def outlet_key(row: Mapping[str, Any]) -> OutletKey:
    return OutletKey(row["permit"], row["outlet"], row["factor"], row["averaging"])


def decisions_of(session: Session, keys: Collection[Key]) -> dict[Key, dict[str, Mapping[str, Any]]]:
    """The verdict rows of these windows, by factor."""
    d = DECISION.c
    found: dict[Key, dict[str, Mapping[str, Any]]] = {}
    for part in chunks(keys):
        wanted = select(DECISION).where(tuple_(d.mn, d.averaging, d.start_s).in_(part))
        for row in session.connection().execute(wanted).mappings():
            found.setdefault((row["mn"], row["averaging"], row["start_s"]), {})[row["factor"]] = dict(row)
    return found


def write_decisions(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    upsert(session, DECISION, rows)


def decisions_between(session: Session, key: OutletKey, low_s: int, high_s: int) -> list[Mapping[str, Any]]:
    """All verdict rows of the outlet's windows in [low, high], in order."""
    d = DECISION.c
    wanted = select(DECISION).where(*_of(key), d.start_s >= low_s, d.start_s <= high_s).order_by(d.start_s, d.mn)
    return [dict(row) for row in session.connection().execute(wanted).mappings()]


def bounds_of(session: Session, key: OutletKey) -> tuple[int, int]:
    """The first and the last window that the outlet has a verdict row of."""
    d = DECISION.c
    row = session.connection().execute(select(func.min(d.start_s), func.max(d.start_s)).where(*_of(key))).one()
    return int(row[0] or 0), int(row[1] or 0)


def newest_decided(session: Session, key: OutletKey, size: int) -> list[Mapping[str, Any]]:
    """The newest verdict rows of the outlet that have a decided value, newest first."""
    d = DECISION.c
    wanted = select(DECISION).where(*_of(key), d.decided.is_not(None)).order_by(d.start_s.desc(), d.mn).limit(size)
    return [dict(row) for row in session.connection().execute(wanted).mappings()]


def decided_since(
    session: Session, keys: Collection[OutletKey], since_s: int
) -> dict[OutletKey, list[Mapping[str, Any]]]:
    """The verdict rows of these outlets from `since_s` on that have a decided value, newest first."""
    d = DECISION.c
    wanted = select(DECISION).where(d.decided.is_not(None), d.start_s >= since_s).order_by(d.start_s.desc(), d.mn)
    found: dict[OutletKey, list[Mapping[str, Any]]] = {}
    for part in chunks(keys):
        these = [(key.permit, key.outlet, key.factor, key.averaging) for key in part]
        asked = wanted.where(tuple_(d.permit, d.outlet, d.factor, d.averaging).in_(these))
        for row in session.connection().execute(asked).mappings():
            found.setdefault(outlet_key(row), []).append(dict(row))  # type: ignore[arg-type]
    return found


def newest_telling(session: Session, mns: Collection[str], since_s: int) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Of each point and factor the newest window from `since_s` on that says anything about the instrument."""
    d = DECISION.c
    wanted = select(DECISION).where(d.averaging.in_(AVERAGINGS), d.start_s >= since_s)
    newest: dict[str, dict[str, Mapping[str, Any]]] = {}
    for part in chunks(mns):
        rows: Iterable[Any] = session.connection().execute(wanted.where(d.mn.in_(part))).mappings()
        for row in rows:
            if tells(row["status"], row["mark"], row["reason"]) and not historical(row):
                other = newest.setdefault(row["mn"], {}).get(row["factor"])
                if other is None or _ending(row) > _ending(other):
                    newest[row["mn"]][row["factor"]] = dict(row)
    return newest


def _ending(row: Mapping[str, Any]) -> tuple[int, int]:
    """Later ends first; of two that end together the shorter window speaks."""
    return row["start_s"] + LENGTH_S[row["averaging"]], -LENGTH_S[row["averaging"]]


def _of(key: OutletKey) -> tuple[Any, ...]:
    d = DECISION.c
    return d.permit == key.permit, d.outlet == key.outlet, d.factor == key.factor, d.averaging == key.averaging


def decided(row: Mapping[str, Any]) -> Decided:
    """The row as the rules of episodes want it."""
    status = Status(row["status"])
    return Decided(
        start=row["start_s"],
        status=status,
        multiple=multiple(row["decided"], Decimal(row["limit"])) if status is Status.OVER else None,
        seen_s=row["first_seen_s"],
        historical=historical(row),
        mn=row["mn"],
    )


def historical(row: Mapping[str, Any]) -> bool:
    """Whether the window had closed more than 72 h before it was first seen."""
    end: int = row["start_s"] + LENGTH_S[row["averaging"]]
    return bool(row["first_seen_s"] - end > HISTORICAL_S)


def windows_decided_between(session: Session, mn: str, averaging: str, low_s: int, high_s: int) -> list[int]:
    """Starts of the windows of a point that have a verdict row in [low, high)."""
    d = DECISION.c
    wanted = select(d.start_s).where(d.mn == mn, d.averaging == averaging, d.start_s >= low_s, d.start_s < high_s)
    return list(session.connection().execute(wanted.distinct()).scalars())


def new_discharges(session: Session, seen: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those (permit, day) not said before; they are noted as said."""
    d = DISCHARGE.c
    known: set[tuple[str, str]] = set()
    for part in chunks(seen):
        rows = session.connection().execute(select(d.permit, d.day).where(tuple_(d.permit, d.day).in_(part)))
        known.update((permit, day) for permit, day in rows)
    fresh = set(seen) - known
    insert_new(session, DISCHARGE, [{"permit": permit, "day": day} for permit, day in sorted(fresh)])
    return fresh
