"""Days of packet rows that stand in files: what a file holds, which day may be moved, what of a row a file lacks.

A file has one row a reading. Times are epoch seconds; a day is named by the second at which it begins in Shanghai.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from services.monitoring.domain.packet_row import PacketKey, PacketRow, merged, row_of, values_in
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.windows import DAY_S, shanghai_date

PREFIX, SUFFIX = "packets-", ".parquet"
REPLACED_STAYS_S = 7 * DAY_S  # a replaced file is removed after this: a database restored from a copy may still name it
LEAST_DAYS = 1


class FileState(StrEnum):
    """`current`: holds its part of the day. `replaced`: another file holds that and more."""

    CURRENT = "current"
    REPLACED = "replaced"


Readings = list[PeriodValue]  # of one packet, in order of their factors
COLUMNS = PeriodValue.__struct_fields__


@dataclass(frozen=True, slots=True)
class Content:
    """What was written to a file, or read from one. `digest` is equal for the same readings in any order, within a process."""

    rows: int
    readings: int
    digest: int
    first: PacketKey
    last: PacketKey


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file as the manifest has it. `first`, `last`: its least and greatest key; `verified_at_s`: when it was last read
    whole and found right."""

    name: str
    day: int
    first: PacketKey
    last: PacketKey
    rows: int
    readings: int
    bytes: int
    sha256: str
    written_at_s: int
    verified_at_s: int
    state: FileState = FileState.CURRENT

    @property
    def end_s(self) -> int:
        return self.day + DAY_S


def file_name(day: int, sha256: str) -> str:
    """Of a day's part with this content. No folder: replicas may reach the same files at other places."""
    return f"{PREFIX}{shanghai_date(day).isoformat()}-{sha256[:16]}{SUFFIX}"


def leaves_before_s(now_s: int, days: int) -> int:
    """Rows of days that begin before this leave the database: such a day ended at least `days` days ago."""
    return now_s - (days + 1) * DAY_S + 1


def part_of(key: PacketKey, files: Sequence[ArchiveFile]) -> int:
    """Which of a day's files, in order of their keys, a row belongs to: the last that does not begin after it, or the first."""
    return max((n for n, file in enumerate(files) if file.first <= key), default=0)


def rows_of(readings: Iterable[PeriodValue]) -> Iterator[PacketRow]:
    """The packet rows of readings that come in the order of their keys."""
    return (row_of(list(group)) for _, group in groupby(readings, key=_key))


def packets_in(rows: Iterable[PacketRow]) -> Iterator[Readings]:
    """The readings of each row."""
    return map(values_in, rows)


def merged_packets(archived: Iterable[PeriodValue], rows: Iterable[PacketRow]) -> Iterator[Readings]:
    """The packets of a file and of the database, both in the order of their keys, as one: of each factor the value of
    greater rank."""
    of_file = (list(group) for _, group in groupby(archived, key=_key))
    for _, same in groupby(heapq.merge(of_file, packets_in(rows), key=_key_of_packet), key=_key_of_packet):
        packets = list(same)
        yield packets[0] if len(packets) == 1 else _merged(*packets)


def covered(row: PacketRow, archived: Mapping[PacketKey, Readings]) -> bool:
    """Whether the files hold all that the row says: merged with what they have, nothing changes."""
    known, own = archived.get(row.key), values_in(row)
    return known is not None and (own == known or _merged(known, own) == known)


def _merged(one: Readings, other: Readings) -> Readings:
    return values_in(merged(row_of([*one]), row_of([*other])))


def _key(one: PeriodValue) -> PacketKey:
    return PacketKey(one.mn, one.period, one.start_s)


def _key_of_packet(packet: Readings) -> PacketKey:
    return _key(packet[0])
