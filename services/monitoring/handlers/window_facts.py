"""The rows that the windows of a batch are decided by: what one window lacks is loaded with what all the others lack."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import Session

from services.monitoring.domain.due_work import HOUR
from services.monitoring.domain.validity import Sample
from services.monitoring.domain.verdict import Value
from services.monitoring.domain.windows import HOUR_S, WindowKey
from services.monitoring.store.readings import samples_of_hours
from services.monitoring.store.values import values_of

T = TypeVar("T")
HOURS_OF_A_DAY = range(24)
Reported = Mapping[str, Value]  # by factor


@dataclass(frozen=True, slots=True)
class HourSamples:
    """Minutes and instantaneous values of one hour of a point, by factor."""

    minutes: Mapping[str, Sequence[Sample]]
    instants: Mapping[str, Sequence[Sample]]


_NO_SAMPLES = HourSamples({}, {})


class _NotLoaded(Exception):
    """Nothing can be concluded before it is loaded."""


class WindowFacts:
    """Reported values and samples by window; `factors`: those whose values count."""

    def __init__(self, session: Session, factors: Collection[str]) -> None:
        self._session = session
        self._factors = factors
        self._values: dict[WindowKey, Reported] = {}
        self._samples: dict[WindowKey, HourSamples] = {}
        self._lacking_values: set[WindowKey] = set()
        self._lacking_samples: set[WindowKey] = set()
        self._lacks = False

    def conclusion(self, work: Callable[[], T]) -> T | None:
        """What `work` comes to; None when it lacks rows: `load` them and try again."""
        self._lacks = False
        try:
            found = work()
        except _NotLoaded:
            return None
        return None if self._lacks else found

    @property
    def lacking(self) -> bool:
        """Whether the work at hand lacked rows so far."""
        return self._lacks

    def load(self) -> None:
        """Load what was asked for and not there, in a statement or two whatever the number of windows."""
        values, samples = self._lacking_values, self._lacking_samples
        self._lacking_values, self._lacking_samples = set(), set()
        if values:
            found = values_of(self._session, values, self._factors)
            self._values.update((key, found.get(key, {})) for key in values)
        if samples:
            minutes, instants = (
                samples_of_hours(self._session, samples, period, self._factors) for period in ("minute", "instant")
            )
            self._samples.update((key, HourSamples(minutes.get(key, {}), instants.get(key, {}))) for key in samples)

    def values(self, windows: Collection[WindowKey]) -> list[Reported]:
        """What was reported in each of these windows."""
        lacking = [window for window in windows if window not in self._values]
        if lacking:
            self._lacking_values.update(lacking)
            raise _NotLoaded
        return [self._values[window] for window in windows]

    def hours_of_day(self, mn: str, day_s: int) -> list[Reported]:
        """What was reported in each hour of a point's day."""
        return self.values([WindowKey(mn, HOUR, day_s + n * HOUR_S) for n in HOURS_OF_A_DAY])

    def samples(self, mn: str, hour_s: int) -> HourSamples:
        """The samples of an hour; none at first, so that a window asks for all its hours at once."""
        key = WindowKey(mn, HOUR, hour_s)
        found = self._samples.get(key)
        if found is None:
            self._lacks = True
            self._lacking_samples.add(key)
            return _NO_SAMPLES
        return found
