"""A small service for contract tests: its tables on either store, and its loops on threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import MetaData, Table, func, select
from sqlalchemy import make_url as parse_url
from sqlmodel import Field, Session, SQLModel

from shared.database import Database, UtcDateTime, open_database
from shared.eventlog.outbox import LeaseColumns, OutboxColumns
from shared.eventlog.progress import ProgressColumns
from shared.ports import Record

SERVICE = "lab"


def now() -> datetime:
    return datetime.now(UTC)


class LabTable(SQLModel):
    metadata = MetaData()


class LabOutbox(OutboxColumns, LabTable, table=True):
    __tablename__ = "outbox"


class LabLease(LeaseColumns, LabTable, table=True):
    __tablename__ = "lease"


class LabProgress(ProgressColumns, LabTable, table=True):
    __tablename__ = "progress"


class Effect(LabTable, table=True):
    """What a record did: one row a time it was done."""

    id: int | None = Field(default=None, primary_key=True)
    event: str = Field(index=True)
    member: str = ""


class Counter(LabTable, table=True):
    name: str = Field(primary_key=True)
    value: int = 0


class Moment(LabTable, table=True):
    name: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)


def table_of(row: type[SQLModel]) -> Table:
    return LabTable.metadata.tables[str(row.__tablename__)]


def open_lab(url: str | None, folder: Path) -> Database:
    """The lab's database with its tables made."""
    if url is not None:
        plain = parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as session:
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {SERVICE}")
    database = open_database(url, folder, SERVICE)
    LabTable.metadata.create_all(database.engine)
    return database


def effects(database: Database) -> dict[str, int]:
    """How many effects each event had."""
    with database.read() as session:
        rows = session.connection().execute(select(Effect.event, func.count()).group_by(Effect.event))
        return {str(event): int(count) for event, count in rows}


@dataclass
class Noting:
    """A handler that leaves a row a record, named by its value; a set of names is refused."""

    member: str = ""
    poisonous: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)

    def __call__(self, session: Session, records: Sequence[Record]) -> None:
        for record in records:
            event = (record.value or b"").decode()
            if event in self.poisonous:
                raise ValueError(f"{event} is not to be had")
            session.add(Effect(event=event, member=self.member))
            self.seen.append(event)


@contextlib.contextmanager
def running(*loops: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Each loop on its own thread until the block ends; an error of theirs is an error of the test."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(loops)) as pool:
        futures = [pool.submit(loop, stop) for loop in loops]
        try:
            yield stop
        finally:
            stop.set()
        for future in futures:
            future.result(30)
