"""Columns of renewals and gaps under the names of what they hold: risks as published, the day of the next evaluation."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("renewal", "gap")
NAMES = {"look_again": "next_check_on", "book": "published"}


def upgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_look_again", table)
        for former, name in NAMES.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {former} TO {name}")
        op.create_index(f"ix_{table}_next_check_on", table, ["next_check_on"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_next_check_on", table)
        for former, name in NAMES.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {name} TO {former}")
        op.create_index(f"ix_{table}_look_again", table, ["look_again"])
