"""How many active endpoints each enterprise has; the group that hears of it reads from the beginning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reach",
        sa.Column("credit_code", sa.String(), primary_key=True),
        sa.Column("endpoints", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("reach")
