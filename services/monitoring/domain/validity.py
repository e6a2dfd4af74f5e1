"""Whether enough was measured for an own mean, and that mean: an hour from minutes, a day from deciding hours.

HJ 212-2017 Annex D, HJ 75-2017: an hour needs 45 valid minutes, a day 20 valid hours. Sums are integers of 1e-6 units:
exact, whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd
from typing import NamedTuple

from services.monitoring.domain.plausible import PlausibleRange

MINUTES_OF_AN_HOUR = 45
HOURS_OF_A_DAY = 20
MINUTES_OF_A_RUNNING_HOUR = 10  # fewer make no mean worth an alert
INTERVALS = (30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1)  # MinInterval as the standard allows it


class Sample(NamedTuple):
    """A minute or instantaneous value: second of the hour, value in 1e-6, whether its mark is normal."""

    at_s: int
    micro: int | None
    normal: bool


@dataclass(frozen=True, slots=True)
class Mean:
    """`count`: the minutes (of an hour) or hours (of a day) that hold a valid value."""

    micro: Fraction
    count: int


def measured_of(samples: Sequence[Sample], plausible: PlausibleRange) -> Sequence[Sample]:
    """The samples, without the value of those that cannot be a measurement: such a minute is there, and not valid."""
    if plausible.holds_all([micro for _, micro, _ in samples if micro is not None]):
        return samples
    return [
        sample if sample.micro is None or plausible.holds(sample.micro) else Sample(sample.at_s, None, False)
        for sample in samples
    ]


def first_impossible(samples: Iterable[Sample], plausible: PlausibleRange) -> int | None:
    """The first value with a normal mark that cannot be a measurement, in 1e-6; None when all can."""
    impossible = (
        sample.micro
        for sample in samples
        if sample.normal and sample.micro is not None and not plausible.holds(sample.micro)
    )
    return next(impossible, None)


def own_hour(minutes: Sequence[Sample], instants: Iterable[Sample] = (), *, by_end: bool = False) -> Mean | None:
    """The mean over the minutes of one hour that hold a valid value; None when there is none.

    A minute packet speaks for its interval (10 customarily), which shows in the packets' spacing; a minute without one
    is the mean of its instantaneous values. `by_end`: packets stand at the last minute of their interval, not at the first.
    """
    slots: dict[int, int] = {}
    covered: set[int] = set()
    interval = _interval([at // 60 for at, _, _ in minutes])
    for at, micro, normal in minutes:
        first = max(0, at // 60 - interval + 1) if by_end else at // 60
        mine = range(first, min(60, at // 60 + (1 if by_end else interval)))
        covered.update(mine)
        if micro is not None and normal:
            slots.update(dict.fromkeys(mine, micro))
    sums = _Sums()
    for value in slots.values():
        sums.add(value, 1)
    for minute, (total, count) in _by_minute(instants).items():
        if minute not in covered:
            sums.add(total, count)
    return sums.mean()


class _Sums:
    """A mean of means: sums of equally many values are added up as integers, so that few fractions are made."""

    def __init__(self) -> None:
        self._totals: dict[int, int] = {}
        self._count = 0

    def add(self, total: int, of: int) -> None:
        """Add the mean of `of` values that sum up to `total`."""
        self._totals[of] = self._totals.get(of, 0) + total
        self._count += 1

    def mean(self) -> Mean | None:
        """The mean of what was added, None of nothing."""
        if not self._count:
            return None
        whole = sum((Fraction(total, of) for of, total in self._totals.items()), Fraction())
        return Mean(whole / self._count, self._count)


def mean(values: Iterable[Fraction | int]) -> Mean | None:
    """The mean of all values, None of none."""
    numbers = list(values)
    return Mean(Fraction(sum(numbers)) / len(numbers), len(numbers)) if numbers else None


def _interval(minutes: Sequence[int]) -> int:
    """How many minutes a minute packet stands for: the widest allowed one that all starts of the hour agree with."""
    distinct = sorted(set(minutes))
    if len(distinct) < 2:
        return 1
    common = gcd(*(later - earlier for earlier, later in pairwise(distinct)))
    return next(interval for interval in INTERVALS if common % interval == 0)


class _Minute(NamedTuple):
    """The valid values of one minute: their sum and how many there are."""

    total: int
    values: int


def _by_minute(instants: Iterable[Sample]) -> Mapping[int, _Minute]:
    found: dict[int, list[int]] = {}
    for at, micro, normal in instants:
        if micro is not None and normal:
            minute = at // 60
            if minute in found:
                found[minute].append(micro)
            else:
                found[minute] = [micro]
    return {minute: _Minute(sum(values), len(values)) for minute, values in found.items()}
