"""The ports through which detectors see what is stored; one history serves all detectors of a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.period_stamp import HourReport
from services.monitoring.domain.point_summary import PointSummary
from services.monitoring.domain.risk_row import RiskExtent, RiskRow
from services.monitoring.domain.silence import Downtime
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.domain.windows import SpanOfWindows, WindowBounds


class RiskHistory(Protocol):
    """The risks of one kind. A subject is what a risk is of: an outlet key, a point, a county."""

    def open_risks(self, kind: str, subjects: Collection[str] | None = None) -> Mapping[str, RiskRow]:
        """The open risk of each subject, of all or of these."""

    def issued_counts(self, kind: str, subjects: Collection[str]) -> Mapping[str, int]:
        """How many risks each subject ever had; one without any is not in it."""


class OutletHistory(RiskHistory, Protocol):
    """Windows, risks and limits of outlets. Times are epoch seconds. Everything is asked for many outlets at once: a history
    that reads rows does so in one statement. An outlet, subject or point of which there is nothing is in no answer."""

    def sites(self, mns: Collection[str]) -> Mapping[str, Site]:
        """The registered points among `mns`, with the limits that apply to them."""

    def verdicts_between(self, spans: Mapping[OutletKey, SpanOfWindows]) -> Mapping[OutletKey, Sequence[VerdictRow]]:
        """All verdicts of the windows of each outlet's span, in order."""

    def bounds(self, keys: Collection[OutletKey]) -> Mapping[OutletKey, WindowBounds]:
        """The first and the last window of which each outlet has a verdict."""

    def newest_decided(
        self, keys: Collection[OutletKey], size: int, now_s: int
    ) -> Mapping[OutletKey, Sequence[VerdictRow]]:
        """The newest `size` verdicts of each outlet with a decided value, newest first, the window of the last one whole."""

    def decided_since(self, keys: Collection[OutletKey], since_s: int) -> Mapping[OutletKey, Sequence[VerdictRow]]:
        """The verdicts with a decided value from `since_s` on, newest first."""

    def newest_of_instruments(self, mns: Collection[str], since_s: int) -> Mapping[str, Mapping[str, VerdictRow]]:
        """Of each point and factor the newest window from `since_s` on that shows the state of the instrument."""

    def newest_hours(self, mns: Collection[str], size: int, now_s: int) -> Mapping[str, Sequence[HourReport]]:
        """The newest reported hours of each point, newest first."""

    def open_risks_of_points(self, kind: str, mns: Collection[str]) -> Sequence[RiskRow]:
        """Open risks that name one of these points."""

    def risks_between(self, kind: str, spans: Mapping[str, SpanOfWindows]) -> Mapping[str, Sequence[RiskRow]]:
        """Of each subject the risks whose windows touch its span, in order of creation."""

    def extents(self, kind: str, since_s: Mapping[str, int]) -> Mapping[str, Sequence[RiskExtent]]:
        """Of each subject where its risks reach that end at its `since_s` or later, or are open."""


class PointHistory(RiskHistory, Protocol):
    """When the registered points were last seen."""

    def sites(self, mns: Collection[str]) -> Mapping[str, Site]:
        """The registered points among `mns`."""

    def summaries(self, mns: Collection[str]) -> Mapping[str, PointSummary]:
        """The registered points among `mns`, and perhaps others."""

    def last_seen(self, mns: Collection[str]) -> Mapping[str, int]:
        """When these points were last seen; one that never was is not in it."""

    def last_seen_until(self, at_s: int) -> Mapping[str, int]:
        """The points that were last seen at `at_s` or earlier, and when."""

    def points_of_counties(self) -> Mapping[str, int]:
        """How many registered points that were ever seen each county has; a point without enterprise counts as `000000`."""

    def downtimes_since(self, since_s: int) -> Sequence[Downtime]:
        """The service's own down-times that ended after `since_s`."""
