"""Upserts in the words of both databases: SQLite and PostgreSQL share ON CONFLICT, SQLAlchemy keeps two of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session

Rows = Sequence[Mapping[str, Any]]


def embedded(session: Session) -> bool:
    """Whether this is the SQLite shape."""
    return session.connection().dialect.name == "sqlite"


def upsert(session: Session, table: Table, rows: Rows) -> None:
    """Insert, or replace all other columns."""
    if rows:
        session.connection().execute(_upsert(table, embedded(session)), rows)


def insert_new(session: Session, table: Table, rows: Rows) -> None:
    """Insert what is not there yet, leave the rest as it is."""
    if rows:
        session.connection().execute(_insert_new(table, embedded(session)), rows)


def write_many(session: Session, sqlite: str, postgres: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """The hot path: one prepared statement; PostgreSQL gets its columns as arrays (`unnest`)."""
    if not rows:
        return
    connection = session.connection()
    if embedded(session):
        connection.exec_driver_sql(sqlite, list(rows))
    else:
        connection.exec_driver_sql(postgres, tuple(list(column) for column in zip(*rows, strict=True)))


@cache
def _upsert(table: Table, sqlite: bool) -> Any:
    statement: Any = (sqlite_insert if sqlite else postgres_insert)(table)
    keys = [column.name for column in table.primary_key.columns]
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


@cache
def _insert_new(table: Table, sqlite: bool) -> Any:
    statement: Any = (sqlite_insert if sqlite else postgres_insert)(table)
    return statement.on_conflict_do_nothing()
