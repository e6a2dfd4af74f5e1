"""Many rows at once, in the words of both databases: imports and sweeps write thousands in a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Table, text
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, SQLModel

from services.permits.store.tables import PermitsTable
from shared.database import insert_all

T = TypeVar("T")
MOST_VALUES = 500  # in one IN (…)
WORTH_COPYING = 50  # rows; below, a table of passage costs more than it saves


def table_of(model: type[SQLModel]) -> Table:
    return PermitsTable.metadata.tables[str(model.__tablename__)]


def chunks(values: Sequence[T], size: int = MOST_VALUES) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def upsert(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert, or replace the columns that the rows name."""
    if not rows:
        return
    table, connection = table_of(model), session.connection()
    if len(rows) >= WORTH_COPYING and connection.dialect.name != "sqlite":
        _copy_over(session, table, rows)
        return
    statement: Any = (sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert)(table)
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _copy_over(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """PostgreSQL: into a table of passage by COPY, and from there in one statement."""
    connection, passage = session.connection(), f"passage_{table.name}"
    connection.execute(text(f'CREATE TEMP TABLE IF NOT EXISTS {passage} (LIKE "{table.name}") ON COMMIT DELETE ROWS'))
    connection.execute(text(f"TRUNCATE {passage}"))
    insert_all(session, table, rows, into=passage)
    names = [f'"{name}"' for name in rows[0]]
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    changed = ", ".join(f"{name} = excluded.{name}" for name in names)
    columns = ", ".join(names)
    connection.execute(
        text(
            f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} FROM {passage} '
            f"ON CONFLICT ({keys}) DO UPDATE SET {changed}"
        )
    )
