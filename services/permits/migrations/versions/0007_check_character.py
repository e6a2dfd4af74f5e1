"""Whether the check character of an enterprise's credit code is doubtful; codes registered before were all checked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAME = "check_character_doubtful"


def upgrade() -> None:
    op.add_column("enterprise", sa.Column(NAME, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(f"ix_enterprise_{NAME}", "enterprise", [NAME])


def downgrade() -> None:
    op.drop_index(f"ix_enterprise_{NAME}", "enterprise")
    op.drop_column("enterprise", NAME)
