"""Gaps of the register: a registered point that no permit of its enterprise ever covered, and what protection lacks.

Pure. A permit whose outlets nobody has told covers whatever its enterprise has: a gap of ours accuses nobody. Whether
anyone receives its warnings (`endpoint`) is heard from alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from services.permits.domain.permit import PermitHistory, Version
from services.permits.domain.point import Registration
from shared.domain.risk import Cleared

MISSING, REGISTER_GAP = "permit.missing", "register.gap"
KINDS = (MISSING, REGISTER_GAP)
GAP = "gap"  # the one condition of both kinds


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """The risk a point stands for today, None when it is covered; `look_again`: a permit that begins later."""

    kind: str | None
    look_again: date | None = None


def find_gap(
    point: Registration, permits: Iterable[PermitHistory], *, register_complete: bool, today: date
) -> CoverageGap:
    """`permit.missing` once the division's register is complete and it is sure, `register.gap` before."""
    histories = list(permits)
    covering = [version for one in histories for version in one.versions if covers(version, point)]
    if not point.active or any(version.valid_from <= today for version in covering):
        return CoverageGap(None)
    sure = point.outlet is not None or not histories
    kind = MISSING if register_complete and sure else REGISTER_GAP
    return CoverageGap(kind, min((version.valid_from for version in covering), default=None))


@dataclass(frozen=True, slots=True)
class GapAccount:
    """What was said of one point under one kind."""

    revision: int
    opened_at: datetime
    open: bool = True


@dataclass(frozen=True, slots=True)
class GapSaying:
    """One revision to be said; `cleared`: why it ended, None while it is open."""

    kind: str
    account: GapAccount
    cleared: Cleared | None = None


def look(
    accounts: Mapping[str, GapAccount], gap: CoverageGap, *, active: bool, now: datetime
) -> tuple[dict[str, GapAccount], list[GapSaying]]:
    """The accounts afterwards and what is news: of the two kinds only the one found is open."""
    kept, sayings = dict(accounts), []
    for kind in KINDS:
        former = kept.get(kind)
        if kind == gap.kind and (former is None or not former.open):
            kept[kind] = GapAccount(former.revision + 1 if former else 1, now)
            sayings.append(GapSaying(kind, kept[kind]))
        elif kind != gap.kind and former is not None and former.open:
            kept[kind] = replace(former, revision=former.revision + 1, open=False)
            sayings.append(GapSaying(kind, kept[kind], _ending(gap, active)))
    return kept, sayings


def _ending(gap: CoverageGap, active: bool) -> Cleared:
    if not active:
        return Cleared.UNREGISTERED
    return Cleared.TAKEN_BACK if gap.kind else Cleared.COVERED


def covers(version: Version, point: Registration) -> bool:
    """Whether the version names the point or its outlet, or says nothing of outlets at all."""
    outlets = version.document.get("outlets")
    if outlets is None:
        return True
    return any(
        outlet["code"] == point.outlet or any(row["mn"] == point.mn for row in outlet.get("points") or ())
        for outlet in outlets
    )


def lacking(permits: Sequence[PermitHistory], points: Sequence[Registration], today: date) -> tuple[str, ...]:
    """What an enterprise lacks to be warned before it breaks its permit; empty: nothing of ours, whoever may hear it."""
    if not permits:
        return ("permit", *(() if any(point.active for point in points) else ("points",)))
    versions = [version for one in permits if (version := one.in_force(today) or one.newest) is not None]
    lacks: list[str] = []
    if not any(version.valid_from <= today <= version.valid_to for version in versions):
        lacks.append("valid_permit")
    if any(not version.document.get("outlets") for version in versions):
        lacks.append("outlets")
    lacks += _of_outlets([outlet for version in versions for outlet in version.document.get("outlets") or ()], points)
    if any(point.active and not any(covers(version, point) for version in versions) for point in points):
        lacks.append("covered_points")
    return tuple(lacks)


def _of_outlets(outlets: Sequence[Mapping[str, Any]], points: Sequence[Registration]) -> list[str]:
    active = {point.outlet for point in points if point.active}
    lacks = []
    if any(not outlet.get("limits") for outlet in outlets):
        lacks.append("limits")
    if not active or any(outlet["code"] not in active for outlet in outlets):
        lacks.append("points")
    return lacks
