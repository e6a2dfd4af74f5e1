"""Which points a permit covers, which kind of gap an uncovered one is, and what an enterprise lacks; permits at month's end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.permits.domain.coverage_gap import (
    KINDS,
    MISSING,
    REGISTER_GAP,
    CoverageGap,
    PublishedGap,
    covers,
    evaluate_gap,
    find_gap,
    lacking,
)
from services.permits.domain.permit import PermitHistory, Version
from services.permits.domain.permit_document import OutletPoint, PermitDocument, PermitLimit, PermitOutlet
from services.permits.domain.point import GivenSettings, PointSettings, PointWish, Position, Registration, register
from shared.domain.risk import Cleared

CODE, MN = "91150102MA0N0AAA1B", "A110000_0001"
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LIMIT = PermitLimit(factor="a21026", averaging="hour", limit="35", unit="mg/m3")


def a_point(outlet: str | None = "DA001", *, mn: str = MN, active: bool = True) -> Registration:
    return Registration(mn, CODE, outlet, None, PointSettings(system="31"), NOW, active=active)


def a_version(
    *outlets: PermitOutlet, reported: bool = True, valid_from: str = "2024-01-01", valid_to: str = "2028-12-31"
) -> Version:
    document = PermitDocument(
        number=f"{CODE}001P",
        credit_code=CODE,
        valid_from=date.fromisoformat(valid_from),
        valid_to=date.fromisoformat(valid_to),
        outlets=outlets if reported else None,
    )
    return Version(document.valid_from, NOW, document)


def a_permit(*versions: Version) -> PermitHistory:
    return PermitHistory(f"{CODE}001P", CODE, versions, len(versions))


def an_outlet(code: str = "DA001", *mns: str, limited: bool = True) -> PermitOutlet:
    points = tuple(OutletPoint(mn=mn, system="31") for mn in mns)
    return PermitOutlet(code=code, points=points, limits=(LIMIT,) if limited else ())


@pytest.mark.parametrize(
    ("version", "point", "covered"),
    [
        (a_version(an_outlet("DA001")), a_point("DA001"), True),
        (a_version(an_outlet("DA001")), a_point("DA002"), False),
        (a_version(an_outlet("DA002", MN)), a_point("DA001"), True),  # the permit names the point itself
        (a_version(an_outlet("DA002", MN)), a_point(None), True),
        (a_version(an_outlet("DA001")), a_point(None), False),
        (a_version(), a_point("DA001"), False),  # there is no outlet
        (a_version(reported=False), a_point("DA001"), True),  # nobody has reported any: that accuses nobody
        (a_version(reported=False), a_point(None), True),
    ],
)
def test_a_permit_covers_what_it_names(version: Version, point: Registration, covered: bool) -> None:
    assert covers(version, point) is covered


@pytest.mark.parametrize(
    ("permits", "point", "complete", "gap"),
    [
        ([], a_point(), True, CoverageGap(MISSING)),
        ([], a_point(), False, CoverageGap(REGISTER_GAP)),  # the permit may be there and not yet registered
        ([], a_point(None), True, CoverageGap(MISSING)),
        ([], a_point(active=False), True, CoverageGap(None)),
        ([a_permit(a_version(an_outlet("DA002")))], a_point("DA001"), True, CoverageGap(MISSING)),
        ([a_permit(a_version(an_outlet("DA002")))], a_point(None), True, CoverageGap(REGISTER_GAP)),  # at which outlet?
        ([a_permit(a_version(an_outlet("DA001")))], a_point("DA001"), True, CoverageGap(None)),
        ([a_permit(a_version(an_outlet("DA001"), valid_to="2025-12-31"))], a_point(), True, CoverageGap(None)),
        (
            [a_permit(a_version(an_outlet("DA001"), valid_from="2026-11-21"))],
            a_point(),
            True,
            CoverageGap(MISSING, date(2026, 11, 21)),
        ),
        ([a_permit(a_version(an_outlet("DA001"), valid_from="2026-11-20"))], a_point(), True, CoverageGap(None)),
    ],
    ids=[
        "no permit",
        "no permit, and the register is not complete",
        "no permit and no outlet",
        "out of service",
        "another outlet",
        "an outlet that nobody named",
        "covered",
        "covered until it expired: that is the renewal's matter",
        "a permit that begins tomorrow",
        "a permit that begins today",
    ],
)
def test_which_gap_a_point_is(
    permits: list[PermitHistory], point: Registration, complete: bool, gap: CoverageGap
) -> None:
    assert find_gap(point, permits, register_complete=complete, today=TODAY) == gap


gaps = st.sampled_from([CoverageGap(None), CoverageGap(MISSING), CoverageGap(REGISTER_GAP)])


@given(st.lists(gaps, max_size=8))
def test_whatever_happens_at_most_one_of_the_two_is_open_and_revisions_only_grow(found: list[CoverageGap]) -> None:
    published: dict[str, PublishedGap] = {}
    seen = dict.fromkeys(KINDS, 0)
    for gap in found:
        evaluation = evaluate_gap(published, gap, active=True, now=NOW)
        for change in evaluation.changes:
            assert change.risk.revision == seen[change.kind] + 1
            seen[change.kind] = change.risk.revision
        published = dict(evaluation.published)
        assert {kind for kind, risk in published.items() if risk.open} == ({gap.kind} if gap.kind else set())


@given(gaps, st.booleans())
def test_evaluating_twice_publishes_nothing_twice(gap: CoverageGap, active: bool) -> None:
    once = evaluate_gap({}, gap, active=active, now=NOW)
    assert evaluate_gap(once.published, gap, active=active, now=LATER).changes == ()


@pytest.mark.parametrize(
    ("gap", "active", "why"),
    [
        (CoverageGap(None), True, Cleared.COVERED),
        (CoverageGap(None), False, Cleared.UNREGISTERED),
        (CoverageGap(REGISTER_GAP), True, Cleared.TAKEN_BACK),
    ],
)
def test_why_a_gap_ended(gap: CoverageGap, active: bool, why: Cleared) -> None:
    opened = evaluate_gap({}, CoverageGap(MISSING), active=True, now=NOW)
    ended = evaluate_gap(opened.published, gap, active=active, now=LATER)
    assert [change.cleared for change in ended.changes if change.kind == MISSING] == [why]


@pytest.mark.parametrize(
    ("permits", "points", "lacks"),
    [
        ([], [], ("permit", "points")),
        ([], [a_point()], ("permit",)),
        ([], [a_point(active=False)], ("permit", "points")),
        ([a_permit(a_version(an_outlet()))], [a_point()], ()),
        ([a_permit(a_version(an_outlet()))], [], ("points",)),
        ([a_permit(a_version(an_outlet()))], [a_point(active=False)], ("points",)),
        ([a_permit(a_version(an_outlet(limited=False)))], [a_point()], ("limits",)),
        ([a_permit(a_version(an_outlet(), an_outlet("DA002")))], [a_point()], ("points",)),
        ([a_permit(a_version(an_outlet()))], [a_point(), a_point("DA009", mn="A2")], ("covered_points",)),
        ([a_permit(a_version(reported=False))], [a_point()], ("outlets",)),
        ([a_permit(a_version(an_outlet(), valid_to="2026-11-19"))], [a_point()], ("valid_permit",)),
        ([a_permit(a_version(an_outlet(), valid_to="2026-11-20"))], [a_point()], ()),  # its last day
        ([a_permit(a_version(an_outlet(), valid_from="2026-11-21"))], [a_point()], ("valid_permit",)),
        ([a_permit(a_version(an_outlet(), valid_from="2026-11-20"))], [a_point()], ()),  # its first
    ],
)
def test_what_an_enterprise_lacks_to_be_warned(
    permits: list[PermitHistory], points: list[Registration], lacks: tuple[str, ...]
) -> None:
    assert lacking(permits, points, TODAY) == lacks


SETTINGS = PointSettings(system="31", strict=True, interval_s=300, units={"a21026": "ug/m3"}, period_stamp="end")


@pytest.mark.parametrize(
    ("given_settings", "expected"),
    [
        (GivenSettings(system="31"), SETTINGS),
        (GivenSettings(system="32"), replace(SETTINGS, system="32")),
        (GivenSettings(system="31", strict=False), replace(SETTINGS, strict=False)),
        (GivenSettings(system="31", interval_s=60), replace(SETTINGS, interval_s=60)),
        (GivenSettings(system="31", units={}), replace(SETTINGS, units={})),
        (GivenSettings(system="31", dialect="modbus"), replace(SETTINGS, dialect="modbus")),
        (GivenSettings(system="31", period_stamp="start"), replace(SETTINGS, period_stamp="start")),
    ],
)
def test_what_a_later_registration_does_not_give_stays(given_settings: GivenSettings, expected: PointSettings) -> None:
    assert given_settings.over(SETTINGS) == expected


def test_registered_afresh_a_point_has_the_defaults_again() -> None:
    former = replace(a_point(), settings=SETTINGS, password="secret")
    place = Position("DA001", None)
    wish = PointWish(MN, GivenSettings(system="31"))
    again = register(former, wish, credit_code=CODE, position=place, now=LATER, afresh=True)
    assert again.settings == PointSettings(system="31") and again.password == "secret"
    assert register(former, wish, credit_code=CODE, position=place, now=LATER) == former


@pytest.mark.parametrize(
    ("wish", "password"),
    [
        (PointWish(MN, GivenSettings(system="31")), "secret"),
        (PointWish(MN, GivenSettings(system="31"), password_given=True, password="new"), "new"),
        (PointWish(MN, GivenSettings(system="31"), password_given=True, password=None), None),
    ],
    ids=["not given: it stays", "another", "null: it is not checked any more"],
)
def test_a_password_changes_only_when_one_is_given(wish: PointWish, password: str | None) -> None:
    former = replace(a_point(), password="secret")
    after = register(former, wish, credit_code=CODE, position=Position("DA001", None), now=LATER)
    assert after.password == password
    assert password is None or password not in repr(after)


def test_a_point_that_was_out_of_service_counts_from_now() -> None:
    wish, place = PointWish(MN, GivenSettings(system="31")), Position("DA001", None)
    back = register(a_point(active=False), wish, credit_code=CODE, position=place, now=LATER)
    assert (back.active, back.registered_at) == (True, LATER)
    assert register(a_point(), wish, credit_code=CODE, position=place, now=LATER).registered_at == NOW
