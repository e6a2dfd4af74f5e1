"""Reported values and verdicts: on PostgreSQL a partition a Shanghai month.

Nothing is copied: the table as it stands becomes the partition of everything before next month, which takes one reading of it.
What begins later than that stands in the default partition.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SHANGHAI = timedelta(hours=8)


class Divided(NamedTuple):
    """A table with its primary key and its other indexes, by name."""

    name: str
    key: str
    indexes: dict[str, str]


TABLES = (
    Divided("value", "mn, period, start_s, factor", {}),
    Divided(
        "decision",
        "mn, averaging, start_s, factor",
        {"decision_outlet": "permit, outlet, factor, averaging, start_s", "decision_over": "status, start_s"},
    ),
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            _divide(table)


def _divide(table: Divided) -> None:
    end = _next_month()
    end_s = int((end - SHANGHAI).timestamp())
    before, default = f"{table.name}_before_{end:%Y%m}", f"{table.name}_default"
    op.execute(f"ALTER TABLE {table.name} RENAME TO {before}")
    op.execute(f"ALTER INDEX {table.name}_pkey RENAME TO {before}_pkey")
    for index in table.indexes:
        op.execute(f"ALTER INDEX {index} RENAME TO {before}_{index}")
    op.execute(f"CREATE TABLE {table.name} (LIKE {before}) PARTITION BY RANGE (start_s)")
    op.execute(f"ALTER TABLE {table.name} ADD CONSTRAINT {table.name}_pkey PRIMARY KEY ({table.key})")
    for index, columns in table.indexes.items():
        op.execute(f"CREATE INDEX {index} ON {table.name} ({columns})")
    op.execute(f"CREATE TABLE {default} (LIKE {table.name} INCLUDING ALL)")
    later = f"DELETE FROM {before} WHERE start_s >= {end_s} RETURNING *"
    op.execute(f"WITH later AS ({later}) INSERT INTO {default} SELECT * FROM later")
    op.execute(f"ALTER TABLE {table.name} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ({end_s})")
    op.execute(f"ALTER TABLE {table.name} ATTACH PARTITION {default} DEFAULT")


def _next_month() -> datetime:
    """Its first day, as Shanghai has it."""
    now = datetime.fromtimestamp(time.time(), UTC) + SHANGHAI
    return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=31)).replace(day=1)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            _join(table)


def _join(table: Divided) -> None:
    """The oldest partition takes in the others; what was detached before is no part of the table any more."""
    before = op.get_bind().execute(_before(table)).scalar_one_or_none()
    if before is None:
        raise RuntimeError(f"the oldest partition of {table.name} is detached; attach it again, and the others, first")
    op.execute(f"ALTER TABLE {table.name} DETACH PARTITION {before}")
    op.execute(f"INSERT INTO {before} SELECT * FROM {table.name}")
    op.execute(f"DROP TABLE {table.name}")
    op.execute(f"ALTER TABLE {before} RENAME TO {table.name}")
    op.execute(f"ALTER INDEX {before}_pkey RENAME TO {table.name}_pkey")
    for index in table.indexes:
        op.execute(f"ALTER INDEX {before}_{index} RENAME TO {index}")


def _before(table: Divided) -> sa.TextClause:
    return sa.text(
        "SELECT c.oid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        f" WHERE i.inhparent = '{table.name}'::regclass AND c.relname LIKE '{table.name}~_before~_%' ESCAPE '~'"
    )
