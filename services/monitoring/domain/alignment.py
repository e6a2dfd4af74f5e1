"""Which window a packet's DataTime names: the start of its minute, hour or Shanghai day, and nothing that is only near it.

HJ 212-2017 table 4: DataTime of statistics is the start of their period. A second too early or late is a logger's
rounding and is mended; anything else is not guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.monitoring.domain.windows import end_s, instant, seconds, start_s
from shared.domain.clock import SHANGHAI

MENDED = timedelta(seconds=1)  # at most so far from the start
_NAMES = {"minute": "a minute", "hour": "an hour", "day": "a day"}


@dataclass(frozen=True, slots=True)
class Alignment:
    """The window that is meant. `mended`: DataTime was up to a second beside its start."""

    start_s: int
    mended: bool


def aligned(at: datetime, period: str) -> Alignment | None:
    """The window of `period` that begins at `at`; None when none does. An instantaneous value may stand anywhere."""
    at_s = seconds(at)
    if period not in _NAMES:
        return Alignment(at_s, mended=False)
    start = start_s(at_s, period)
    if at_s == start and not at.microsecond:
        return Alignment(start, mended=False)
    for candidate in (start, end_s(start, period)):
        distance = abs(at - instant(candidate))
        if distance <= MENDED:
            return Alignment(candidate, mended=bool(distance))
    return None


def expected_starts(at: datetime, period: str) -> str:
    """What DataTime could have been, for whoever must mend it: the starts before and after, in Shanghai time."""
    start = start_s(seconds(at), period)
    shown = (f"{instant(one).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" for one in (start, end_s(start, period)))
    return f"the start of {_NAMES[period]}, {' or '.join(shown)} expected"
