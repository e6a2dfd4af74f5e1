"""How long a point has been silent, less the service's own downtime, and when a whole county is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.silence import (
    AREA_LEAST,
    DAY_S,
    HOURS_S,
    SHORT_S,
    Downtime,
    LastSeen,
    Outage,
    Silence,
    areas_out,
    counties_in_question,
    silence,
    silent_s,
)

MINUTE = 60


def seen(interval_s: int = 60, *, at_s: int = 0, mn: str = "A1", county: str = "150102") -> LastSeen:
    return LastSeen(mn, at_s, interval_s, county)


def areas(every: Sequence[LastSeen], quiet: Mapping[str, Silence]) -> dict[str, Outage]:
    silent = [point for point in every if point.mn in quiet]
    counties = Counter(point.county for point in every)
    out = areas_out(silent, counties)
    assert out.keys() <= counties_in_question(silent)
    return out


@pytest.mark.parametrize(
    ("interval_s", "passed_s", "step"),
    [
        (60, 0, None),
        (60, SHORT_S - 1, None),
        (60, SHORT_S, Silence.SHORT),
        (60, HOURS_S - 1, Silence.SHORT),
        (60, HOURS_S, Silence.HOURS),
        (60, DAY_S - 1, Silence.HOURS),
        (60, DAY_S, Silence.DAY),
        (60, 30 * DAY_S, Silence.DAY),
        (600, SHORT_S - 1, None),  # three intervals of ten minutes are half an hour
        (600, SHORT_S, Silence.SHORT),
        (1800, 3 * 1800 - 1, None),  # a slow sender gets three of its intervals
        (1800, 3 * 1800, Silence.SHORT),
        (3600, 3 * 3600 - 1, None),
        (3600, 3 * 3600, Silence.HOURS),  # no short step: two hours are over before three intervals are
        (DAY_S, 3 * DAY_S - 1, None),
        (DAY_S, 3 * DAY_S, Silence.DAY),
    ],
)
def test_the_longest_step_reached(interval_s: int, passed_s: int, step: Silence | None) -> None:
    assert silence(seen(interval_s), passed_s, ()) is step


@pytest.mark.parametrize(
    ("downtimes", "left_s"),
    [
        ([], 100),
        ([Downtime(20, 50)], 70),
        ([Downtime(-50, 20)], 80),  # began before the point was seen
        ([Downtime(80, 500)], 80),  # still goes on
        ([Downtime(-50, 500)], 0),
        ([Downtime(20, 30), Downtime(60, 80)], 70),
        ([Downtime(200, 300)], 100),  # of later
        ([Downtime(-300, -200)], 100),  # of earlier
        ([Downtime(40, 40)], 100),
    ],
)
def test_a_downtime_of_ours_is_no_silence_of_theirs(downtimes: list[Downtime], left_s: int) -> None:
    assert silent_s(0, 100, downtimes) == left_s


def test_a_clock_that_runs_ahead_gives_no_negative_silence() -> None:
    assert silent_s(100, 40, ()) == 0
    assert silence(seen(at_s=10_000), 0, ()) is None


@given(st.integers(10, 7_200), st.integers(0, 5 * DAY_S), st.integers(0, 5 * DAY_S))
def test_longer_silence_never_gives_a_milder_step(interval_s: int, one: int, other: int) -> None:
    order = [None, *Silence]
    low, high = sorted((one, other))
    assert order.index(silence(seen(interval_s), low, ())) <= order.index(silence(seen(interval_s), high, ()))


@given(st.integers(0, DAY_S), st.integers(0, DAY_S), st.integers(0, DAY_S))
def test_a_downtime_never_lengthens_a_silence(now_s: int, begin: int, length: int) -> None:
    down = [Downtime(begin, begin + length)]
    assert 0 <= silent_s(0, now_s, down) <= silent_s(0, now_s, ())


def county(points: int, silent: int, code: str = "150102") -> tuple[list[LastSeen], dict[str, Silence]]:
    every = [seen(mn=f"{code}-{place}", county=code) for place in range(points)]
    return every, {one.mn: Silence.SHORT for one in every[:silent]}


@pytest.mark.parametrize(
    ("points", "silent", "out"),
    [
        (4, 4, False),  # too few to be called an area
        (5, 4, False),
        (5, 5, True),
        (10, 5, True),
        (19, 5, True),  # 26 %
        (20, 5, False),  # a quarter is not more than a quarter
        (20, 6, True),
        (100, 25, False),
        (100, 26, True),
        (0, 0, False),
    ],
)
def test_more_than_a_quarter_and_at_least_five_make_an_outage(points: int, silent: int, out: bool) -> None:
    every, quiet = county(points, silent)
    assert areas(every, quiet) == ({"150102": Outage(silent, points)} if out else {})


def test_one_county_s_outage_says_nothing_of_its_neighbour() -> None:
    here, quiet = county(10, 10)
    there, _ = county(10, 0, "150103")
    assert areas([*here, *there], quiet) == {"150102": Outage(10, 10)}


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 99))
def test_the_order_of_points_does_not_matter(points: int, silent: int, seed: int) -> None:
    every, quiet = county(points, min(points, silent))
    shuffled = Random(seed).sample(every, len(every))
    assert areas(shuffled, quiet) == areas(every, quiet)
    assert all(outage.silent >= AREA_LEAST for outage in areas(every, quiet).values())
