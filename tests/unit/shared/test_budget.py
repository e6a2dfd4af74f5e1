"""A bucket begins full, is emptied call by call, fills at its pace and never beyond; a refused call costs nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.budget import Bucket, Budget, left, take

BUDGET = Budget(per_s=2, burst=3)


def granted(times_s: list[float], budget: Budget = BUDGET) -> list[bool]:
    """Which of the calls at these times are granted."""
    bucket, found = None, []
    for now_s in times_s:
        grant = take(bucket, budget, now_s)
        bucket = grant.bucket
        found.append(grant.wait_s == 0)
    return found


def test_a_burst_is_granted_and_the_next_call_waits_for_its_share() -> None:
    assert granted([10.0] * 5) == [True, True, True, False, False]
    empty = Bucket(0.0, 10.0)
    assert take(empty, BUDGET, 10.0).wait_s == pytest.approx(0.5)  # one call at 2 a second
    assert take(empty, BUDGET, 10.25).wait_s == pytest.approx(0.25)
    assert take(empty, BUDGET, 10.5).wait_s == 0


def test_a_refused_call_costs_nothing() -> None:
    assert granted([0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5]) == [True] * 3 + [False] * 4 + [True]


def test_an_idle_bucket_is_full_and_never_more() -> None:
    assert left(Bucket(0.0, 0.0), BUDGET, 1.5) == left(Bucket(3.0, 0.0), BUDGET, 1e9) == 3.0
    assert granted([0] * 3 + [1e6] * 4) == [True] * 6 + [False]


@given(st.lists(st.floats(0, 60), min_size=1, max_size=200).map(sorted), st.integers(1, 50), st.integers(1, 50))
def test_no_span_of_time_gets_more_than_its_share(times_s: list[float], per_s: int, burst: int) -> None:
    budget = Budget(per_s, burst)
    taken = [at for at, was in zip(times_s, granted(times_s, budget), strict=True) if was]
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - begin) * per_s + 1e-3


@given(st.floats(0, 0.999), st.floats(0, 1e6), st.integers(1, 1_000_000))
def test_who_waits_as_long_as_named_is_granted(there: float, now_s: float, per_s: int) -> None:
    budget = Budget(per_s, 10)
    refused = take(Bucket(there, now_s), budget, now_s)
    assert refused.wait_s > 0
    assert take(refused.bucket, budget, now_s + refused.wait_s + 1e-6).wait_s == 0
