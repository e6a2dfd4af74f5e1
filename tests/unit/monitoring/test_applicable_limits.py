"""Which permit governs a point on a day, and of several limits of one factor the strictest, whatever its unit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from services.monitoring.domain.applicable_limits import LimitKey, Site, strictest_limits
from services.monitoring.domain.windows import DAY_S, date_start_s
from shared.register import Limit, Outlet, Permit, PermitVersion, Point

CODE = "91150102MA0N0AAA1B"
SO2 = LimitKey("a21026", "hour")


def limit(value: str, unit: str = "mg/m3", averaging: str = "hour", factor: str = "a21026") -> Limit:
    return Limit(factor, averaging, Decimal(value), unit)


def version(since: str, *outlets: Outlet, recorded: int = 1) -> PermitVersion:
    recorded_at = datetime(2026, 1, recorded, tzinfo=UTC)
    return PermitVersion(date.fromisoformat(since), date(2024, 1, 1), date(2028, 12, 31), recorded_at, outlets, {})


def outlet(*limits: Limit, code: str = "DA001", points: Sequence[str] = ("A1",)) -> Outlet:
    return Outlet(code, "air", "烟囱", tuple(points), limits)


def permit(*versions: PermitVersion, serial: str = "001P") -> Permit:
    return Permit(f"{CODE}{serial}", CODE, versions)


def site(*permits: Permit, listed_outlet: str | None = None) -> Site:
    return Site(Point("A1", "31", CODE, outlet=listed_outlet, units={}), None, permits)


def on(day: str) -> int:
    return date_start_s(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("limits", "strictest"),
    [
        (["100"], "100"),
        (["100", "35"], "35"),
        (["50", "35", "100"], "35"),
        (["35", "35"], "35"),
        (["0.5", "0.35"], "0.35"),
    ],
)
def test_of_several_limits_the_strictest_binds_in_whatever_order(limits: list[str], strictest: str) -> None:
    """Permit, local and national standards may all limit one factor."""
    for order in permutations(limits):
        assert strictest_limits([limit(one) for one in order])[SO2].limit == Decimal(strictest)


@pytest.mark.parametrize(
    ("one", "other", "strictest"),
    [
        (limit("35"), limit("30000", "ug/m3"), limit("30000", "ug/m3")),
        (limit("35"), limit("40000", "ug/m3"), limit("35")),
        (limit("0.05", "g/m3"), limit("35"), limit("35")),
        (limit("0.05", "mg/L", factor="w20111"), limit("1", "ug/L", factor="w20111"),
         limit("1", "ug/L", factor="w20111")),  # mercury: standards in mg/L, devices and permits in µg/L
    ],
)  # fmt: skip
def test_limits_in_different_units_are_compared_by_what_they_mean(one: Limit, other: Limit, strictest: Limit) -> None:
    for order in ([one, other], [other, one]):
        assert list(strictest_limits(order).values()) == [strictest]


def test_an_hour_s_limit_and_a_day_s_both_bind() -> None:
    found = strictest_limits([limit("100"), limit("50", averaging="day"), limit("80")])
    assert {key.averaging: one.limit for key, one in found.items()} == {"hour": Decimal(80), "day": Decimal(50)}


@pytest.mark.parametrize(
    ("day", "value"),
    [
        ("2023-12-31", None),  # no permit yet
        ("2024-01-01", "100"),
        ("2026-06-30", "100"),
        ("2026-07-01", "35"),  # the changed permit governs from its day on
        ("2028-12-31", "35"),
        ("2029-01-01", "35"),  # expired: its limits go on binding whoever still discharges
    ],
)
def test_each_day_has_the_version_of_that_day(day: str, value: str | None) -> None:
    versions = version("2024-01-01", outlet(limit("100"))), version("2026-07-01", outlet(limit("35")))
    found = site(permit(*versions)).limits_at(on(day))
    assert (None if found is None else str(found.bounds[SO2].limit)) == value


def test_a_version_changes_at_shanghai_midnight() -> None:
    place = site(permit(version("2024-01-01", outlet(limit("100"))), version("2026-07-01", outlet(limit("35")))))
    before, after = place.limits_at(on("2026-07-01") - 1), place.limits_at(on("2026-07-01"))
    assert before is not None and after is not None
    assert (before.bounds[SO2].limit, after.bounds[SO2].limit) == (100, 35)
    assert place.limits_at(on("2026-07-01") + DAY_S - 1) is after  # one day, one answer


def test_a_permit_that_lists_the_point_goes_before_one_that_only_has_its_outlet() -> None:
    by_outlet = permit(version("2024-01-01", outlet(limit("100"), points=())))
    listing = permit(version("2024-01-01", outlet(limit("35"))), serial="002P")
    for permits in ((by_outlet, listing), (listing, by_outlet)):
        found = site(*permits, listed_outlet="DA001").limits_at(on("2026-11-20"))
        assert found is not None and found.permit == f"{CODE}002P"


def test_without_a_listing_the_outlet_of_the_register_decides() -> None:
    unlisted = permit(
        version("2024-01-01", outlet(limit("100"), points=()), outlet(limit("7"), code="DA002", points=()))
    )
    assert site(unlisted).limits_at(on("2026-11-20")) is None
    found = site(unlisted, listed_outlet="DA002").limits_at(on("2026-11-20"))
    assert found is not None and (found.outlet, found.bounds[SO2].limit) == ("DA002", 7)
    assert site(unlisted, listed_outlet="DA009").limits_at(on("2026-11-20")) is None


def test_all_points_of_the_outlet_are_siblings() -> None:
    place = site(permit(version("2024-01-01", outlet(limit("100"), points=("A3", "A1", "A2")))))
    found = place.limits_at(on("2026-11-20"))
    assert found is not None and found.siblings == ("A1", "A2", "A3")


@pytest.mark.parametrize(
    ("factor", "units", "limit_unit", "sent"),
    [
        ("a21026", {}, "mg/m3", "mg/m3"),
        ("a21026", {"a21026": "ug/m3"}, "mg/m3", "ug/m3"),  # the point's own unit
        ("w20111", {}, "mg/L", "ug/L"),  # the standard's default: mercury in µg/L
        ("w20119", {}, "mg/L", "ug/L"),  # arsenic
        ("a21001", {}, "mg/m3", "ng/m3"),  # ammonia
        ("w01018", {}, "mg/L", "mg/L"),
        ("x99999", {}, "mg/L", "mg/L"),  # no table knows it: in the limit's
    ],
)
def test_the_unit_sent_is_the_point_s_then_the_standard_s(
    factor: str, units: dict[str, str], limit_unit: str, sent: str
) -> None:
    bound_by = permit(version("2024-01-01", outlet(limit("1", limit_unit, factor=factor))))
    found = Site(Point("A1", "31", CODE, units=units), None, (bound_by,)).limits_at(on("2026-11-20"))
    assert found is not None and found.bounds[LimitKey(factor, "hour")].device_unit == sent


def test_limits_of_one_averaging_are_listed() -> None:
    listed = outlet(limit("100"), limit("50", averaging="day"), limit("30", factor="a34013"))
    found = site(permit(version("2024-01-01", listed))).limits_at(on("2026-11-20"))
    assert found is not None
    assert sorted(found.of("hour")) == ["a21026", "a34013"]
    assert list(found.of("day")) == ["a21026"]


def test_of_two_versions_of_one_day_the_later_recorded_stands() -> None:
    first = version("2026-07-01", outlet(limit("100")), recorded=1)
    corrected = version("2026-07-01", outlet(limit("35")), recorded=2)
    found = site(permit(first, corrected)).limits_at(on("2026-07-01"))
    assert found is not None and found.bounds[SO2].limit == 35
