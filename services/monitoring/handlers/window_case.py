"""One window of a point while it is decided: it loads what the rules of `domain/verdict` ask for, and makes the row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from services.monitoring.domain.applicable_limits import ApplicableLimits
from services.monitoring.domain.changes import Changes, Discharge
from services.monitoring.domain.due_work import DAY
from services.monitoring.domain.nearing import HOURS_OF_A_RUNNING_DAY
from services.monitoring.domain.period_stamp import END
from services.monitoring.domain.plausible import OXYGEN_RANGE, PlausibleRange
from services.monitoring.domain.validity import (
    MINUTES_OF_A_RUNNING_HOUR,
    MINUTES_OF_AN_HOUR,
    Mean,
    first_impossible,
    measured_of,
    own_hour,
)
from services.monitoring.domain.verdict import (
    Bound,
    Doubt,
    OwnMeans,
    Value,
    Verdict,
    day_by_hours,
    decide,
    own_day,
    oxygen_of_outlet,
    usable_oxygen,
)
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import HOUR_S, WindowKey, day_start_s, shanghai_date
from services.monitoring.handlers.window_facts import Reported, WindowFacts
from shared.domain.pollutant import OXYGEN


class _OwnMean(NamedTuple):
    """The mean of enough minutes, or the number that stands in place of one: see `OwnMeans.doubted`."""

    mean: Mean | None
    doubted: int | None


class _OwnOxygen(NamedTuple):
    """Which own mean of oxygen: a tuple, because it is hashed for every window."""

    mn: str
    hour_s: int
    least: int


@lru_cache(maxsize=1_024)
def _iso_day(start_s: int) -> str:
    return shanghai_date(start_s).isoformat()


@dataclass(slots=True)
class WindowCase:
    """One window of a point. `settle`: its grace has passed, own means stand in for what is missing."""

    facts: WindowFacts
    window: WindowKey
    limits: ApplicableLimits
    values: Reported
    now_s: int
    settle: bool = False
    _oxygen_means: dict[_OwnOxygen, _OwnMean] | None = None

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on each limited factor."""
        return {factor: self.verdict(factor, bound) for factor, bound in self.limits.of(self.window.averaging).items()}

    def all_so_far(self) -> dict[str, Verdict]:
        """`so_far` of each limited factor."""
        return {factor: self.so_far(factor, bound) for factor, bound in self.limits.of(self.window.averaging).items()}

    def verdict(self, factor: str, bound: Bound) -> Verdict:
        _, averaging, start = self.window
        reported, oxygen = self.values.get(factor), self._oxygen(bound)
        first = decide(bound, reported, oxygen, None)
        if averaging == DAY and first.doubt is Doubt.CONVERTED_MISMATCH:
            return day_by_hours(bound, first, own_day(bound, self._hour_verdicts(factor, bound)))
        if not (first.waiting and self.settle):
            return first
        if averaging == "day":
            if first.measured is None:
                return own_day(bound, self._hour_verdicts(factor, bound))
            return decide(bound, reported, oxygen, OwnMeans())
        return decide(bound, reported, oxygen, self.own_hour(start, factor, bound, MINUTES_OF_AN_HOUR))

    def so_far(self, factor: str, bound: Bound) -> Verdict:
        """The verdict on the running window's mean so far: of ten minutes of an hour, six deciding hours of a day."""
        _, averaging, start = self.window
        if averaging == "hour":
            return decide(bound, None, None, self.own_hour(start, factor, bound, MINUTES_OF_A_RUNNING_HOUR))
        hours = min(24, max(0, self.now_s - start) // HOUR_S)
        return own_day(bound, self._hour_verdicts(factor, bound, hours), HOURS_OF_A_RUNNING_DAY)

    def own_hour(self, hour_s: int, factor: str, bound: Bound, least: int) -> OwnMeans:
        """Own means of one hour, those with enough minutes behind them; oxygen from a point of the outlet that has it."""
        mn = self.window.mn
        value, doubted = self._own_mean(mn, hour_s, factor, bound.plausible, least)
        if bound.reference_o2_pct is None or value is None:
            return OwnMeans(value, doubted=doubted)
        means = [self._own_oxygen(mn, hour_s, least) for mn in self._points()]
        oxygen = next((one.mean for one in means if one.mean is not None), None)
        return OwnMeans(value, oxygen, oxygen_doubted=means[0].doubted)

    def _own_oxygen(self, mn: str, hour_s: int, least: int) -> _OwnMean:
        """The same for every factor that is converted with it."""
        if self._oxygen_means is None:
            self._oxygen_means = {}
        key = _OwnOxygen(mn, hour_s, least)
        found = self._oxygen_means.get(key)
        if found is None:
            found = self._own_mean(mn, hour_s, OXYGEN, OXYGEN_RANGE, least)
            if not self.facts.lacking:
                self._oxygen_means[key] = found
        return found

    def _own_mean(self, mn: str, hour_s: int, factor: str, plausible: PlausibleRange, least: int) -> _OwnMean:
        hour = self.facts.samples(mn, hour_s)
        minutes, instants = hour.minutes.get(factor, ()), hour.instants.get(factor, ())
        by_end = mn == self.window.mn and self.limits.period_stamp == END
        mean = own_hour(measured_of(minutes, plausible), measured_of(instants, plausible), by_end=by_end)
        if mean and mean.count >= least:
            return _OwnMean(mean, None)
        doubted = first_impossible((*minutes, *instants), plausible)
        if doubted is not None:
            reported = own_hour(minutes, instants, by_end=by_end)
            doubted = doubted if reported and reported.count >= least else None
        return _OwnMean(None, doubted)

    def _points(self) -> list[str]:
        """This point, then the others of its outlet."""
        return [self.window.mn, *(mn for mn in self.limits.siblings if mn != self.window.mn)]

    def _oxygen(self, bound: Bound) -> Value | None:
        """The oxygen of the window: the point's own where it can be used, else that of another point of its outlet."""
        own = self.values.get(OXYGEN)
        if len(self.limits.siblings) == 1 or bound.reference_o2_pct is None or usable_oxygen(own):
            return own
        _, averaging, start = self.window
        others = sorted(WindowKey(mn, averaging, start) for mn in self._points()[1:])
        return oxygen_of_outlet(own, [values.get(OXYGEN) for values in self.facts.values(others)])

    def _hour_verdicts(self, factor: str, bound: Bound, hours: int = 24) -> list[Verdict]:
        """The verdict on each of the day's first `hours` hours by the day's limit."""
        mn, _, day = self.window
        found = []
        for place, values in enumerate(self.facts.hours_of_day(mn, day)[:hours]):
            value, hour = values.get(factor), day + place * HOUR_S
            oxygen = self._oxygen_of_hour(place) if bound.reference_o2_pct is not None else None
            verdict = decide(bound, value, oxygen, None)
            if verdict.waiting:
                verdict = decide(bound, value, oxygen, self.own_hour(hour, factor, bound, MINUTES_OF_AN_HOUR))
            found.append(verdict)
        return found

    def _oxygen_of_hour(self, place: int) -> Value | None:
        """As `_oxygen`, of one hour of the day."""
        day = self.window.start_s
        of_points = (self.facts.hours_of_day(mn, day)[place].get(OXYGEN) for mn in self._points())
        own = next(of_points)
        return own if usable_oxygen(own) else oxygen_of_outlet(own, of_points)

    def row(self, factor: str, bound: Bound, verdict: Verdict, old: VerdictRow | None) -> VerdictRow:
        """The verdict as it is stored. `old`: the row that it replaces."""
        limits = self.limits
        return VerdictRow(
            *self.window,
            factor,
            limits.permit,
            limits.outlet,
            limits.credit_code,
            verdict.status,
            verdict.reason,
            verdict.value_kind,
            verdict.decided,
            verdict.measured,
            bound.limit_text,
            bound.unit,
            bound.reference_text,
            verdict.mark,
            old.first_seen_s if old is not None and old.status.decides else self._seen(factor),
            self.now_s,
            verdict.doubt,
            verdict.doubted,
        )

    def discharges(self, changes: Changes) -> None:
        day = _iso_day(day_start_s(self.window.start_s))
        changes.discharges.add(Discharge(self.limits.permit, day, self.limits.credit_code))

    def _seen(self, factor: str) -> int:
        """When the window was first seen: as its reported value came in, else now."""
        value = self.values.get(factor)
        return value.received_at_s if value is not None else self.now_s
