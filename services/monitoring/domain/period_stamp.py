"""Which window a stamped period is, and whether a point's reports look as if it stamped the end instead of the start.

HJ 212-2017 table 4: DataTime of a mean is the start of its period. Many devices send its end; the register says so of a point
(`period_stamp`), nobody guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.monitoring.domain.windows import EARLY_S, HOUR_S, LENGTH_S, MINUTE_S

START, END = "start", "end"
REPORTS = 6  # hours in a row that show a habit
WHOLE = 3  # hours in a row, reported after their end, that show another
SOON_S = 30 * MINUTE_S  # after the stamped hour began; whoever stamps the start sends an hour later


def window_start_s(stamped_s: int, period: str, period_stamp: str) -> int:
    """The start of the window whose period was stamped with `stamped_s`. Of minutes the last minute of the period: how long
    it is shows in the packets' spacing (`validity.own_hour`). An instantaneous value stays where it is."""
    return stamped_s - LENGTH_S[period] if period_stamp == END else stamped_s


def probably_stamps_end(delays_s: Sequence[int]) -> bool:
    """`delays_s`: seconds from the stamped hour's begin to its receipt, newest first."""
    newest = delays_s[:REPORTS]
    return len(newest) == REPORTS and all(-EARLY_S <= delay < SOON_S for delay in newest)


def stamps_start(delays_s: Sequence[int]) -> bool:
    """As `probably_stamps_end`: whether the newest hours came after their end, as the standard has it."""
    newest = delays_s[:WHOLE]
    return len(newest) == WHOLE and all(delay >= HOUR_S - EARLY_S for delay in newest)


@dataclass(frozen=True, slots=True)
class HourReport:
    """A reported hour: when it began by its stamp, and when it was received, in seconds after that."""

    start_s: int
    delay_s: int
