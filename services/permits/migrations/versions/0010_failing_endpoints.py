"""How many of an enterprise's endpoints fail, as alerts published it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reach", sa.Column("failing", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("reach", "failing")
