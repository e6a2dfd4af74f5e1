"""By which key a token was signed and what it is for; unknown (NULL) of those that were issued before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("token_issuance", sa.Column("kid", sa.String(), nullable=True))
    op.add_column("token_issuance", sa.Column("scope", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("token_issuance", "scope")
    op.drop_column("token_issuance", "kid")
