"""What every packet of a point, and the look for silent ones, need of the register: little, and alike for many points, so that
one process holds a nation's."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

ALIKE_KEPT = 65_536  # different summaries that are shared


@dataclass(frozen=True, slots=True)
class PointSummary:
    """`period_stamp`: see `period_stamp.py`; `interval_s`: between two packets; `region`: of the enterprise.
    `limit_changes`: the moments at which limits begin to bind the point, and cease to, in turn."""

    period_stamp: str
    interval_s: int
    region: str
    limit_changes: tuple[int, ...]

    def is_limited(self, start_s: int) -> bool:
        """Whether any limit binds the window that starts then."""
        return bisect_right(self.limit_changes, start_s) % 2 == 1


@lru_cache(ALIKE_KEPT)
def shared_summary(period_stamp: str, interval_s: int, region: str, limit_changes: tuple[int, ...]) -> PointSummary:
    """The summary of these facts, as a rule one object for all points that are alike."""
    return PointSummary(period_stamp, interval_s, region, limit_changes)
