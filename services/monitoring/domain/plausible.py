"""Whether a number can be a measurement at all: inside the physical range of its factor, and none of the numbers that devices
send for "no value".

The range is a column of the pollutant table; it reaches a little below zero, where an instrument drifts. It is wide on
purpose: what is merely unlikely is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from shared.domain.pollutant import OXYGEN, PhysicalRange, pollutant
from shared.domain.quantity import micro, scale, unit

# What loggers put in place of a value: fill values, full scales of 16 and 32 bits (also by 10 and 100), displays full of
# nines. A mean is exactly such a number only when the device was pinned to it all the time.
PLACEHOLDERS = frozenset(
    micro(Decimal(text))
    for text in (
        *("-999", "-999.9", "-999.99", "-9999", "-9999.9", "-9999.99", "-99999", "-99999.9", "-999999"),
        *("999.99", "9999", "9999.9", "9999.99", "99999", "99999.9", "99999.99", "999999"),
        *("655.35", "3276.7", "6553.5", "32767", "65535", "2147483647", "4294967295"),
        *("-3276.8", "-32768", "-2147483648"),
    )
)
MASSES = (  # of a factor that no table knows: nothing weighs more than what carries it
    PhysicalRange(Decimal(-5), Decimal(1_000_000), "mg/m3", ""),
    PhysicalRange(Decimal(-5), Decimal(1_000_000), "mg/L", ""),
)
WITHOUT_DIMENSION = frozenset({"1", "pH"})


@dataclass(frozen=True, slots=True)
class PlausibleRange:
    """Both ends in 1e-6 of the unit that the point sends, included."""

    lowest: int
    highest: int

    def holds(self, value_micro: int) -> bool:
        """Whether the value (1e-6) may be a measurement."""
        return self.lowest <= value_micro <= self.highest and value_micro not in PLACEHOLDERS

    def holds_all(self, values_micro: Sequence[int]) -> bool:
        """Whether each of the values may be one."""
        if not values_micro:
            return True
        inside = self.lowest <= min(values_micro) and max(values_micro) <= self.highest
        return inside and PLACEHOLDERS.isdisjoint(values_micro)


ANYTHING = PlausibleRange(-(10**18), 10**18)  # what `reading` takes at all


@cache
def plausible_range(factor: str, sent_unit: str | None) -> PlausibleRange:
    """The physical range of a factor in the unit that a point sends; of one without a table row by the unit alone."""
    known = pollutant(factor).physical
    for physical in (known,) if known else MASSES:
        times = _times(physical, sent_unit)
        if times is not None:
            return PlausibleRange(micro(physical.lowest * times), micro(physical.highest * times))
    return ANYTHING


def _times(physical: PhysicalRange, sent_unit: str | None) -> Decimal | None:
    """From the unit of the range to the one sent; None when they are not of one dimension."""
    if physical.unit is None:
        return Decimal(1)
    if sent_unit is None:
        return None
    if {unit(sent_unit), physical.unit} <= WITHOUT_DIMENSION:
        return Decimal(1)
    return scale(physical.unit, sent_unit)


OXYGEN_RANGE = plausible_range(OXYGEN, "%")
