"""Working days: which days are worked in China, and how far a count of them reaches.

Pure. The State Council's notice of each November (国务院办公厅关于部分节假日安排的通知) moves days of the next year; a year
whose notice is not loaded counts Monday to Friday and is provisional. Where the rows come from is `importing.holidays`' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """`differing`: days that are not what Monday-to-Friday says → whether they are worked."""

    differing: Mapping[date, bool] = field(default_factory=dict)
    published_years: frozenset[int] = frozenset()

    def is_working(self, day: date) -> bool:
        worked = self.differing.get(day)
        return day.weekday() < SATURDAY if worked is None else worked

    def last_working_day(self, on_or_before: date) -> date:
        """The last day worked that is not after `on_or_before`."""
        day = on_or_before
        while not self.is_working(day):
            day -= ONE_DAY
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """The `count`-th day worked after `day`; `day` itself does not count, and is the answer for none."""
        for _ in range(count):
            day += ONE_DAY
            while not self.is_working(day):
                day += ONE_DAY
        return day

    def provisional(self, first: date, last: date | None = None) -> bool:
        """Whether a result that looked at the days from `first` to `last` stands on a year not yet published."""
        years = range(first.year, (last or first).year + 1)
        return any(year not in self.published_years for year in years)

    @property
    def last_published_year(self) -> int | None:
        return max(self.published_years, default=None)
