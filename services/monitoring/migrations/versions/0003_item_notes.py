"""Notes on single items of packets, beside the values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "item_note",
        sa.Column("mn", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.Column("factor", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("received_at_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mn", "at_s", "command", "factor", "field", "fault"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("item_note")
