"""The seed of the working-day rows: what chinesecalendar knows of the notices published so far.

It raises for a year that is not published yet, so its tables are read only for the years they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from chinese_calendar.constants import holidays, workdays

SOURCE = "chinesecalendar"


@dataclass(frozen=True, slots=True)
class Notice:
    """One year's notice: free days and days worked instead. Only days that differ from Monday-to-Friday matter."""

    year: int
    holidays: tuple[date, ...]
    workdays: tuple[date, ...]
    source: str = SOURCE

    def differing(self) -> dict[date, bool]:
        """Days that Monday-to-Friday would get wrong → whether they are worked."""
        free = {day: False for day in self.holidays if day.weekday() < 5}
        return free | {day: True for day in self.workdays if day.weekday() >= 5}


def seeded_notices() -> list[Notice]:
    """The notice of every year the package knows, the oldest first."""
    years = sorted({day.year for day in holidays})
    return [Notice(year, _of(holidays, year), _of(workdays, year)) for year in years]


def _of(days: Iterable[date], year: int) -> tuple[date, ...]:
    return tuple(sorted(day for day in days if day.year == year))
