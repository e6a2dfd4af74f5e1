"""What an outlet emits at a field time: a pure function of seed, logger, factor and time.

Clean outlets stay under 70 % of their limits; troubles say otherwise for their hours. Frames are logger's work.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.clock import DAY, HOUR, hour_start
from shared.domain.pollutant import OXYGEN
from shared.register import Limit

from .region import SamplePoint
from .trouble import Trouble, TroubleKind

AIR = 21.0  # % of oxygen in air, as the conversion formula has it
_AUXILIARY = {
    "a00000": (42.0, 3.0),
    "a01011": (11.5, 0.8),
    "a01012": (118.0, 6.0),
    "a01013": (-0.12, 0.02),
    "a01014": (7.4, 0.5),
    "w00000": (310.0, 25.0),
    "w01001": (7.3, 0.2),
}  # middle and swing: flow, velocity, temperature, pressure, humidity; waste water flow, pH


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as the logger sends it; `converted` is at reference oxygen, None where the limit has none."""

    measured: float
    converted: float | None
    flag: str


@dataclass(frozen=True, slots=True)
class Signal:
    """`origin`: the whole hour from which troubles count."""

    seed: int
    point: SamplePoint
    origin: datetime

    def hour_index(self, at: datetime) -> int:
        return math.floor((at - self.origin) / HOUR)

    def silent(self, at: datetime) -> bool:
        return self._trouble(TroubleKind.SILENT, self.hour_index(at)) is not None

    def hour(self, limit: Limit, start: datetime) -> Reading:
        """The mean of the hour that begins at `start`."""
        return self._reading(limit, start, self._fraction(limit, self.hour_index(start)))

    def day(self, limit: Limit, start: datetime) -> Reading:
        """The mean of the 24 hours that begin at `start`."""
        first = self.hour_index(start)
        mean = sum(self._fraction(limit, first + hour) for hour in range(24)) / 24
        return (
            Reading(round(mean * float(limit.limit), 2), None, "N")
            if limit.reference_o2_pct is None
            else (self._reading(limit, start + DAY / 2, mean))
        )

    def moment(self, limit: Limit, at: datetime, spread: float = 0.03) -> Reading:
        """A value inside the hour: the hour's mean, a little up or down."""
        swing = 1 + spread * self._noise(limit.factor, at.isoformat())
        return self._reading(limit, at, self._fraction(limit, self.hour_index(at)) * swing)

    def oxygen(self, at: datetime) -> float | None:
        """Oxygen in %, None while it is missing or where no limit asks for it."""
        reference = next((float(x.reference_o2_pct) for x in self.point.limits if x.reference_o2_pct is not None), None)
        if reference is None or self._trouble(TroubleKind.OXYGEN, self.hour_index(at)):
            return None
        return round(reference + 1.2 + 0.6 * self._noise(OXYGEN, hour_start(at).isoformat()), 2)

    def auxiliary(self, code: str, at: datetime) -> float:
        """Flow, temperature and what else is sent beside the limited factors."""
        middle, swing = _AUXILIARY[code]
        return round(middle + swing * self._noise(code, at.isoformat()), 2)

    def _reading(self, limit: Limit, at: datetime, fraction: float) -> Reading:
        value = fraction * float(limit.limit)
        fault = self._trouble(TroubleKind.FAULT, self.hour_index(at), limit.factor)
        flag = "D" if fault else "N"
        if limit.reference_o2_pct is None:
            return Reading(round(value, 2), None, flag)
        oxygen = self.oxygen(at)
        if oxygen is None:
            return Reading(round(value, 2), None, flag)
        measured = value * (AIR - oxygen) / (AIR - float(limit.reference_o2_pct))
        return Reading(round(measured, 2), round(value, 2), flag)

    def _fraction(self, limit: Limit, index: int) -> float:
        """The hour's mean as a fraction of the limit."""
        for trouble in self.point.troubles:
            if trouble.fraction and trouble.factor == limit.factor and index in trouble.hours:
                return trouble.fraction
        if self._trouble(TroubleKind.FAULT, index, limit.factor):
            return 0.5  # frozen
        base = 0.44 + 0.11 * self._noise(limit.factor, "level")
        daily = 0.06 * math.sin(2 * math.pi * (index / 24 + self._noise(limit.factor, "phase")))
        return base + daily + 0.04 * self._noise(limit.factor, str(index))

    def _trouble(self, kind: TroubleKind, index: int, factor: str | None = None) -> Trouble | None:
        for trouble in self.point.troubles:
            if trouble.kind is kind and index in trouble.hours and factor in (None, trouble.factor):
                return trouble
        return None

    def _noise(self, *about: str) -> float:
        """From -1 to 1, the same for the same words."""
        words = "|".join((str(self.seed), self.point.mn, *about))
        return zlib.crc32(words.encode()) / 0x7FFFFFFF - 1


def origin_after(start: datetime) -> datetime:
    """The first whole hour that begins at `start` or later."""
    return hour_start(start + HOUR - timedelta(microseconds=1))
