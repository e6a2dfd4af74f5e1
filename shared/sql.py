"""Many keys and many rows, on both databases: look-ups of many keys, chunks for IN lists, upserts, bulk copies.

SQLite and PostgreSQL share ON CONFLICT, but SQLAlchemy has one of it for each; only PostgreSQL has COPY.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from json import dumps
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from sqlalchemy import Connection, Dialect, LargeBinary, Row, Table, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session

from shared.meanwhile import do_meanwhile

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

T = TypeVar("T")
SqlRow: TypeAlias = Row[*tuple[Any, ...]]  # of columns that no type describes
Rows = Sequence[Mapping[str, object]]  # all of the same columns
CHUNK = 400  # keys in one IN list
_IN_COPY = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}  # COPY's own escapes
NULL_IN_COPY = "\\N"
_SPECIAL_IN_COPY = re.compile(r"[\\\t\n\r]")
_BOUND_OF_KEYS = re.compile(r"(?<!:):(least|greatest)_(\w+)")
WORTH_COPYING = 50  # rows; below, a staging table costs more than it saves


def embedded(session: Session) -> bool:
    """Whether the database is SQLite."""
    return session.connection().dialect.name == "sqlite"


def chunks(items: Collection[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    listed = list(items)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def upsert(session: Session, table: Table, rows: Rows) -> None:
    """Insert, or replace the columns that the rows name of the row with this primary key."""
    if rows:
        session.connection().execute(_upsert(table, tuple(rows[0]), embedded(session)), rows)


def insert_new(session: Session, table: Table, rows: Rows) -> None:
    """Insert what is not there yet, leave the rest as it is."""
    if rows:
        session.connection().execute(_insert_new(table, embedded(session)), rows)


def bulk_upsert(session: Session, table: Table, rows: Rows) -> None:
    """`upsert` of thousands of rows; no key may occur twice among them."""
    if len(rows) < WORTH_COPYING or embedded(session):
        upsert(session, table, rows)
    else:
        _upsert_by_copy(session, table, rows)


def bulk_insert(session: Session, table: Table, rows: Rows, *, into: str | None = None) -> None:
    """Insert many rows: COPY on PostgreSQL, where single inserts take three times as long. `into`: another table of the
    same columns."""
    if not rows:
        return
    connection = session.connection()
    if embedded(session):
        connection.execute(table.insert(), rows)
        return
    names = list(rows[0])
    columns = [(name, _to_wire(table, name, connection.dialect)) for name in names]
    statement = f'COPY "{into or table.name}" ({", ".join(_quoted(names))}) FROM STDIN'
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
        for row in rows:
            copy.write_row([to_wire(row[name]) for name, to_wire in columns])


def write_many(session: Session, sqlite: str, postgres: str, rows: Sequence[tuple[object, ...]]) -> None:
    """The hot path: one prepared statement; PostgreSQL gets its columns as arrays (`unnest`)."""
    if not rows:
        return
    connection = session.connection()
    if embedded(session):
        connection.exec_driver_sql(sqlite, list(rows))
    else:
        connection.exec_driver_sql(postgres, _arrays(rows))


@dataclass(frozen=True, slots=True)
class Lookup:
    """Finds the rows that belong to many keys, in one statement whatever their number.

    `key`: name of each part of a key → its PostgreSQL type. `columns`, `table`, `where`: as of a SELECT; `k` is the key, as
    in `k.mn = value.mn`. `among`: an expression of text that must be one of the texts given beside the keys.

    `:least_start_s` and `:greatest_start_s` in `where` are the bounds of a part (a number) of all keys: PostgreSQL leaves out
    the partitions beyond them before it plans. On SQLite they are the key's own.
    """

    key: Mapping[str, str]
    columns: str
    table: str
    where: str
    among: str = ""
    order: str = ""
    _bounds: tuple[tuple[Callable[[Sequence[int]], int], int], ...] = field(init=False, repr=False)
    _postgres: str = field(init=False, repr=False)
    _sqlite: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts, extremes = list(self.key), {"least": min, "greatest": max}
        bounds = tuple((extremes[found[1]], parts.index(found[2])) for found in _BOUND_OF_KEYS.finditer(self.where))
        object.__setattr__(self, "_bounds", bounds)
        object.__setattr__(self, "_postgres", self._of_postgres())
        object.__setattr__(self, "_sqlite", self._of_sqlite())

    def rows(
        self, session: Session, keys: Collection[tuple[object, ...]], among: Collection[str] = ()
    ) -> Sequence[SqlRow]:
        """The rows of these keys, of which none may be given twice."""
        if not keys:
            return []
        connection = session.connection()
        if embedded(session):
            texts = (dumps(list(among)),) if self.among else ()
            return connection.exec_driver_sql(self._sqlite, (dumps(list(keys)), *texts)).all()
        texts = (_array(list(among)),) if self.among else ()
        columns = list(zip(*keys, strict=True))
        bounds = [extreme(columns[part]) for extreme, part in self._bounds]
        return connection.exec_driver_sql(self._postgres, (*map(_array, columns), *bounds, *texts)).all()

    def _of_postgres(self) -> str:
        """OFFSET 0: an index look-up a key, whatever the planner takes tables for that nobody analysed yet."""
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.key.values())
        among = f" AND {self.among} = ANY(%s::text[])" if self.among else ""
        where = _BOUND_OF_KEYS.sub("%s::bigint", self.where)
        found = f"SELECT {self.columns} FROM {self.table} WHERE {where}{among} OFFSET 0"
        keys = f"unnest({arrays}) AS k({', '.join(self.key)})"
        return f"SELECT f.* FROM {keys} CROSS JOIN LATERAL ({found}) AS f {self.order}"

    def _of_sqlite(self) -> str:
        """CROSS JOIN: the keys are the outer loop."""
        parts = ", ".join(f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(self.key))
        among = f" AND {self.among} IN (SELECT value FROM json_each(?))" if self.among else ""
        keys = f"(SELECT {parts} FROM json_each(?)) AS k"
        where = _BOUND_OF_KEYS.sub(r"k.\2", self.where)
        return f"SELECT {self.columns} FROM {keys} CROSS JOIN {self.table} WHERE {where}{among} {self.order}"


def _arrays(rows: Collection[tuple[object, ...]]) -> tuple[str, ...]:
    """The columns of these rows as PostgreSQL reads arrays from text: ten times as fast as the driver writes lists."""
    return tuple(map(_array, zip(*rows, strict=True)))


def _array(column: Sequence[object]) -> str:
    if not column:
        return "{}"
    if set(map(type, column)) == {int}:
        return "{" + ",".join(map(str, column)) + "}"
    texts = [value for value in column if isinstance(value, str)]
    joined = '","'.join(texts)
    plain = "\\" not in joined and joined.count('"') == 2 * max(0, len(texts) - 1)
    if plain and len(texts) == len(column):
        return '{"' + joined + '"}'
    return "{" + ",".join(map(_element, column)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    text = str(value)
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def copy_or_write_many(
    session: Session, table: str, columns: str, rows: Sequence[tuple[object, ...]], *, sqlite: str, postgres: str
) -> None:
    """`write_many` of rows that are nearly always new: on PostgreSQL COPY takes half of the server's time, and one row that is
    there already has all of them written by the statement."""
    worth = len(rows) >= WORTH_COPYING and not embedded(session)
    if not (worth and copy_new_rows(session, table, columns, rows)):
        write_many(session, sqlite, postgres, rows)


def copy_rows(session: Session, table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    """COPY on PostgreSQL of texts, numbers, bytes and None; what goes wrong is SQLAlchemy's error, as of any other statement."""
    copy_text(session, table, columns, copied_rows(list(rows)))


