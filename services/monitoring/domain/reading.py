"""What a packet says, as period values: which number counts, with which mark, and which of two reports wins.

An instantaneous packet (2011) counts by `Rtd`, by `Avg` when it has none; minutes, hours and days by `Avg`. A factor
without a Flag counts as normal (2005 loggers send none). A number that is not finite is kept by its mark, without value.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from math import isfinite
from zlib import crc32

PERIODS = {"2011": "instant", "2051": "minute", "2061": "hour", "2031": "day"}
NORMAL = ("N", "")
LARGEST = 1e12  # above it 1e-6 units leave int64; no instrument reads so much
_NAMES = {True: (("Rtd", "Avg"), ("ZsRtd", "ZsAvg")), False: (("Avg",), ("ZsAvg",))}
_EXTRAS = ("Min", "Max", "Cou", "ZsMin", "ZsMax")

Fields = Mapping[str, float | str | None]
Reading = tuple[int | None, int | None, str, dict[str, float] | None]  # micro, zs micro, mark, extras


class NotANumber(ValueError):
    """A field that must be a JSON number is something else."""


def reading(fields: Fields, period: str) -> Reading | None:
    """The value of one factor, None when nothing in it belongs to the period; raises NotANumber."""
    values, converted = _NAMES[period == "instant"]
    micro, zs = _number(fields, values), _number(fields, converted)
    flag = fields.get("Flag")
    mark = flag.strip().upper()[:8] if type(flag) is str else ""
    extras = None if period == "instant" else {k: v for k in _EXTRAS if type(v := fields.get(k)) is float}
    if micro is None and zs is None and flag is None and not extras:
        return None
    return micro, zs, mark, extras or None


def _number(fields: Fields, names: tuple[str, ...]) -> int | None:
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        if type(value) is not float:
            raise NotANumber(f"{name} {value!r}")
        return micro(value)
    return None


def micro(value: float) -> int | None:
    """In 1e-6 units, half-even of the number as written; None when it is not finite or absurdly large."""
    if not isfinite(value) or abs(value) >= LARGEST:
        return None
    near = round(value * 1e6)
    if near / 1e6 == value and abs(near) < 1 << 53:  # at most 6 decimals as written: exact
        return near
    return int((Decimal(repr(value)) * 1_000_000).to_integral_value(ROUND_HALF_EVEN))


def rank(*, resent: bool, said: str, content: bytes) -> str:
    """Comparable as text: among several values of one key the greatest wins, whatever the order of arrival."""
    return f"{int(resent)}{said}{crc32(content):08x}"
