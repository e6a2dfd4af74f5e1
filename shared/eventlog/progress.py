"""The truth about progress: a row (group, topic, partition) → next offset, epoch, in the service's own database.

It is written in the same transaction as the effect. Taking a partition raises the epoch; a transaction whose epoch is no
longer its own changes 0 rows and rolls back (`Fenced`). Kafka's committed offset is for display only.
"""

from __future__ import annotations

from sqlalchemy import Table, select, update
from sqlmodel import Field, Session, SQLModel

from shared.database import WideInteger
from shared.ports import Partition
from shared.sql import embedded, insert_into


class Fenced(Exception):
    """Another member has taken the partition: whatever was done here is rolled back."""


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

    def advance(self, session: Session, group: str, partition: Partition, epoch: int, next_offset: int) -> None:
        """Move on to `next_offset`; raises Fenced when the epoch is no longer ours."""
        t = self.table
        changed = session.connection().execute(
            update(t)
            .where(
                t.c.group == group, t.c.topic == partition.topic, t.c.partition == partition.number, t.c.epoch == epoch
            )
            .values(next_offset=next_offset)
        )
        if changed.rowcount != 1:
            raise Fenced(f"{group} {partition.topic}/{partition.number} epoch {epoch}")

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
