"""A mean near its limit: 80 %, 90 %, which run stands, and what ends it."""

from __future__ import annotations

import pytest

from services.monitoring.domain.nearing import Near, Nearness, Seen, ended_by, latest_run, nearness
from shared.domain.risk import Cleared

FAR, NEAR_80, NEAR_90, OVER = Nearness


@pytest.mark.parametrize(
    ("decided", "closed", "wanted"),
    [
        (79, True, FAR),
        (80, False, NEAR_80),
        (89, True, NEAR_80),
        (90, True, NEAR_90),
        (100, True, NEAR_90),
        (101, True, OVER),
        (101, False, NEAR_90),
    ],
    ids=["far", "at 80 %", "under 90 %", "at 90 %", "equal to the limit", "over", "a running mean does not exceed"],
)
def test_how_near_a_mean_is(decided: int, closed: bool, wanted: Nearness) -> None:
    assert nearness(decided, 100, closed=closed) is wanted


def test_nothing_comes_near_a_limit_of_zero() -> None:
    assert nearness(0, 0) is FAR and nearness(1, 0) is OVER


def seen(*windows: Nearness) -> list[Seen]:
    """Hours 0, 1, 2 …, given newest first as the store does."""
    return [Seen(start, window) for start, window in enumerate(windows)][::-1]


@pytest.mark.parametrize(
    ("windows", "wanted"),
    [
        ((), None),
        ((FAR, NEAR_80), Near(1, 1, NEAR_80)),
        ((NEAR_90, NEAR_80), Near(0, 1, NEAR_90)),
        ((NEAR_90, OVER, NEAR_80), Near(2, 2, NEAR_80)),
        ((NEAR_90, FAR), None),
        ((NEAR_90, OVER), None),
    ],
    ids=["nothing", "one", "never back to 80 %", "an excess parts", "ended", "passed"],
)
def test_the_newest_windows_say_which_run_stands(windows: tuple[Nearness, ...], wanted: Near | None) -> None:
    assert latest_run(seen(*windows)) == wanted


def test_a_running_mean_raises_and_ends_nothing() -> None:
    assert latest_run(seen(FAR), Seen(1, NEAR_90)) == Near(1, 1, NEAR_90)
    assert latest_run(seen(NEAR_80), Seen(1, NEAR_90)) == Near(0, 1, NEAR_90)
    assert latest_run(seen(NEAR_80, FAR), Seen(1, NEAR_90)) is None  # it has closed in the meantime


@pytest.mark.parametrize(
    ("windows", "wanted"),
    [
        ((NEAR_80, OVER, FAR), Cleared.EXCEEDED),
        ((NEAR_80, FAR, OVER), Cleared.COMPLIANT),
        ((FAR,), Cleared.COMPLIANT),
        ((), Cleared.TAKEN_BACK),
    ],
    ids=["passed first", "compliant first", "corrected", "no longer valid"],
)
def test_the_first_window_after_it_says_what_ended_it(windows: tuple[Nearness, ...], wanted: Cleared) -> None:
    assert ended_by(seen(*windows), 0) is wanted
