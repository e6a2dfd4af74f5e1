"""One packet's real-time or minute readings as one row, how its values are packed, and what two packets of one moment make.

`body` is msgpack: a list, sorted by factor, of `[factor, micro, zs_micro, mark, extras, rank, source, received_at_s]`.
Trailing nulls are left out; the last three stand only where the factor came with another packet than the row's columns
name. Values are in 1e-6 of the point's unit, `extras` is JSON (Min, Max, Cou). It describes itself: no dictionary is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from services.monitoring.domain.reading import PeriodValue, Reading

INSTANT, MINUTE = "instant", "minute"
PACKET_PERIODS = (INSTANT, MINUTE)
_encode = msgspec.msgpack.Encoder().encode
_to_json = msgspec.json.Encoder().encode


class PacketKey(NamedTuple):
    """What only one row can be of: a moment, or the start of a minute, of a point."""

    mn: str
    period: str
    start_s: int


class PacketRow(NamedTuple):
    """A packet's readings as they are stored; `rank` as in `reading.rank`, `received_at_s` in epoch seconds. A tuple in the
    order of the columns, because every packet makes one and COPY takes it as it is."""

    mn: str
    period: str
    start_s: int
    rank: str
    source: str
    received_at_s: int
    body: bytes

    @property
    def key(self) -> PacketKey:
        return tuple.__new__(PacketKey, self[:3])  # half the time of its constructor


class PackedValue(msgspec.Struct, array_like=True, frozen=True):
    """One factor in a body. `rank`, `source`, `received_at_s` None: as the row has them."""

    factor: str
    micro: int | None = None
    zs_micro: int | None = None
    mark: str = ""
    extras: str | None = None
    rank: str | None = None
    source: str | None = None
    received_at_s: int | None = None


_decoder = msgspec.msgpack.Decoder(list[PackedValue])


def unpacked(body: bytes) -> list[PackedValue]:
    """The factors of a body."""
    return _decoder.decode(body)


def values_in(row: PacketRow) -> list[PeriodValue]:
    """The values of a row, each with the packet that brought it."""
    return [
        PeriodValue(
            row.mn,
            row.period,
            row.start_s,
            one.factor,
            one.micro,
            one.zs_micro,
            one.mark,
            row.source if one.source is None else one.source,
            row.rank if one.rank is None else one.rank,
            row.received_at_s if one.received_at_s is None else one.received_at_s,
            one.extras,
        )
        for one in unpacked(row.body)
    ]


def packed_readings(readings: Mapping[str, Reading]) -> bytes:
    """The body of one packet's readings."""
    return packed([packed_fields(factor, one) for factor, one in readings.items()])


def packed_fields(factor: str, one: Reading) -> tuple[object, ...]:
    """One factor as it stands in a body."""
    if one.extras is None:
        return factor, one.micro, one.zs_micro, one.mark
    return factor, one.micro, one.zs_micro, one.mark, _to_json(one.extras).decode()


def packed(fields: list[tuple[object, ...]]) -> bytes:
    """The body of factors that are given as they stand in it, in any order: they are sorted in their list."""
    fields.sort()  # factors differ, so nothing else is compared
    return _encode(fields)


def row_of(values: Sequence[PeriodValue]) -> PacketRow:
    """The row of all values of one point, period and start; no factor occurs twice among them, and there is one at least.
    The row's columns name the packet of the greatest rank."""
    first = max(values, key=lambda one: (one.rank, one.source, one.received_at_s))
    own = (first.rank, first.source, first.received_at_s)
    packed = [
        _shortened(
            (one.factor, one.micro, one.zs_micro, one.mark, one.extras)
            if (one.rank, one.source, one.received_at_s) == own
            else (one.factor, one.micro, one.zs_micro, one.mark, one.extras, one.rank, one.source, one.received_at_s)
        )
        for one in sorted(values, key=lambda one: one.factor)
    ]
    return PacketRow(first.mn, first.period, first.start_s, *own, _encode(packed))


def _shortened(fields: tuple[object, ...]) -> tuple[object, ...]:
    """Without its trailing nulls."""
    end = len(fields)
    while fields[end - 1] is None:
        end -= 1
    return fields[:end]


def merged(one: PacketRow, other: PacketRow) -> PacketRow:
    """What both packets of one key say: of each factor the value of greater rank. The same whatever the order, and however
    often a packet comes."""
    if one == other:
        return one
    found: dict[str, PeriodValue] = {}
    for value in (*values_in(one), *values_in(other)):
        known = found.get(value.factor)
        found[value.factor] = value if known is None else greater(known, value)
    return row_of(list(found.values()))


def greater(one: PeriodValue, other: PeriodValue) -> PeriodValue:
    """Which of two values of one moment and factor counts."""
    return other if _precedence(other) > _precedence(one) else one


def all_merged(rows: Iterable[PacketRow]) -> dict[PacketKey, PacketRow]:
    """One row a key."""
    found: dict[PacketKey, PacketRow] = {}
    for row in rows:
        known = found.get(row.key)
        found[row.key] = row if known is None else merged(known, row)
    return found


class _Precedence(NamedTuple):
    rank: str
    source: str
    received_at_s: int
    content: bytes


def _precedence(value: PeriodValue) -> _Precedence:
    """Rank decides; the rest only makes two packets of one rank come out the same in any order."""
    content = _encode((value.micro, value.zs_micro, value.mark, value.extras))
    return _Precedence(value.rank, value.source, value.received_at_s, content)
