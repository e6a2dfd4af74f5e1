"""The truth about progress: a row (group, topic, partition) → next offset, epoch, in the service's own database.

It is written in the same transaction as the effect. Taking a partition raises the epoch; a transaction whose epoch is no
longer its own changes 0 rows and rolls back (`Fenced`). Kafka's committed offset is for display only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Table, bindparam, select, update
from sqlmodel import Field, Session, SQLModel

from shared.database import WideInteger
from shared.ports import Partition
from shared.sql import embedded, insert_into


class Fenced(Exception):
    """Another member has taken the partition: whatever was done here is rolled back."""


@dataclass(frozen=True, slots=True)
class Move:
    """A partition goes on to `next_offset`, if it is still ours by `epoch`."""

    partition: Partition
    epoch: int
    next_offset: int

    def __str__(self) -> str:
        return f"{self.partition.topic}/{self.partition.number} epoch {self.epoch}"


class ProgressColumns(SQLModel):
    """Mix into a service's own table: `class PermitsProgress(ProgressColumns, PermitsTable, table=True)`."""

    group: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    next_offset: int = Field(default=0, sa_type=WideInteger)
    epoch: int = 0


class Progress:
    """The progress rows of one service; `table` is its own `…_progress`."""

    def __init__(self, table: Table) -> None:
        self.table = table
        t = table.c
        mine = (t.group == bindparam("of"), t.topic == bindparam("in"), t.partition == bindparam("at"))
        self._advance = update(table).where(*mine, t.epoch == bindparam("by")).values(next_offset=bindparam("to"))

    def take(self, session: Session, group: str, partition: Partition) -> tuple[int, int]:
        """Raise the epoch of `partition` and return (next offset, new epoch)."""
        t = self.table
        connection = session.connection()
        key = {"group": group, "topic": partition.topic, "partition": partition.number}
        statement = (
            insert_into(t, sqlite=embedded(session))
            .values(**key, next_offset=0, epoch=1)
            .on_conflict_do_update(index_elements=["group", "topic", "partition"], set_={"epoch": t.c.epoch + 1})
            .returning(t.c.next_offset, t.c.epoch)
        )
        row = connection.execute(statement).one()
        return int(row.next_offset), int(row.epoch)

    def advance(self, session: Session, group: str, moves: Sequence[Move]) -> None:
        """Move on by one statement, in the order in which partitions are taken; raises Fenced when an epoch is no longer ours,
        and then nothing of this may be committed."""
        rows = [
            {"of": group, "in": one.partition.topic, "at": one.partition.number, "by": one.epoch, "to": one.next_offset}
            for one in sorted(moves, key=lambda one: (one.partition.topic, one.partition.number))
        ]
        if rows and session.connection().execute(self._advance, rows).rowcount != len(rows):
            raise Fenced(f"{group}: {', '.join(map(str, moves))}")

    def positions(self, session: Session, group: str) -> dict[Partition, int]:
        """The next offset of every partition that the group ever took."""
        t = self.table
        rows = session.connection().execute(select(t.c.topic, t.c.partition, t.c.next_offset).where(t.c.group == group))
        return {Partition(row.topic, row.partition): int(row.next_offset) for row in rows}

    def position(self, session: Session, group: str, topic: str, partition: int = 0) -> int:
        """The next offset of the partition; 0 when the group never took it."""
        t = self.table
        found = session.connection().execute(
            select(t.c.next_offset).where(t.c.group == group, t.c.topic == topic, t.c.partition == partition)
        )
        return int(found.scalar_one_or_none() or 0)