def copy_text(session: Session, table: str, columns: str, text: str) -> None:
    """`copy_rows` of what is written as COPY reads it: see `copied_rows`, `copied_text`."""
    connection, statement = session.connection(), f"COPY {table} ({columns}) FROM STDIN"
    with (
        _as_of_statement(connection, statement),
        connection.connection.cursor() as cursor,  # type: ignore[attr-defined]
        cursor.copy(statement) as copy,
    ):
        copy.write(text)
        do_meanwhile(session)


def copied_rows(rows: Collection[tuple[object, ...]]) -> str:
    """The rows as COPY reads them; made a column at a time, which takes a third of the driver's time."""
    if not rows:
        return ""
    columns = map(_copied_column, zip(*rows, strict=True))
    return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def _copied_column(column: Sequence[object]) -> Sequence[str]:
    kinds = set(map(type, column))
    if kinds == {int}:
        return list(map(str, column))
    if kinds <= {int, NoneType}:
        return [NULL_IN_COPY if value is None else str(value) for value in column]
    if all(issubclass(kind, str) for kind in kinds - {NoneType}):
        texts = cast("Sequence[str | None]", column)
        kept = [text for text in texts if text is not None] if NoneType in kinds else cast("Sequence[str]", texts)
        if not _is_special("".join(kept)):
            return kept if kept is texts else [NULL_IN_COPY if text is None else text for text in texts]
    return list(map(_copied_value, column))


