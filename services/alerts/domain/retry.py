"""When a push is tried again. A push is made with its schedule, so that a new one changes no push under way.

Pure: the schedule, how far it is used up, and what the receiver asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_WAIT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`waits_s`: seconds before each attempt, the first one's included."""

    waits_s: tuple[float, ...]

    def next_attempt_at(
        self, step: int, now: datetime, *, requested: timedelta | None = None, spread: float = 1.0
    ) -> datetime | None:
        """When to try after the attempt of `step` failed; None when the schedule is used up.

        `requested`: how long the receiver wants to be left alone; it counts between the schedule's wait and 24 h.
        `spread`: factor on the schedule's wait, so that pushes that failed together do not come back together."""
        if step + 1 >= len(self.waits_s):
            return None
        wait = timedelta(seconds=self.waits_s[step + 1] * spread)
        if requested is not None:
            wait = min(max(requested, wait), max(LONGEST_WAIT, wait))
        return now + wait


# Standard Webhooks: 75.5 h in all
STANDARD = Schedule((0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
