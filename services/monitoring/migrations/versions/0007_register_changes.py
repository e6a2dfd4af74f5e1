"""Which enterprises the last revisions of the register changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_change",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("revision", "credit_code"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("register_change")
