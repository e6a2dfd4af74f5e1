"""A service's own database: SQLite file or PostgreSQL schema, one way to write, one way to read.

`transaction()` is the only way to write: SQLite takes the write lock at its beginning (BEGIN IMMEDIATE); on PostgreSQL
what is loaded to be changed is loaded with `.with_for_update()`. A database that is away raises Unreachable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Session

from shared.commit_signal import CommitSignal, notify_committed
from shared.domain.errors import Invalid, Unreachable
from shared.meanwhile import MEANWHILE, to_be_done
from shared.private_files import make_private_file, make_private_folder

SQLITE_AWAY = ("locked", "busy", "disk", "full", "unable to open", "readonly", "i/o")
BUSY_TIMEOUT_MS = 15_000  # a writer of another process (CLI beside a host) may hold the file this long
POSTGRES_SETTINGS = {
    "timezone": "UTC",
    # A member stopped in the middle of a transaction keeps its row locks; whoever takes over must not wait for ever.
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "15s",
    # Look-ups of many keys are estimated to cost so much that PostgreSQL would compile them: 100 ms for what takes 2.
    "jit": "off",
}
OUTBOX_SIGNAL = "outbox-signal"  # key in Session.info: the signal of the database that the session writes to


def outbox_written(session: Session) -> None:
    """This transaction wrote outbox rows: wake the relay once it has committed."""
    signal: CommitSignal = session.info[OUTBOX_SIGNAL]
    signal.notify_after_commit(session)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes only: stored as UTC, returned aware. SQLite keeps no offset, so it stores naive UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: the database keeps aware ones only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class WideInteger(TypeDecorator[int]):
    """64 bits on PostgreSQL; SQLite's INTEGER is that wide anyway, and numbers its rows only under that name."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())


class Database:
    """One service's engine. `committed` is set after each commit that left outbox rows: a wake-up signal for the relay."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.committed = CommitSignal()
        self.session_info: dict[str, object] = {}  # what a service's stores find in each session's `info`
        self._writing = engine.execution_options(yujing_write=True)
        # One process's writers queue here fairly; SQLite's own busy handler polls and starves.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    @property
    def embedded(self) -> bool:
        """Whether this is the SQLite shape."""
        return self._turn is not None

    @contextmanager
    def transaction(self, meanwhile: Callable[[], None] | None = None) -> Iterator[Session]:
        """The only way to write: commits at the end, rolls back on any error. `meanwhile`: see `shared.meanwhile`; it may
        not be done at all."""
        info = {**self.session_info, OUTBOX_SIGNAL: self.committed, MEANWHILE: to_be_done(meanwhile)}
        with (
            self._turn or nullcontext(),
            self._translated(),
            Session(self._writing, expire_on_commit=False, info=info) as session,
            session.begin(),
        ):
            yield session
        notify_committed(session)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent look; whatever is changed here is thrown away."""
        with self._translated(), Session(self.engine, expire_on_commit=False, info=self.session_info) as session:
            yield session

    def ping(self) -> str | None:
        """None when the database answers, else why not."""
        try:
            with self.read() as session:
                session.connection().execute(text("SELECT 1"))
        except Unreachable as away:
            return away.detail
        return None

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as wrong:
            if _beyond_limits(wrong):
                raise Invalid("a value is none that the database can keep", rule="shorter keys and values") from wrong
            if self._away(wrong):
                raise Unreachable("the database is away", code="database-away") from wrong
            raise
        except (DataError, OverflowError, UnicodeEncodeError) as wrong:  # NUL, over 64 bits, half a surrogate pair
            raise Invalid("a value is none that the database can keep", rule="text without NUL, 64 bits") from wrong
        except PoolTimeout as wrong:
            raise Unreachable("all connections to the database are taken", code="database-away") from wrong

    def _away(self, wrong: DBAPIError) -> bool:
        if self._turn is None:
            return True
        return any(word in str(wrong.orig).lower() for word in SQLITE_AWAY)


def _beyond_limits(wrong: DBAPIError) -> bool:
    """PostgreSQL's class 54: a value larger than an index or a statement holds. It comes again however long one waits."""
    return str(getattr(wrong.orig, "sqlstate", None) or "").startswith("54")


def open_database(url: str | None, folder: Path, service: str) -> Database:
    """The service's database: `folder/<service>.sqlite` when `url` is None, else the schema `service` at `url`."""
    if url is None:
        make_private_folder(folder)
        make_private_file(folder / f"{service}.sqlite")
        return Database(_sqlite(folder / f"{service}.sqlite"))
    return Database(_postgres(url, service))


def _sqlite(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,
        pool_size=20,
        max_overflow=40,
    )
    event.listen(engine, "connect", _sqlite_pragmas)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_pragmas(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("yujing_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgres(url: str, service: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        connect_args={
            "options": " ".join([f"-csearch_path={service}", *(f"-c{k}={v}" for k, v in POSTGRES_SETTINGS.items())]),
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,  # ms; a server that vanished without a word
        },
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text must not carry rows into the log
        pool_size=10,
        max_overflow=20,
    )