def _is_special(text: str) -> bool:
    """As `_SPECIAL_IN_COPY` finds something; a tenth of its time."""
    return "\\" in text or "\t" in text or "\n" in text or "\r" in text


def copied_text(value: str) -> str:
    """A text as COPY reads it."""
    if not _is_special(value):
        return value
    return _SPECIAL_IN_COPY.sub(lambda found: _IN_COPY[found[0]], value)


def _copied_value(value: object) -> str:
    if value is None:
        return NULL_IN_COPY
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return copied_text(str(value)) if isinstance(value, str) else str(value)


def copy_new_rows(session: Session, table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> bool:
    """`copy_rows` as long as every key is new; False when one was there, and none of the rows has been written."""
    return copy_new_text(session, table, columns, copied_rows(list(rows)))


def copy_new_text(session: Session, table: str, columns: str, text: str) -> bool:
    """`copy_text` as long as every key is new; False when one was there, and none of the rows has been written."""
    try:
        with session.connection().begin_nested():
            copy_text(session, table, columns, text)
    except IntegrityError:
        return False
    return True


@contextmanager
def _as_of_statement(connection: Connection, statement: str) -> Iterator[None]:
    """COPY goes past SQLAlchemy: its errors would look like none of a database."""
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except base as wrong:
        raise DBAPIError.instance(statement, None, wrong, base, hide_parameters=True) from wrong


def insert_into(table: Table, *, sqlite: bool) -> SqliteInsert | PostgresInsert:
    """An INSERT that knows ON CONFLICT. A dialect is imported where it is used: PostgreSQL's takes long to load."""
    if sqlite:
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert as postgres_insert

    return postgres_insert(table)


@cache
def _upsert(table: Table, names: tuple[str, ...], sqlite: bool) -> SqliteInsert | PostgresInsert:
    statement = insert_into(table, sqlite=sqlite)
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


@cache
def _insert_new(table: Table, sqlite: bool) -> SqliteInsert | PostgresInsert:
    return insert_into(table, sqlite=sqlite).on_conflict_do_nothing()


def _upsert_by_copy(session: Session, table: Table, rows: Rows) -> None:
    """PostgreSQL: into a staging table by COPY, and from there in one statement."""
    connection, staging = session.connection(), f"staging_{table.name}"
    connection.execute(text(f'CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE "{table.name}") ON COMMIT DELETE ROWS'))
    connection.execute(text(f"TRUNCATE {staging}"))
    bulk_insert(session, table, rows, into=staging)
    columns = ", ".join(_quoted(rows[0]))
    keys = ", ".join(_quoted(column.name for column in table.primary_key.columns))
    changed = ", ".join(f"{name} = excluded.{name}" for name in _quoted(rows[0]))
    connection.execute(
        text(
            f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} FROM {staging} '
            f"ON CONFLICT ({keys}) DO UPDATE SET {changed}"
        )
    )


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def _to_wire(table: Table, name: str, dialect: Dialect) -> Callable[[object], object]:
    """How a value of this column is written; bytes and texts as they are."""
    kind = table.c[name].type
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    return process if process is not None and not isinstance(kind, LargeBinary) else lambda value: value
