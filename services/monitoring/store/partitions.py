"""Partitions of PostgreSQL by day or month: which a table has, and how one is made ahead. SQLite has none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import Session

from services.monitoring.domain.partitioning import Partitioning
from shared.sql import embedded

PATIENCE_MS = 800  # less than PostgreSQL waits before it looks for a deadlock
_BOUND = re.compile(r"FOR VALUES FROM \((?:'(-?\d+)'|MINVALUE)\) TO \('(-?\d+)'\)")
_PARTITIONS = """SELECT c.oid::regclass::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(:table AS regclass)"""
FIRST_S = -(1 << 62)  # before every start


class Partition(NamedTuple):
    """A partition other than the default one, with the starts that it holds: [low, high)."""

    name: str
    low_s: int
    high_s: int

    def holds(self, start_s: int) -> bool:
        return self.low_s <= start_s < self.high_s


def partitions(session: Session, of: Partitioning) -> list[Partition]:
    """PostgreSQL: the table's partitions without the default one, in order; none on SQLite."""
    if embedded(session):
        return []
    found = []
    for name, bound in session.connection().execute(text(_PARTITIONS), {"table": of.table}):
        if bounds := _BOUND.fullmatch(bound):
            found.append(Partition(name, int(bounds[1] or FIRST_S), int(bounds[2])))
    return sorted(found, key=lambda one: one.low_s)


def make_partitions(session: Session, of: Partitioning, starts: Iterable[int]) -> list[int]:
    """PostgreSQL: a partition for each of these spans that has none, with its rows that stand in the default partition; a span
    that has too many there gets none. What was made.

    Processes that do this at one time do it one after the other, until the end of their transactions. Others wait only where
    they write to the default partition, or read it; when somebody does for long, this gives up (Unreachable)."""
    if embedded(session):
        return []
    one_at_a_time(session, of)
    known = partitions(session, of)
    missing = [start for start in starts if not any(one.holds(start) for one in known)]
    missing = [start for start in missing if not _exists(session, of.name(start))]
    if missing:  # a row that came between the look and the new partition would make it fail
        session.connection().execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_MS}ms'"))
        session.connection().execute(text(f"LOCK TABLE {of.default} IN ACCESS EXCLUSIVE MODE"))
    made = [start for start in missing if not _more_rows(session, of, start, of.most_moved)]
    for start in made:
        _make(session, of, start)
    return made


def _make(session: Session, of: Partitioning, start: int) -> None:
    """Attached, not created in place: who reads and writes other spans goes on."""
    connection, name, end = session.connection(), of.name(start), of.next_s(start)
    connection.execute(text(f"CREATE TABLE {name} (LIKE {of.table} INCLUDING ALL)"))
    if of.most_moved:
        moved = f"DELETE FROM {of.default} WHERE start_s >= {start} AND start_s < {end} RETURNING *"
        connection.execute(text(f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved"))
    connection.execute(text(f"ALTER TABLE {of.table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})"))


def one_at_a_time(session: Session, of: Partitioning) -> None:
    """PostgreSQL: processes that make or remove partitions of a table do it one after the other."""
    if not embedded(session):
        name = {"name": f"monitoring.partitions.{of.table}"}
        session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), name)


def has_rows(session: Session, table: str, low_s: int, high_s: int) -> bool:
    """Whether a row of the table starts in [low, high)."""
    query = text(f"SELECT 1 FROM {table} WHERE start_s >= :low AND start_s < :high LIMIT 1")
    return session.connection().execute(query, {"low": low_s, "high": high_s}).first() is not None


def _more_rows(session: Session, of: Partitioning, start: int, count: int) -> bool:
    """Whether more rows of the span than this stand in the default partition."""
    query = text(f"SELECT 1 FROM {of.default} WHERE start_s >= :low AND start_s < :high LIMIT 1 OFFSET {count}")
    found = session.connection().execute(query, {"low": start, "high": of.next_s(start)})
    return found.first() is not None


def _exists(session: Session, table: str) -> bool:
    """Whether there is a table of this name: a partition that was detached keeps its name."""
    return session.connection().execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar_one() is not None
