"""Points that probably stamp the end of their periods, as monitoring published it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "period_stamp",
        sa.Column("mn", sa.String(), nullable=False),
        sa.Column("probably_end", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mn"),
    )


def downgrade() -> None:
    op.drop_table("period_stamp")
