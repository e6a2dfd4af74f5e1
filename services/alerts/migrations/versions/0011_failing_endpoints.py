"""How many of an enterprise's active endpoints fail, as it was last published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("endpoint_count", sa.Column("failing", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("endpoint_count", "failing")
