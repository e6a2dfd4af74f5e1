"""Packet rows by Shanghai day: the days that have any, their rows, and how a day is removed.

A day is named by the epoch second at which it begins. On PostgreSQL a day has a partition of its own (`partitions.py`); rows of
days without one stand in `packet_default`. SQLite has one table, in the order of points.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from sqlalchemy import bindparam, delete, func, select, text, tuple_
from sqlmodel import Session

from services.monitoring.domain.packet_row import PACKET_PERIODS, PacketKey, PacketRow
from services.monitoring.domain.partitioning import PACKETS
from services.monitoring.domain.windows import DAY_S, SHANGHAI_S, day_start_s
from services.monitoring.store.packets import LAST_S, packets_between, read_packet_row
from services.monitoring.store.partitions import PATIENCE_MS, has_rows, make_partitions, one_at_a_time, partitions
from services.monitoring.store.tables import PACKET
from shared.sql import embedded


def make_days(session: Session, days: Iterable[int]) -> list[int]:
    """PostgreSQL: a partition for each of these days that has none, and no row in the default partition. What was made."""
    return make_partitions(session, PACKETS, days)


def partitioned_days(session: Session) -> set[int]:
    """PostgreSQL: the days that have a partition; none on SQLite."""
    return {one.low_s for one in partitions(session, PACKETS)}


def packet_days(session: Session, before_s: int = LAST_S) -> list[int]:
    """The days that have rows and begin before then, in order."""
    if embedded(session):
        days = (_days(session, mn, period, before_s) for mn in _points(session) for period in PACKET_PERIODS)
        return sorted(set(chain.from_iterable(days)))
    found = {
        day
        for day in partitioned_days(session)
        if day < before_s and has_rows(session, PACKETS.name(day), day, day + DAY_S)
    }
    query = text(f"SELECT DISTINCT (start_s + {SHANGHAI_S}) / {DAY_S} FROM {PACKETS.default} WHERE start_s < :before")
    numbers = session.connection().execute(query, {"before": day_start_s(before_s - 1) + DAY_S})
    return sorted(found | {number * DAY_S - SHANGHAI_S for number in numbers.scalars()})


def packets_of_day(session: Session, day: int, after: PacketKey | None, limit: int) -> list[PacketRow]:
    """Up to `limit` rows of the day in the order of their keys, from behind `after`: all of them, page by page."""
    if embedded(session):
        return _of_points(session, day, after, limit)
    p = PACKET.c
    wanted = select(PACKET).where(p.start_s >= day, p.start_s < day + DAY_S)
    if after is not None:
        wanted = wanted.where(tuple_(p.mn, p.period, p.start_s) > after)
    rows = session.connection().execute(wanted.order_by(p.mn, p.period, p.start_s).limit(limit))
    return [read_packet_row(row) for row in rows]


def _of_points(session: Session, day: int, after: PacketKey | None, limit: int) -> list[PacketRow]:
    """As `packets_of_day`: one table in the order of points holds all days, so each point is asked for this day."""
    found: list[PacketRow] = []
    since = after or PacketKey("", "", 0)
    for mn in _points(session, since.mn):
        for period in PACKET_PERIODS:
            if (mn, period) < (since.mn, since.period):
                continue
            low = max(day, since.start_s + 1) if (mn, period) == (since.mn, since.period) else day
            for row in packets_between(session, mn, period, low, day + DAY_S):
                found.append(row)
                if len(found) == limit:
                    return found
    return found


def drop_day(session: Session, day: int) -> None:
    """Remove every row of the day: its partition as a whole where it has one."""
    p = PACKET.c
    one_at_a_time(session, PACKETS)
    if day in partitioned_days(session):
        session.connection().execute(text(f"DROP TABLE {PACKETS.name(day)}"))
        return
    of_day = delete(PACKET).where(p.start_s >= day, p.start_s < day + DAY_S)
    if not embedded(session):
        session.connection().execute(of_day)
        return
    for mn in _points(session):
        session.connection().execute(of_day.where(p.mn == mn, p.period.in_(PACKET_PERIODS)))


def fingerprint(session: Session, day: int) -> str | None:
    """PostgreSQL: changes with every change of the day's partition; None when it has none, and on SQLite."""
    if day not in partitioned_days(session):
        return None
    query = f"SELECT count(*) || ' ' || coalesce(sum(hash_record_extended(p, 0)), 0) FROM {PACKETS.name(day)} p"
    found = session.connection().execute(text(query)).scalar_one()
    return str(found)


def drop_unchanged(session: Session, day: int, known: str) -> bool:
    """PostgreSQL: drop the day's partition when it still has this fingerprint. Writers of the day wait meanwhile; all others
    for less than a second, after which this gives up (Unreachable)."""
    one_at_a_time(session, PACKETS)
    if day not in partitioned_days(session):
        return False
    connection = session.connection()
    connection.execute(text(f"LOCK TABLE {PACKETS.name(day)} IN SHARE ROW EXCLUSIVE MODE"))
    if fingerprint(session, day) != known:
        return False
    connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_MS}ms'"))
    connection.execute(text(f"DROP TABLE {PACKETS.name(day)}"))
    return True


def delete_packets(session: Session, rows: Collection[PacketRow]) -> int:
    """Remove these rows where they still are as they are here; how many were."""
    p = PACKET.c
    statement = delete(PACKET).where(
        p.mn == bindparam("of_mn"),
        p.period == bindparam("of_period"),
        p.start_s == bindparam("at_s"),
        p.rank == bindparam("known_rank"),
        p.received_at_s == bindparam("known_received"),
        p.body == bindparam("known_body"),
    )
    values = [
        {
            "of_mn": row.mn,
            "of_period": row.period,
            "at_s": row.start_s,
            "known_rank": row.rank,
            "known_received": row.received_at_s,
            "known_body": row.body,
        }
        for row in rows
    ]
    return session.connection().execute(statement, values).rowcount if values else 0


def _points(session: Session, since: str = "") -> Iterable[str]:
    """SQLite: the points that have rows, in order from `since` on, each found by one step in the key's order."""
    newest, p = since, PACKET.c
    found = session.connection().execute(select(func.min(p.mn)).where(p.mn >= newest)).scalar_one()
    while found is not None:
        yield found
        found = session.connection().execute(select(func.min(p.mn)).where(p.mn > found)).scalar_one()


def _days(session: Session, mn: str, period: str, before_s: int) -> Iterable[int]:
    """SQLite: the days that have rows of a point and period and begin before then."""
    p, low = PACKET.c, 0
    wanted = select(func.min(p.start_s)).where(p.mn == mn, p.period == period)
    while low < LAST_S:
        start = session.connection().execute(wanted.where(p.start_s >= low)).scalar_one()
        if start is None or day_start_s(start) >= before_s:
            return
        yield day_start_s(start)
        low = day_start_s(start) + DAY_S
