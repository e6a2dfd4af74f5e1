"""Points that no permit covers, and what an enterprise lacks to be protected."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.permits.domain.coverage_gap import MISSING, REGISTER_GAP, find_gap, lacking
from services.permits.domain.permit import PermitHistory, Version
from services.permits.domain.point import Registration

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
CODE = "91150102MA0N0AAA1B"


def a_point(outlet: str | None = "DA001", *, active: bool = True) -> Registration:
    return Registration("A110000_0001", CODE, outlet, None, {}, NOW, active=active)


def a_permit(outlets: list[dict[str, Any]] | None, valid_from: date = date(2021, 12, 16)) -> PermitHistory:
    valid_to = valid_from + timedelta(days=1825)
    document = {"valid_from": valid_from.isoformat(), "valid_to": valid_to.isoformat(), "outlets": outlets}
    return PermitHistory(f"{CODE}001P", CODE, (Version(valid_from, NOW, document),), 1)


def an_outlet(code: str = "DA001", mn: str | None = None, limits: list[Any] | None = None) -> dict[str, Any]:
    return {"code": code, "points": [{"mn": mn}] if mn else [], "limits": limits}


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
    assert (before.kind, before.look_again) == (MISSING, date(2026, 12, 1))
    assert find_gap(a_point(), coming, register_complete=True, today=date(2026, 12, 1)).kind is None


@pytest.mark.parametrize(
    ("permits", "points", "lacks"),
    [
        ([], [], ("permit", "points")),
        ([], [a_point()], ("permit",)),
        ([a_permit(None)], [a_point()], ("outlets",)),
        ([a_permit([an_outlet(limits=[1])])], [a_point()], ()),
        ([a_permit([an_outlet()])], [a_point()], ("limits",)),
        ([a_permit([an_outlet(limits=[1])])], [], ("points",)),
        ([a_permit([an_outlet(limits=[1])])], [a_point("DA009")], ("points", "covered_points")),
        ([a_permit([an_outlet(limits=[1])], date(2015, 1, 1))], [a_point()], ("valid_permit",)),
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
