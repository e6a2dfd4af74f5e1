"""What packets report of hours and days: one packet's readings of a window stay together until they are stored as rows.

Of two values of one factor and window that of the greater rank counts, whatever the order; of two of one rank the earlier.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.monitoring.domain.reading import Reading
from services.monitoring.domain.verdict import Value
from services.monitoring.domain.windows import WindowKey


class WindowReport(NamedTuple):
    """One packet's readings of a window by factor; `rank` as in `reading.rank`. A tuple, because every packet makes one."""

    window: WindowKey
    rank: str
    source: str
    received_at_s: int
    readings: Mapping[str, Reading]

    def without(self, factors: Collection[str]) -> WindowReport:
        """The report of the other factors."""
        kept = {factor: reading for factor, reading in self.readings.items() if factor not in factors}
        return self._replace(readings=kept)

    def only(self, factors: Collection[str]) -> WindowReport:
        """The report of these factors."""
        kept = {factor: reading for factor, reading in self.readings.items() if factor in factors}
        return self._replace(readings=kept)

    def value(self, factor: str) -> Value | None:
        """What it reports of a factor."""
        found = self.readings.get(factor)
        return None if found is None else Value(found.micro, found.zs_micro, found.mark, self.received_at_s)


class StoredValue(NamedTuple):
    """A value that is stored already, and the rank of the packet that brought it."""

    value: Value
    rank: str


Stored = Mapping[WindowKey, Mapping[str, StoredValue]]  # by factor


@dataclass(slots=True)
class WindowReports:
    """The reports of a batch by window; no factor of a window is in two of them."""

    _of: dict[WindowKey, tuple[WindowReport, ...]] = field(default_factory=dict)

    def add(self, report: WindowReport) -> None:
        """Add a report; of each factor that was reported already the value of greater rank stays."""
        alone = (report,)
        others = self._of.setdefault(report.window, alone)
        if others is not alone:
            self._of[report.window] = _joined(others, report)

    def windows(self) -> Collection[WindowKey]:
        """The windows that are reported."""
        return self._of.keys()

    def beside(self, stored: Stored) -> NewReports:
        """What of these reports is to be stored, beside what is. `stored`: of these windows."""
        new: list[WindowReport] = []
        greater: list[WindowReport] = []
        for window, reports in self._of.items():
            known = stored.get(window)
            if known is None:
                new += reports
                continue
            for report in reports:
                there = report.readings.keys() & known.keys()
                won = {factor for factor in there if report.rank > known[factor].rank}
                new += _unless_empty(report.without(there))
                greater += _unless_empty(report.only(won))
        return NewReports(new, greater, self._of, stored)


@dataclass(frozen=True, slots=True)
class NewReports:
    """Reports to be stored. `new`: of what is not stored; `greater`: in place of what is stored with a lesser rank."""

    new: list[WindowReport]
    greater: list[WindowReport]
    _of: Mapping[WindowKey, tuple[WindowReport, ...]]
    _stored: Stored

    def __contains__(self, window: WindowKey) -> bool:
        return window in self._of

    def values(self, window: WindowKey, factors: Collection[str]) -> dict[str, Value]:
        """What is reported of these factors in one of the windows, once these reports are stored."""
        reports, known = self._of[window], self._stored.get(window)
        if known is None and len(reports) == 1:
            (report,) = reports
            return {factor: value for factor in factors if (value := report.value(factor)) is not None}
        found = {factor: stored for factor, stored in (known or {}).items() if factor in factors}
        for report in reports:
            for factor in factors:
                value, other = report.value(factor), found.get(factor)
                if value is not None and (other is None or report.rank > other.rank):
                    found[factor] = StoredValue(value, report.rank)
        return {factor: stored.value for factor, stored in found.items()}


NO_REPORTS = NewReports([], [], {}, {})


def _joined(others: tuple[WindowReport, ...], report: WindowReport) -> tuple[WindowReport, ...]:
    kept: list[WindowReport] = []
    for other in others:
        both = other.readings.keys() & report.readings.keys()
        if other.rank < report.rank:
            kept += _unless_empty(other.without(both))
        else:
            kept.append(other)
            report = report.without(both)
    return (*kept, *_unless_empty(report))


def _unless_empty(report: WindowReport) -> Iterator[WindowReport]:
    if report.readings:
        yield report
