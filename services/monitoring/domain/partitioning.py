"""Which tables grow with time, and the Shanghai day or month of one of their rows: PostgreSQL keeps a partition for each.

A span is named by the epoch second at which it begins. Packets come every half minute and leave after 35 days: days. Hours,
days and verdicts are a fifteenth of that and stay five years: 60 months are planned and backed up with ease, 1,826 days are not,
and what is asked of them (35 days at most, on the hot path) lies in two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.monitoring.domain.windows import date_start_s, day_start_s, shanghai_date


class Span(StrEnum):
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Partitioning:
    """How a table is divided. `behind`, `ahead`: how many spans before and after that of now have a partition of their own.
    `most_moved`: as many rows as this are moved from the default partition when theirs is made, in one transaction; a span of
    more rows stays there."""

    table: str
    span: Span
    behind: int
    ahead: int
    most_moved: int

    @property
    def default(self) -> str:
        """The partition of all rows that have no other."""
        return f"{self.table}_default"

    def start_s(self, at_s: int) -> int:
        """The beginning of the span that holds `at_s`."""
        if self.span is Span.DAY:
            return day_start_s(at_s)
        return date_start_s(shanghai_date(at_s).replace(day=1))

    def next_s(self, start_s: int, count: int = 1) -> int:
        """The beginning of the span that is `count` spans after the one that begins at `start_s`; before it when negative."""
        first = shanghai_date(start_s)
        if self.span is Span.DAY:
            return date_start_s(date.fromordinal(first.toordinal() + count))
        months = first.year * 12 + first.month - 1 + count
        return date_start_s(date(months // 12, months % 12 + 1, 1))

    def around(self, at_s: int) -> list[int]:
        """The beginnings of the spans that have a partition at that time."""
        now = self.start_s(at_s)
        return [self.next_s(now, count) for count in range(-self.behind, self.ahead + 1)]

    def name(self, start_s: int) -> str:
        """The partition of the span that begins then."""
        return f"{self.table}_{shanghai_date(start_s):{'%Y%m%d' if self.span is Span.DAY else '%Y%m'}}"


PACKETS = Partitioning(
    "packet", Span.DAY, behind=1, ahead=3, most_moved=0
)  # what stands elsewhere leaves after 35 days
VALUES = Partitioning("value", Span.MONTH, behind=1, ahead=2, most_moved=1_000_000)
VERDICTS = Partitioning("decision", Span.MONTH, behind=1, ahead=2, most_moved=1_000_000)
PARTITIONINGS = (PACKETS, VALUES, VERDICTS)
