"""How often an import was begun without an end, and which process has it: an import that kills its process is given up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("import", sa.Column("begun", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("import", sa.Column("holder", sa.String(), nullable=True))
    op.add_column("import", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in ("held_until", "holder", "begun"):
        op.drop_column("import", column)
