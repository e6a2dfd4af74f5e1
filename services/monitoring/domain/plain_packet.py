"""The ordinary real-time or minute packet, packed at once. What is odd about a packet is left to `items.readings`, with which
this agrees on every packet that it takes (a property test holds it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from services.monitoring.domain.items import faults_of
from services.monitoring.domain.packet_row import INSTANT, packed, packed_fields
from services.monitoring.domain.reading import EXACT_BELOW, MARKS, Fields, Mark, micro, reading
from shared.domain.pollutant import pollutants

_Value = Annotated[float, msgspec.Meta(gt=float(-EXACT_BELOW), lt=float(EXACT_BELOW))]


class RealTimeFields(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What most real-time packets say of a factor, and nothing else: half the time of a dictionary."""

    value: _Value = msgspec.field(name="Rtd")
    mark: Mark = msgspec.field(name="Flag")


def real_time_body(factors: Mapping[str, RealTimeFields]) -> bytes | None:
    """As `plain_body`, of such factors."""
    if not factors or not factors.keys() <= pollutants().keys():
        return None
    return packed(
        [
            (
                factor,
                near if (near := round((value := one.value) * 1e6)) / 1e6 == value else micro(value),
                None,
                one.mark,
            )
            for factor, one in factors.items()
        ]
    )


def plain_body(factors: Mapping[str, Fields], period: str) -> bytes | None:
    """The body of a packet's row when every factor is known and has its value, no mark but known ones, and nothing that is
    noted; None when one is not so, and the packet is to be examined. `period`: instant or minute."""
    name, known = ("Rtd" if period == INSTANT else "Avg"), pollutants()
    found: list[tuple[object, ...]] = []
    for factor, sent in factors.items():
        value, flag = sent.get(name), sent.get("Flag")
        if type(value) is not float or not -EXACT_BELOW < value < EXACT_BELOW or factor not in known:
            return None
        if flag in MARKS and len(sent) == 2:
            near = round(value * 1e6)
            found.append((factor, near if near / 1e6 == value else micro(value), None, flag))
            continue
        more = _more(factor, sent, period)
        if more is None:
            return None
        found.append(more)
    return packed(found) if found else None


def _more(factor: str, sent: Fields, period: str) -> tuple[object, ...] | None:
    """A factor that holds more than value and mark; None when something of it is to be noted."""
    found = None if faults_of(factor, sent) else reading(sent, period)
    return packed_fields(factor, found) if found is not None and found.mark in MARKS else None
