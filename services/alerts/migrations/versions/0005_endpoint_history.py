"""What people did to an endpoint. What was kept of receivers' answers goes: nobody knows any more which of them came from hosts
that only the sender reaches.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime, WideInteger

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "endpoint_history",
        sa.Column("id", WideInteger(), nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_endpoint_history_endpoint_id", "endpoint_history", ["endpoint_id"])
    op.execute("UPDATE attempt SET snippet = '' WHERE snippet <> ''")


def downgrade() -> None:
    op.drop_table("endpoint_history")
