"""A mean near its limit: 80 %, 90 %, and what ends it."""

from __future__ import annotations

import pytest

from services.monitoring.domain.nearing import Nearing, Step, step
from shared.domain.risk import Cleared

NEAR_80, NEAR_90 = Nearing.NEAR_80, Nearing.NEAR_90


@pytest.mark.parametrize(
    ("decided", "closed", "standing", "wanted"),
    [
        (79, True, None, Step()),
        (80, False, None, Step(raised=NEAR_80)),
        (90, True, NEAR_80, Step(raised=NEAR_90)),
        (85, True, NEAR_90, Step(raised=NEAR_90)),
        (100, True, None, Step(raised=NEAR_90)),
        (101, False, None, Step(raised=NEAR_90)),
        (101, True, NEAR_90, Step(cleared=Cleared.EXCEEDED)),
        (101, True, None, Step()),
        (79, True, NEAR_80, Step(cleared=Cleared.COMPLIANT)),
        (10, False, NEAR_80, Step()),
    ],
    ids=[
        "far",
        "at 80 %",
        "at 90 %",
        "never back to 80 %",
        "equal to the limit",
        "a running mean does not exceed",
        "an excess ends it",
        "an excess is none",
        "below 80 % ends it",
        "a running mean ends nothing",
    ],
)
def test_what_a_mean_means(decided: int, closed: bool, standing: Nearing | None, wanted: Step) -> None:
    assert step(decided, 100, closed=closed, standing=standing) == wanted
