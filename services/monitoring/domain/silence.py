"""Which points have been silent for how long, and when so many of one county are that it is the area's own trouble."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

SHORT_S, HOURS_S, DAY_S = 1_800, 7_200, 86_400
INTERVALS = 3
AREA_SHARE_PCT = 25
AREA_LEAST = 5


class Silence(StrEnum):
    """In order of length; rows of the catalogue."""

    SHORT = "short"
    HOURS = "hours"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Heard:
    """`at_s`: when the point was last heard; `county`: its enterprise's division."""

    mn: str
    at_s: int
    interval_s: int
    county: str


def silent_s(at_s: int, now_s: int, downtimes: Iterable[tuple[int, int]]) -> int:
    """Seconds since `at_s` less those in which the gateway could hear nobody."""
    deaf = sum(max(0, min(end, now_s) - max(start, at_s)) for start, end in downtimes)
    return max(0, now_s - at_s - deaf)


def silence(heard: Heard, now_s: int, downtimes: Sequence[tuple[int, int]]) -> Silence | None:
    """The longest step reached, None while the point may still be on time."""
    passed = silent_s(heard.at_s, now_s, downtimes)
    short = max(INTERVALS * heard.interval_s, SHORT_S)
    if passed < short:
        return None
    if passed >= max(DAY_S, short):
        return Silence.DAY
    return Silence.HOURS if passed >= max(HOURS_S, short) else Silence.SHORT


def areas_out(points: Iterable[Heard], silent: Mapping[str, Silence]) -> dict[str, tuple[int, int]]:
    """Counties of which more than a quarter, and at least five, are silent together → (silent, all)."""
    counts: dict[str, list[int]] = {}
    for point in points:
        count = counts.setdefault(point.county, [0, 0])
        count[0] += point.mn in silent
        count[1] += 1
    return {
        county: (quiet, every)
        for county, (quiet, every) in counts.items()
        if quiet >= AREA_LEAST and quiet * 100 > every * AREA_SHARE_PCT
    }
