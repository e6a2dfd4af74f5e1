"""Real-time and minute readings, one row a packet: written where there is none, merged by factor where there is one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from operator import attrgetter

from sqlalchemy import Row, select
from sqlmodel import Session

from services.monitoring.domain.packet_row import PACKET_PERIODS, PacketRow, merged, unpacked, values_in
from services.monitoring.domain.reading import NORMAL, PeriodValue
from services.monitoring.domain.validity import Sample
from services.monitoring.domain.windows import HOUR_S, WindowKey
from services.monitoring.store.tables import PACKET
from shared.sql import SqlRow, chunks, copy_new_rows, copy_rows, embedded, write_many

COLUMNS = "mn, period, start_s, rank, source, received_at_s, body"
SamplesOfHours = dict[WindowKey, dict[str, list[Sample]]]
_sample = Sample._make  # three times as fast as the constructor: a running hour of a point has hundreds
LAST_S = 1 << 40  # after every start
READ_AT_ONCE = 2_000  # rows of a point while they are searched for factors

_columns_of = attrgetter(*COLUMNS.split(", "))
_changed_of = attrgetter("rank", "source", "received_at_s", "body", "mn", "period", "start_s")
_P_COLUMNS = ", ".join(f"p.{name}" for name in COLUMNS.split(", "))
_INSERT = f"INSERT INTO packet ({COLUMNS}) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
_STAGING = "CREATE TEMP TABLE IF NOT EXISTS staging_packet (LIKE packet) ON COMMIT DELETE ROWS"
_FROM_STAGING = f"INSERT INTO packet ({COLUMNS}) SELECT {COLUMNS} FROM staging_packet ON CONFLICT DO NOTHING"
_BETWEEN = "p.start_s >= %s AND p.start_s < %s"  # so that PostgreSQL leaves out the partitions of other days
_DIFFERENT = f"""SELECT {_P_COLUMNS} FROM staging_packet s JOIN packet p USING (mn, period, start_s)
 WHERE (p.rank, p.source, p.received_at_s, p.body) IS DISTINCT FROM (s.rank, s.source, s.received_at_s, s.body)
 AND {_BETWEEN} FOR UPDATE OF p"""
_STORED = f"""WITH k(mn, period, start_s) AS (VALUES {{}}) SELECT {_P_COLUMNS} FROM k CROSS JOIN packet p
 WHERE p.mn = k.mn AND p.period = k.period AND p.start_s = k.start_s"""
_UPDATE = (
    "UPDATE packet SET rank = ?, source = ?, received_at_s = ?, body = ? WHERE mn = ? AND period = ? AND start_s = ?"
)
_NEW = "new(rank, source, received_at_s, body, mn, period, start_s)"
_ARRAYS = "%s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::text[], %s::text[], %s::bigint[]"
_UPDATE_MANY = f"""UPDATE packet p SET rank = new.rank, source = new.source, received_at_s = new.received_at_s,
 body = new.body FROM unnest({_ARRAYS}) AS {_NEW}
 WHERE p.mn = new.mn AND p.period = new.period AND p.start_s = new.start_s"""
_SAMPLES = """SELECT h.mn, h.start_s AS hour_s, p.start_s, p.body FROM {} CROSS JOIN packet p
 WHERE p.mn = h.mn AND p.period = {} AND p.start_s >= h.start_s AND p.start_s < h.start_s + 3600"""
_SAMPLES_OF_ARRAYS = f"{_SAMPLES.format('unnest(%s::text[], %s::bigint[]) AS h(mn, start_s)', '%s')} AND {_BETWEEN}"


def write_packets(session: Session, rows: Collection[PacketRow]) -> None:
    """Store them; no key occurs twice among `rows`. What is there already is merged by factor, the greater rank wins."""
    if not rows:
        return
    if embedded(session):
        cursor = session.connection().exec_driver_sql(_INSERT, [_columns_of(row) for row in rows])
        if cursor.rowcount != len(rows):
            _merge(session, rows, _stored(session, rows))
    elif not copy_new_rows(session, "packet", COLUMNS, map(_columns_of, rows)):
        _write_staged(session, rows)


def _write_staged(session: Session, rows: Collection[PacketRow]) -> None:
    """PostgreSQL: insert those that are new, merge those that say something else than what is stored."""
    connection = session.connection()
    connection.exec_driver_sql(_STAGING)
    connection.exec_driver_sql("TRUNCATE staging_packet")
    copy_rows(session, "staging_packet", COLUMNS, map(_columns_of, rows))
    if connection.exec_driver_sql(_FROM_STAGING).rowcount == len(rows):
        return
    starts = [row.start_s for row in rows]
    _merge(
        session,
        rows,
        map(read_packet_row, connection.exec_driver_sql(_DIFFERENT, (min(starts), max(starts) + 1)).all()),
    )


def _stored(session: Session, rows: Collection[PacketRow]) -> Iterator[PacketRow]:
    """SQLite: what stands under the keys of these rows."""
    for part in chunks(rows):
        places = ",".join(["(?,?,?)"] * len(part))
        keys = tuple(value for row in part for value in row.key)
        yield from map(read_packet_row, session.connection().exec_driver_sql(_STORED.format(places), keys).all())


def _merge(session: Session, rows: Collection[PacketRow], stored: Iterable[PacketRow]) -> None:
    of_key = {row.key: row for row in rows}
    changed = [after for before in stored if (after := merged(before, of_key[before.key])) != before]
    write_many(session, _UPDATE, _UPDATE_MANY, [_changed_of(row) for row in changed])


def read_packet_row(row: Row[object]) -> PacketRow:
    return PacketRow(row.mn, row.period, row.start_s, row.rank, row.source, row.received_at_s, bytes(row.body))


def samples_of_hours(
    session: Session, hours: Collection[WindowKey], period: str, factors: Collection[str]
) -> SamplesOfHours:
    """Minute or instantaneous values (`period`) of these factors in these hours of points, by hour and factor, in one statement
    of PostgreSQL; an hour without any is not in it."""
    wanted = frozenset(factors)
    found: SamplesOfHours = {key: {} for key in hours}
    for mn, hour_s, start_s, body in _bodies(session, hours, period):
        of_hour, at_s = found[WindowKey(mn, "hour", hour_s)], start_s - hour_s
        for one in unpacked(body):
            factor = one.factor
            if factor in wanted:
                sample = _sample((at_s, one.micro, one.mark in NORMAL))
                if factor in of_hour:
                    of_hour[factor].append(sample)
                else:
                    of_hour[factor] = [sample]
    return {key: of_hour for key, of_hour in found.items() if of_hour}


def _bodies(session: Session, hours: Collection[WindowKey], period: str) -> Iterator[SqlRow]:
    connection = session.connection()
    if not hours:
        return
    if not embedded(session):
        starts = [key.start_s for key in hours]
        keys = [key.mn for key in hours], starts, period, min(starts), max(starts) + HOUR_S
        yield from connection.exec_driver_sql(_SAMPLES_OF_ARRAYS, keys)
        return
    for part in chunks(hours):
        places = ",".join(["(?,?)"] * len(part))
        statement = f"WITH h(mn, start_s) AS (VALUES {places}) {_SAMPLES.format('h', '?')}"
        values = [value for key in part for value in (key.mn, key.start_s)]
        yield from connection.exec_driver_sql(statement, (*values, period))


def packets_between(
    session: Session, mn: str, period: str, low_s: int, high_s: int, *, newest_first: bool = False
) -> Iterator[PacketRow]:
    """The rows that start in [low, high), in order of time, read a part at a time."""
    p = PACKET.c
    wanted = select(PACKET).where(p.mn == mn, p.period == period).limit(READ_AT_ONCE)
    wanted = wanted.order_by(p.start_s.desc() if newest_first else p.start_s)
    while True:
        span = wanted.where(p.start_s >= low_s, p.start_s < high_s)
        rows = [read_packet_row(row) for row in session.connection().execute(span)]
        yield from rows
        if len(rows) < READ_AT_ONCE:
            return
        low_s, high_s = (low_s, rows[-1].start_s) if newest_first else (rows[-1].start_s + 1, high_s)


def series_of_packets(
    session: Session, mn: str, factor: str, period: str, *, low_s: int, high_s: int, limit: int
) -> list[PeriodValue]:
    """Values of one factor in order of time, from `low_s` on, before `high_s`."""
    values = (one for row in packets_between(session, mn, period, low_s, high_s) for one in values_in(row))
    return list(islice((one for one in values if one.factor == factor), limit))


def newest_packets(session: Session, mn: str, period: str, size: int) -> list[PacketRow]:
    """The newest `size` rows of a point and period, newest first."""
    return list(islice(packets_between(session, mn, period, 0, LAST_S, newest_first=True), size))


def starts_of_packets(session: Session, mn: str, period: str, low_s: int, high_s: int) -> list[int]:
    """Starts of the rows in [low, high), in order."""
    p = PACKET.c
    wanted = select(p.start_s).where(p.mn == mn, p.period == period, p.start_s >= low_s, p.start_s < high_s)
    return list(session.connection().execute(wanted.order_by(p.start_s)).scalars())


def first_packet(session: Session, mn: str, low_s: int) -> int | None:
    """The earliest start of a row of the point from `low_s` on."""
    p = PACKET.c
    found = []
    for period in PACKET_PERIODS:
        wanted = select(p.start_s).where(p.mn == mn, p.period == period, p.start_s >= low_s)
        found.append(session.connection().execute(wanted.order_by(p.start_s).limit(1)).scalar_one_or_none())
    return min((start for start in found if start is not None), default=None)
