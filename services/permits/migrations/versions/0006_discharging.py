"""Permits with discharge after their end are evaluated at the first sweep: an application filed after the end hides it no more."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE renewal SET next_check_on = '1990-01-01' WHERE discharged_on > valid_to")


def downgrade() -> None:
    """An evaluation more changes nothing."""
