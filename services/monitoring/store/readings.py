"""Real-time and minute readings wherever they stand: in the database, in the archive, or a part in each.

The rows are read first, then the manifest of files: see `archive.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlmodel import Session

from services.monitoring.domain.archive import rows_of
from services.monitoring.domain.packet_row import PACKET_PERIODS, PacketRow, all_merged, greater, unpacked, values_in
from services.monitoring.domain.reading import NORMAL, PeriodValue
from services.monitoring.domain.validity import Sample
from services.monitoring.domain.windows import HOUR_S, WindowKey, day_start_s, hour_start_s
from services.monitoring.store import packets
from services.monitoring.store.archive import (
    archived_of_points,
    archived_readings,
    archived_starts,
    files_of_days,
    first_archived,
    newest_archived,
    newest_packets_archived,
)
from services.monitoring.store.packets import LAST_S, READ_AT_ONCE, SamplesOfHours, packets_between


def samples_of_hours(
    session: Session, hours: Collection[WindowKey], period: str, factors: Collection[str]
) -> SamplesOfHours:
    """Minute or instantaneous values (`period`) of these factors in these hours of points, by hour and factor; an hour without
    any is not in it. Raises Unreachable: the hours are archived, and the archive is away."""
    found = packets.samples_of_hours(session, hours, period, factors)
    archived = {file.day for file in files_of_days(session, {day_start_s(hour.start_s) for hour in hours})}
    of_archived_days = {hour for hour in hours if day_start_s(hour.start_s) in archived}
    if of_archived_days:
        found |= _samples_of_archived(session, of_archived_days, period, frozenset(factors))
    return found


def _samples_of_archived(
    session: Session, hours: Collection[WindowKey], period: str, factors: frozenset[str]
) -> SamplesOfHours:
    rows = [row for key in hours for row in packets_between(session, key.mn, period, key.start_s, key.start_s + HOUR_S)]
    starts = [key.start_s for key in hours]
    readings = archived_of_points(session, {key.mn for key in hours}, period, min(starts), max(starts) + HOUR_S)
    of_hours = (one for one in readings if WindowKey(one.mn, "hour", hour_start_s(one.start_s)) in hours)
    found: SamplesOfHours = {}
    for row in all_merged([*rows, *rows_of(of_hours)]).values():
        hour = WindowKey(row.mn, "hour", hour_start_s(row.start_s))
        for one in unpacked(row.body):
            if one.factor in factors:
                samples = found.setdefault(hour, {}).setdefault(one.factor, [])
                samples.append(Sample(row.start_s - hour.start_s, one.micro, one.mark in NORMAL))
    return found


def series_of_packets(
    session: Session, mn: str, factor: str, period: str, *, low_s: int, high_s: int, limit: int
) -> list[PeriodValue]:
    """Values of one factor in order of time, from `low_s` on, before `high_s`."""
    rows = packets.series_of_packets(session, mn, factor, period, low_s=low_s, high_s=high_s, limit=limit)
    archived = archived_readings(session, mn, period, factor=factor, low_s=low_s, high_s=high_s, limit=limit)
    return _in_order([*rows, *archived])[:limit]


def _in_order(values: Iterable[PeriodValue]) -> list[PeriodValue]:
    """One value a start; of two that of greater rank."""
    found: dict[int, PeriodValue] = {}
    for one in values:
        known = found.get(one.start_s)
        found[one.start_s] = one if known is None else greater(known, one)
    return [found[start] for start in sorted(found)]


def latest_of_packets(session: Session, mn: str) -> list[PeriodValue]:
    """The newest value of each factor and period, among the newest 2,000 packets (at one in 30 s: of 16 hours)."""
    found: dict[tuple[str, str], PeriodValue] = {}
    for period in PACKET_PERIODS:
        for row in _newest(session, mn, period):
            if any((period, one.factor) not in found for one in unpacked(row.body)):
                for value in values_in(row):
                    found.setdefault((period, value.factor), value)
    return list(found.values())


def _newest(session: Session, mn: str, period: str) -> list[PacketRow]:
    """The newest packets of a point, newest first; of the archive no further back than the rows and every factor's newest
    reading."""
    rows = packets.newest_packets(session, mn, period, READ_AT_ONCE)
    newest = [one.start_s for one in newest_archived(session, mn) if one.period == period]
    if not newest:
        return rows
    oldest = [row.start_s for row in rows[-1:]]
    low_s = min([*newest, *oldest]) if len(rows) < READ_AT_ONCE else rows[-1].start_s
    archived = newest_packets_archived(session, mn, period, low_s, READ_AT_ONCE)
    together = sorted(all_merged([*rows, *archived]).values(), key=lambda row: -row.start_s)
    return together[:READ_AT_ONCE]


def starts_of_packets(session: Session, mn: str, period: str, low_s: int, high_s: int) -> list[int]:
    """Starts of the packets in [low, high), in order."""
    rows = packets.starts_of_packets(session, mn, period, low_s, high_s)
    archived = archived_starts(session, mn, period, low_s, high_s)
    return sorted({*rows, *archived}) if archived else rows


def first_packet(session: Session, mn: str, low_s: int) -> int | None:
    """The earliest start of a packet of the point from `low_s` on."""
    row = packets.first_packet(session, mn, low_s)
    archived = first_archived(session, mn, low_s, LAST_S if row is None else row)
    return row if archived is None else archived
