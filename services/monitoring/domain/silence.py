"""Which points have been silent for how long, and when so many of one county are that it is the area's own trouble."""

from __future__ import annotations

from collections import Counter
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
class Downtime:
    """A time in which the service could receive nothing, in epoch seconds."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class LastSeen:
    """`at_s`: when the point sent last; `county`: its enterprise's division."""

    mn: str
    at_s: int
    interval_s: int
    county: str


@dataclass(frozen=True, slots=True)
class Outage:
    """How many of a county's points are silent."""

    silent: int
    points: int


def silent_s(at_s: int, now_s: int, downtimes: Iterable[Downtime]) -> int:
    """Seconds since `at_s` less those in which the service could receive nothing."""
    down = sum(max(0, min(one.end_s, now_s) - max(one.start_s, at_s)) for one in downtimes)
    return max(0, now_s - at_s - down)


def silence(seen: LastSeen, now_s: int, downtimes: Sequence[Downtime]) -> Silence | None:
    """The longest step reached, None while the point may still be on time."""
    passed = silent_s(seen.at_s, now_s, downtimes)
    short = max(INTERVALS * seen.interval_s, SHORT_S)
    if passed < short:
        return None
    if passed >= max(DAY_S, short):
        return Silence.DAY
    return Silence.HOURS if passed >= max(HOURS_S, short) else Silence.SHORT


def counties_in_question(silent: Iterable[LastSeen]) -> set[str]:
    """Counties of which enough points are silent that they may be out: how many there are decides."""
    return {county for county, quiet in Counter(point.county for point in silent).items() if quiet >= AREA_LEAST}


def areas_out(silent: Iterable[LastSeen], points: Mapping[str, int]) -> dict[str, Outage]:
    """Counties of which more than a quarter, and at least five, are silent together. `points`: how many points that ever sent
    a county has; one that is not in it is not in question."""
    quiet = Counter(point.county for point in silent)
    return {
        county: Outage(quiet[county], count)
        for county, count in points.items()
        if quiet[county] >= AREA_LEAST and quiet[county] * 100 > count * AREA_SHARE_PCT
    }
