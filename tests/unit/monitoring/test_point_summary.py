"""What is kept of every point says of every moment what the permits say, and alike points share it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.applicable_limits import NO_REGION, Site
from services.monitoring.domain.windows import DAY_S, date_start_s
from shared.register import Enterprise, Limit, Outlet, Permit, PermitVersion, Point

CODE = "91150102MA0N0AAA1B"
LIMIT = Limit("a21026", "hour", Decimal(35), "mg/m3")
days = st.dates(date(2023, 12, 28), date(2024, 1, 6))
outlets = st.builds(
    Outlet,
    st.sampled_from(["DA001", "DA002"]),
    st.just("air"),
    st.none(),
    st.sampled_from([(), ("A1",), ("A2",)]),
    st.sampled_from([(), (LIMIT,)]),
)
versions = st.builds(
    PermitVersion,
    days,
    st.just(date(2023, 1, 1)),
    st.just(date(2028, 1, 1)),
    st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.lists(outlets, max_size=3).map(tuple),
    st.just({}),
)
histories = st.lists(versions, max_size=4).map(lambda found: tuple(sorted(found, key=lambda one: one.effective_from)))
permits = st.lists(histories, max_size=3).map(
    lambda found: tuple(Permit(f"{CODE}{n:03}P", CODE, history) for n, history in enumerate(found, 1))
)


@given(permits, st.sampled_from([None, "DA001", "DA002"]))
def test_a_summary_knows_of_every_moment_whether_a_limit_binds(found: tuple[Permit, ...], outlet: str | None) -> None:
    site = Site(Point("A1", "31", CODE, outlet=outlet), None, found)
    summary = site.summary()
    for day in range(-6, 9):
        for moment in (date_start_s(date(2024, 1, 1)) + day * DAY_S + second for second in (0, 1, DAY_S - 1)):
            limits = site.limits_at(moment)
            assert summary.is_limited(moment) is (limits is not None and bool(limits.bounds))


def test_points_that_are_alike_share_one_summary() -> None:
    enterprise = Enterprise(CODE, "示例热电", "D4411", "150102")
    one, other, late = (
        Site(Point(mn, "31", CODE, interval_s=interval_s), enterprise, ()).summary()
        for mn, interval_s in (("A1", 30), ("A2", 30), ("A3", 60))
    )
    assert one is other
    assert (late.interval_s, late.region, late.period_stamp) == (60, "150102", "start")
    assert Site(Point("A1", "31", CODE), None, ()).summary().region == NO_REGION
