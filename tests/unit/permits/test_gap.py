"""Points that no permit covers, and what an enterprise lacks to be protected."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.permits.domain.coverage_gap import MISSING, REGISTER_GAP, CoverageGap, evaluate_gap, find_gap, lacking
from services.permits.domain.permit import PermitHistory, Version
from services.permits.domain.permit_document import OutletPoint, PermitDocument, PermitLimit, PermitOutlet
from services.permits.domain.point import PointSettings, Registration
from shared.domain.risk import Cleared

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
CODE = "91150102MA0N0AAA1B"


def a_point(outlet: str | None = "DA001", *, active: bool = True) -> Registration:
    return Registration("A110000_0001", CODE, outlet, None, PointSettings(system="31"), NOW, active=active)


def a_permit(outlets: list[PermitOutlet] | None, valid_from: date = date(2021, 12, 16)) -> PermitHistory:
    valid_to = valid_from + timedelta(days=1825)
    document = PermitDocument(
        number=f"{CODE}001P",
        credit_code=CODE,
        valid_from=valid_from,
        valid_to=valid_to,
        outlets=None if outlets is None else tuple(outlets),
    )
    return PermitHistory(document.number, CODE, (Version(valid_from, NOW, document),), 1)


def an_outlet(code: str = "DA001", mn: str | None = None, *, limited: bool = False) -> PermitOutlet:
    limit = PermitLimit(factor="a21026", averaging="hour", limit="35", unit="mg/m3")
    points = (OutletPoint(mn=mn, system="31"),) if mn else ()
    return PermitOutlet(code=code, points=points, limits=(limit,) if limited else None)


@pytest.mark.parametrize(
    ("point", "permits", "complete", "kind"),
    [
        (a_point(), [], True, MISSING),
        (a_point(), [], False, REGISTER_GAP),
        (a_point(), [a_permit([an_outlet("DA002")])], True, MISSING),
        (a_point(), [a_permit([an_outlet("DA001")])], True, None),
        (a_point("DA009"), [a_permit([an_outlet("DA002", "A110000_0001")])], True, None),
        (a_point(), [a_permit(None)], True, None),
        (a_point(None), [a_permit([an_outlet("DA002")])], True, REGISTER_GAP),
        (a_point(), [a_permit([an_outlet()], date(2015, 1, 1))], True, None),
        (a_point(active=False), [], True, None),
    ],
    ids=[
        "no permit, register complete",
        "no permit, register not complete",
        "a permit for another outlet only",
        "its outlet is in a permit",
        "the point itself is in a permit",
        "a permit whose outlets nobody has reported accuses nobody",
        "a point without outlet is our gap, not the enterprise's",
        "a permit that ran out did cover it once",
        "a point out of service",
    ],
)
def test_a_point_without_permit(
    point: Registration, permits: list[PermitHistory], complete: bool, kind: str | None
) -> None:
    assert find_gap(point, permits, register_complete=complete, today=TODAY).kind == kind


def test_a_permit_that_begins_later_covers_from_its_first_day() -> None:
    coming = [a_permit([an_outlet()], date(2026, 12, 1))]
    before = find_gap(a_point(), coming, register_complete=True, today=date(2026, 11, 30))
    assert (before.kind, before.next_check_on) == (MISSING, date(2026, 12, 1))
    assert find_gap(a_point(), coming, register_complete=True, today=date(2026, 12, 1)).kind is None


@pytest.mark.parametrize(
    ("permits", "points", "lacks"),
    [
        ([], [], ("permit", "points")),
        ([], [a_point()], ("permit",)),
        ([a_permit(None)], [a_point()], ("outlets",)),
        ([a_permit([an_outlet(limited=True)])], [a_point()], ()),
        ([a_permit([an_outlet()])], [a_point()], ("limits",)),
        ([a_permit([an_outlet(limited=True)])], [], ("points",)),
        ([a_permit([an_outlet(limited=True)])], [a_point("DA009")], ("points", "covered_points")),
        ([a_permit([an_outlet(limited=True)], date(2015, 1, 1))], [a_point()], ("valid_permit",)),
    ],
    ids=[
        "nothing",
        "no permit",
        "a row of the official list",
        "protected",
        "no limits",
        "no points",
        "a point elsewhere",
        "expired",
    ],
)
def test_what_an_enterprise_lacks(
    permits: list[PermitHistory], points: list[Registration], lacks: tuple[str, ...]
) -> None:
    assert lacking(permits, points, TODAY) == lacks


def test_a_gap_is_published_once_and_cleared_when_a_permit_covers_the_point() -> None:
    found = evaluate_gap({}, CoverageGap(MISSING), active=True, now=NOW)
    assert [(one.kind, one.risk.revision, one.cleared) for one in found.changes] == [(MISSING, 1, None)]
    assert evaluate_gap(found.published, CoverageGap(MISSING), active=True, now=NOW).changes == ()
    covered = evaluate_gap(found.published, CoverageGap(None), active=True, now=NOW)
    assert [(one.risk.revision, one.cleared) for one in covered.changes] == [(2, Cleared.COVERED)]


def test_a_gap_that_becomes_the_enterprises_ends_ours_as_corrected() -> None:
    ours = evaluate_gap({}, CoverageGap(REGISTER_GAP), active=True, now=NOW)
    theirs = evaluate_gap(ours.published, CoverageGap(MISSING), active=True, now=NOW)
    assert {(one.kind, one.cleared) for one in theirs.changes} == {(MISSING, None), (REGISTER_GAP, Cleared.TAKEN_BACK)}


def test_a_gap_that_comes_back_is_the_same_risk_with_its_next_revision() -> None:
    open_gap = evaluate_gap({}, CoverageGap(MISSING), active=True, now=NOW)
    closed = evaluate_gap(open_gap.published, CoverageGap(None), active=False, now=NOW)
    assert closed.changes[0].cleared is Cleared.UNREGISTERED
    again = evaluate_gap(closed.published, CoverageGap(MISSING), active=True, now=NOW + timedelta(days=1))
    assert [(one.risk.revision, one.risk.opened_at) for one in again.changes] == [(3, NOW + timedelta(days=1))]
