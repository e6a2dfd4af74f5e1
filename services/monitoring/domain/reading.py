"""What a packet holds, as period values: which number counts, with which mark, and which of two reports wins.

An instantaneous packet (2011) counts by `Rtd`, by `Avg` when it has none; minutes, hours and days by `Avg`. A factor
without a Flag counts as normal (2005 loggers send none). A number that is not finite is kept by its mark, without value.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal, NamedTuple, TypeAlias, get_args
from zlib import crc32

import msgspec

PERIODS = {"2011": "instant", "2051": "minute", "2061": "hour", "2031": "day"}
NORMAL = ("N", "")
# HJ 212-2017 table 8, H (too few data) and 2005's P (power failure)
Mark: TypeAlias = Literal["", "N", "F", "M", "S", "D", "C", "T", "B", "H", "P"]
MARKS = frozenset(get_args(Mark))
LARGEST = 1e12  # above it 1e-6 units leave int64; no instrument reads so much
EXACT_BELOW = 1 << 33  # floats below it stand closer than 1e-6
_NAMES = {True: (("Rtd", "Avg"), ("ZsRtd", "ZsAvg")), False: (("Avg",), ("ZsAvg",))}
VALUES = {period: _NAMES[period == "instant"][0][0] for period in PERIODS.values()}  # the field that counts first
_EXTRAS = ("Min", "Max", "Cou", "ZsMin", "ZsMax")

Fields = Mapping[str, float | str | None]


class Reading(NamedTuple):
    """The value of one factor in 1e-6 of the point's unit, its converted value, its mark, and Min, Max, Cou."""

    micro: int | None
    zs_micro: int | None
    mark: str
    extras: dict[str, float] | None


class PeriodValue(msgspec.Struct, frozen=True, order=True):
    """A reported value as it is stored, in rows and in files; `extras`: Min, Max, Cou as JSON."""

    mn: str
    period: str
    start_s: int
    factor: str
    micro: int | None
    zs_micro: int | None
    mark: str
    source: str
    rank: str
    received_at_s: int
    extras: str | None


class NotANumber(ValueError):
    """A field that must be a JSON number is something else."""


def reading(fields: Fields, period: str) -> Reading | None:
    """The value of one factor, None when nothing in it belongs to the period; raises NotANumber."""
    values, converted = _NAMES[period == "instant"]
    micro, zs = _number(fields, values), _number(fields, converted)
    flag = fields.get("Flag")
    mark = _mark(flag) if type(flag) is str else ""
    extras = None if period == "instant" else {k: v for k in _EXTRAS if type(v := fields.get(k)) is float}
    if micro is None and zs is None and flag is None and not extras:
        return None
    return Reading(micro, zs, mark, extras or None)


def _mark(flag: str) -> str:
    """The mark as it is stored; one that holds what no screen shows (PostgreSQL refuses NUL) is a mark nobody knows."""
    if flag in MARKS:
        return flag
    mark = flag.strip().upper()[:8]
    return mark if mark.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in mark)


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
    if not -LARGEST < value < LARGEST:  # so is NaN
        return None
    near = round(value * 1e6)
    if near / 1e6 == value and -EXACT_BELOW < value < EXACT_BELOW:  # at most 6 decimals as written: exact
        return near
    return int((Decimal(repr(value)) * 1_000_000).to_integral_value(ROUND_HALF_EVEN))


def rank(*, resent: bool, sent: str, content: bytes) -> str:
    """Comparable as text: among several values of one key the greatest wins, whatever the order of arrival."""
    return f"{int(resent)}{sent}{crc32(content):08x}"
