"""Runs of exceeding windows of one outlet, factor and averaging: where an excess begins and ends, and how grave it is.

Several points of an outlet: the worst decided value decides the window. A run closes at the first valid compliant
window; windows without a verdict (missing ones too) neither extend nor close it, 24 of them in a row close it as unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from services.monitoring.domain.verdict import Status
from services.monitoring.domain.windows import DAY_S, LENGTH_S
from shared.domain.risk import Cleared

UNKNOWN_AFTER = 24  # windows without a verdict
STARTS_WITHIN_S = 7 * DAY_S
STARTS = 3
DAYS_OVER_WITHIN_S = 30 * DAY_S


class Condition(StrEnum):
    """In order of gravity; rows of the catalogue."""

    FIRST = "first"
    LASTING = "lasting"
    GRAVE = "grave"
    REPEATED = "repeated"


GRAVITY = {condition: place for place, condition in enumerate(Condition)}


@dataclass(frozen=True, slots=True)
class Decided:
    """One decided window. `multiple` only for an excess; `seen_s`: when it was first seen."""

    start: int
    status: Status
    multiple: Fraction | None = None
    seen_s: int = 0
    historical: bool = False
    mn: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Exceeding windows that belong together, in order; `closed_at_s` is when it ended, None while it lasts."""

    averaging: str
    windows: tuple[Decided, ...]
    closed: Cleared | None = None
    closed_at_s: int | None = None

    @property
    def start(self) -> int:
        return self.windows[0].start

    @property
    def last(self) -> int:
        return self.windows[-1].start

    @property
    def end_s(self) -> int:
        return self.last + LENGTH_S[self.averaging]

    @property
    def worst(self) -> Decided:
        return max(self.windows, key=lambda window: (window.multiple or Fraction(0), -window.start))

    @property
    def first_seen(self) -> Decided:
        """The window by which it became known."""
        return min(self.windows, key=lambda window: (window.seen_s, window.start))

    @property
    def historical(self) -> bool:
        return all(window.historical for window in self.windows)


def worst_of_each_window(decided: Iterable[Decided]) -> list[Decided]:
    """One row a window, in order: an excess beats a compliant value, which beats none."""
    order = {Status.OVER: 2, Status.COMPLIANT: 1, Status.NONE: 0, Status.UNFINISHED: 0}
    worst: dict[int, Decided] = {}
    for row in decided:
        other = worst.get(row.start)
        key = (order[row.status], row.multiple or Fraction(-1), row.mn)
        if other is None or key > (order[other.status], other.multiple or Fraction(-1), other.mn):
            worst[row.start] = row
    return [worst[start] for start in sorted(worst)]


def runs(windows: Sequence[Decided], averaging: str, now_s: int | None = None) -> list[Run]:
    """The runs in `windows` (ordered, one a start). With `now_s`, elapsed windows count as windows without a verdict."""
    length = LENGTH_S[averaging]
    found: list[Run] = []
    current: list[Decided] = []

    def close(why: Cleared | None, at_s: int | None) -> None:
        if current:
            found.append(Run(averaging, tuple(current), why, at_s))
            current.clear()

    for window in windows:
        if not window.status.decides:
            continue
        if current and window.start - current[-1].start > UNKNOWN_AFTER * length:
            close(Cleared.UNKNOWN, current[-1].start + (UNKNOWN_AFTER + 1) * length)
        if window.status is Status.OVER:
            current.append(window)
        else:
            close(Cleared.COMPLIANT, window.start + length)
    if current:
        elapsed = current[-1].start + (UNKNOWN_AFTER + 1) * length
        if now_s is not None and now_s >= elapsed:
            close(Cleared.UNKNOWN, elapsed)
        close(None, None)
    return found


def quiet_s(averaging: str) -> int:
    """The longest distance of two windows that may still be of one run, in seconds."""
    return (UNKNOWN_AFTER + 1) * LENGTH_S[averaging]


def is_whole_left(windows: Sequence[Decided], low: int, averaging: str) -> bool:
    """Whether the first excess of the windows from `low` on certainly begins a run."""
    for window in windows:
        if window.status is Status.COMPLIANT:
            return True
        if window.status is Status.OVER:
            return window.start - low > quiet_s(averaging)
    return True


def is_whole_right(windows: Sequence[Decided], high: int, averaging: str) -> bool:
    """Whether the last excess of the windows up to `high` certainly ends a run."""
    for window in reversed(windows):
        if window.status is Status.COMPLIANT:
            return True
        if window.status is Status.OVER:
            return high - window.start > quiet_s(averaging)
    return True


def condition(run: Run, others: Sequence[Run]) -> Condition:
    """The gravest condition that its windows reach; `others`: all runs of the same key around it."""
    worst = run.worst.multiple or Fraction(0)
    if starts_before(run, others) >= STARTS or _repeated_day(run, others, worst):
        return Condition.REPEATED
    if run.averaging == "day" or worst >= 1:
        return Condition.GRAVE
    if longest(run) >= 3 or worst >= Fraction(1, 2):
        return Condition.LASTING
    return Condition.FIRST


def starts_before(run: Run, others: Sequence[Run]) -> int:
    """Starts in the 7 days up to and with this run's start."""
    return sum(run.start - STARTS_WITHIN_S < other.start <= run.start for other in others)


def _repeated_day(run: Run, others: Sequence[Run], worst: Fraction) -> bool:
    if run.averaging != "day":
        return False
    days = sorted(window.start for other in others for window in other.windows)
    mine = {window.start for window in run.windows}
    return worst >= 1 or any(
        later in mine and later - earlier < DAYS_OVER_WITHIN_S for earlier, later in pairwise(days)
    )


def longest(run: Run) -> int:
    """The longest row of adjoining windows."""
    length, best, row = LENGTH_S[run.averaging], 1, 1
    for earlier, later in pairwise(run.windows):
        row = row + 1 if later.start - earlier.start == length else 1
        best = max(best, row)
    return best
