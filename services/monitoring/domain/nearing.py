"""Whether a mean comes near its limit: 80 % and 90 %, of a running or a closed window; an excess ends it.

It closes at the next closed window below 80 %. Windows seen long after they closed never raise it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.risk import Cleared


class Nearing(StrEnum):
    NEAR_80 = "near_80"
    NEAR_90 = "near_90"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with the nearing of one outlet, factor and averaging: raise it to a condition, or clear it."""

    raised: Nearing | None = None
    cleared: Cleared | None = None


STAY = Step()


def step(decided_micro: int, limit_micro: int, *, closed: bool, standing: Nearing | None) -> Step:
    """`closed`: the window has ended; a running mean neither exceeds nor clears."""
    if closed and decided_micro > limit_micro:
        return Step(cleared=Cleared.EXCEEDED) if standing else STAY
    if decided_micro * 10 >= limit_micro * 8:
        near = Nearing.NEAR_90 if decided_micro * 10 >= limit_micro * 9 else Nearing.NEAR_80
        return Step(raised=near if standing is None else max(near, standing))
    return Step(cleared=Cleared.COMPLIANT) if closed and standing else STAY
