"""Whether a mean comes near its limit: from 80 % and from 90 % on, of a running or a closed window; an excess ends it.

Windows are truth: what the newest closed windows say counts, whatever the order in which they came. The newest run
reaches back from the newest valid window to the last one that was far or over; its gravest window is its condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.risk import Cleared

HOURS_OF_A_RUNNING_DAY = 6  # deciding hours before a day's mean so far speaks


class Nearness(StrEnum):
    """How a mean stands to its limit; `near_80` and `near_90` are rows of the catalogue, in order of gravity."""

    FAR = "far"
    NEAR_80 = "near_80"
    NEAR_90 = "near_90"
    OVER = "over"

    @property
    def near(self) -> bool:
        return self is Nearness.NEAR_80 or self is Nearness.NEAR_90


GRAVITY = {nearness: place for place, nearness in enumerate(Nearness)}


@dataclass(frozen=True, slots=True)
class Seen:
    """One window of an outlet, factor and averaging, by the worst of its points."""

    start: int
    nearness: Nearness


@dataclass(frozen=True, slots=True)
class Near:
    """The newest run: first and last near window, and the gravest of them."""

    first: int
    last: int
    condition: Nearness


def nearness(decided_micro: int, limit_micro: int, *, closed: bool = True) -> Nearness:
    """`closed`: the window has ended; a running mean does not exceed yet. A limit of zero is met or passed, not neared."""
    if decided_micro > limit_micro and closed:
        return Nearness.OVER
    if limit_micro <= 0 or decided_micro * 10 < limit_micro * 8:
        return Nearness.FAR
    return Nearness.NEAR_90 if decided_micro * 10 >= limit_micro * 9 else Nearness.NEAR_80


def latest_run(closed: Sequence[Seen], running: Seen | None = None) -> Near | None:
    """The run that the windows (newest first) end in, None when the newest is not near. `running`: near, not yet closed."""
    head = [running] if running and (not closed or closed[0].start < running.start) else []
    run: list[Seen] = []
    for window in (*head, *closed):
        if not window.nearness.near:
            break
        run.append(window)
    if not run:
        return None
    return Near(run[-1].start, run[0].start, max((seen.nearness for seen in run), key=GRAVITY.__getitem__))


def ended_by(closed: Sequence[Seen], last: int) -> Cleared:
    """What ended the run whose last near window was `last`: the first window from there on that is not near."""
    for window in reversed(closed):
        if window.start >= last and not window.nearness.near:
            return Cleared.EXCEEDED if window.nearness is Nearness.OVER else Cleared.COMPLIANT
    return Cleared.TAKEN_BACK
