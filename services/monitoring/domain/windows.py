"""Windows as epoch seconds: where an hour or a Shanghai day starts and how long it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from shared.domain.clock import SHANGHAI

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
SHANGHAI_S = 8 * HOUR_S
RECENT_S = 35 * DAY_S  # what is looked for as the newest is looked for in this time first
EARLY_S = 5 * MINUTE_S  # by which a device's clock may be ahead of ours
LENGTH_S = {"instant": 0, "minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S}


class WindowKey(NamedTuple):
    """A window of a point. A tuple, because SQL compares rows with it and the hot path hashes it."""

    mn: str
    averaging: str
    start_s: int


@dataclass(frozen=True, slots=True)
class SpanOfWindows:
    """Windows that start in [low, high]."""

    low_s: int
    high_s: int


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """The first and the last window that there is a verdict of."""

    first_s: int
    last_s: int


def seconds(at: datetime) -> int:
    """Whole epoch seconds, rounded down."""
    return int(at.timestamp() // 1)


def instant(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def hour_start_s(at_s: int) -> int:
    return at_s - at_s % HOUR_S


def day_start_s(at_s: int) -> int:
    """Shanghai midnight before `at_s`."""
    return at_s - (at_s + SHANGHAI_S) % DAY_S


def start_s(at_s: int, period: str) -> int:
    """The start of the window of `period` that holds `at_s`."""
    if period == "hour":
        return hour_start_s(at_s)
    if period == "day":
        return day_start_s(at_s)
    return at_s - at_s % MINUTE_S if period == "minute" else at_s


def end_s(start: int, averaging: str) -> int:
    return start + LENGTH_S[averaging]


def is_unfinished(start: int, averaging: str, now_s: int) -> bool:
    """Whether the window has not ended yet; a device's clock may be early by five minutes."""
    return now_s < end_s(start, averaging) - EARLY_S


def shanghai_date(at_s: int) -> date:
    return datetime.fromtimestamp(at_s, SHANGHAI).date()


def date_start_s(day: date) -> int:
    return seconds(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI))
