"""Gaps of the register: a registered point that no permit of its enterprise ever covered, and what protection lacks.

Pure. A permit whose outlets nobody has reported covers whatever its enterprise has: a gap of ours accuses nobody. Whether
anyone receives its warnings (`endpoint`) is published by alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.permits.domain.permit import PermitHistory, Version
from services.permits.domain.permit_document import PermitOutlet
from services.permits.domain.point import Registration
from shared.domain.risk import Cleared

MISSING, REGISTER_GAP = "permit.missing", "register.gap"
KINDS = (MISSING, REGISTER_GAP)
GAP = "gap"  # the one condition of both kinds


@dataclass(frozen=True, slots=True)
class CoverageGap:
    """The risk a point stands for today, None when it is covered; `next_check_on`: a permit begins then."""

    kind: str | None
    next_check_on: date | None = None


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
class PublishedGap:
    """The risk of one point and kind as it was last published."""

    revision: int
    opened_at: datetime
    open: bool = True


@dataclass(frozen=True, slots=True)
class GapChange:
    """One revision to be published; `cleared`: why it ended, None while it is open."""

    kind: str
    risk: PublishedGap
    cleared: Cleared | None = None


@dataclass(frozen=True, slots=True)
class GapEvaluation:
    """The risks of a point by kind as they are published afterwards, and the changes to publish."""

    published: Mapping[str, PublishedGap]
    changes: tuple[GapChange, ...]


def evaluate_gap(
    published: Mapping[str, PublishedGap], gap: CoverageGap, *, active: bool, now: datetime
) -> GapEvaluation:
    """What is news: of the two kinds only the one found is open."""
    after, changes = dict(published), []
    for kind in KINDS:
        former = after.get(kind)
        if kind == gap.kind and (former is None or not former.open):
            after[kind] = PublishedGap(former.revision + 1 if former else 1, now)
            changes.append(GapChange(kind, after[kind]))
        elif kind != gap.kind and former is not None and former.open:
            after[kind] = replace(former, open=False, revision=former.revision + 1)
            changes.append(GapChange(kind, after[kind], _ending(gap, active)))
    return GapEvaluation(after, tuple(changes))


def _ending(gap: CoverageGap, active: bool) -> Cleared:
    if not active:
        return Cleared.UNREGISTERED
    return Cleared.TAKEN_BACK if gap.kind else Cleared.COVERED


def covers(version: Version, point: Registration) -> bool:
    """Whether the version names the point or its outlet, or nobody reported its outlets at all."""
    document = version.document
    return document.outlets is None or point.outlet in document.outlet_codes or point.mn in document.mns


def lacking(permits: Sequence[PermitHistory], points: Sequence[Registration], today: date) -> tuple[str, ...]:
    """What an enterprise lacks to be warned before it breaks its permit; empty: nothing that the register knows of."""
    if not permits:
        return ("permit", *(() if any(point.active for point in points) else ("points",)))
    versions = [version for one in permits if (version := one.in_force(today) or one.newest) is not None]
    lacks: list[str] = []
    if not any(version.valid_from <= today <= version.valid_to for version in versions):
        lacks.append("valid_permit")
    if any(not version.document.outlets for version in versions):
        lacks.append("outlets")
    lacks += _of_outlets([outlet for version in versions for outlet in version.document.outlets or ()], points)
    if any(point.active and not any(covers(version, point) for version in versions) for point in points):
        lacks.append("covered_points")
    return tuple(lacks)


def _of_outlets(outlets: Sequence[PermitOutlet], points: Sequence[Registration]) -> list[str]:
    active = {point.outlet for point in points if point.active}
    lacks = []
    if any(not outlet.limits for outlet in outlets):
        lacks.append("limits")
    if not active or any(outlet.code not in active for outlet in outlets):
        lacks.append("points")
    return lacks
