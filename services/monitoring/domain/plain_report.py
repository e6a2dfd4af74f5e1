"""The ordinary report of an hour or a day, read at once. What is odd about a packet is left to `items.readings`, with which
this agrees on every packet that it takes (a property test holds it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Annotated

import msgspec

from services.monitoring.domain.reading import EXACT_BELOW, LARGEST, Mark, Reading, micro
from shared.domain.pollutant import pollutants

_Value = Annotated[float, msgspec.Meta(gt=float(-EXACT_BELOW), lt=float(EXACT_BELOW))]
_Extra = Annotated[float, msgspec.Meta(gt=-LARGEST, lt=LARGEST)]
_reading = Reading._make  # half the time of the constructor


class ReportFields(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What an ordinary report says of a factor: its mean, and what may stand beside it."""

    value: _Value = msgspec.field(name="Avg")
    mark: Mark = msgspec.field(name="Flag", default="")
    converted: _Value | None = msgspec.field(name="ZsAvg", default=None)
    least: _Extra | None = msgspec.field(name="Min", default=None)
    greatest: _Extra | None = msgspec.field(name="Max", default=None)
    total: _Extra | None = msgspec.field(name="Cou", default=None)
    least_converted: _Extra | None = msgspec.field(name="ZsMin", default=None)
    greatest_converted: _Extra | None = msgspec.field(name="ZsMax", default=None)
    equipment: str | None = msgspec.field(name="EFlag", default=None)  # not stored


_extras_of = attrgetter("least", "greatest", "total", "least_converted", "greatest_converted")
_EXTRAS = ("Min", "Max", "Cou", "ZsMin", "ZsMax")  # in the same order
_NO_EXTRAS = (None,) * len(_EXTRAS)


def plain_readings(factors: Mapping[str, ReportFields]) -> Mapping[str, Reading] | None:
    """The readings of an ordinary report; None when a factor is unknown, or there is none."""
    if not factors or not factors.keys() <= pollutants().keys():
        return None
    found: dict[str, Reading] = {}
    for factor, one in factors.items():
        value, converted, extras = one.value, one.converted, _extras_of(one)
        near = round(value * 1e6)
        found[factor] = _reading(
            (
                near if near / 1e6 == value else micro(value),
                None if converted is None else micro(converted),
                one.mark,
                None if extras == _NO_EXTRAS else _named(extras),
            )
        )
    return found


def _named(extras: Sequence[float | None]) -> dict[str, float]:
    return {name: value for name, value in zip(_EXTRAS, extras, strict=True) if value is not None}
