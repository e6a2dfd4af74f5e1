"""Objections and due times that lists filter by; offices by division; endpoints with a name and a filter; pushes by event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("objected_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE alert SET objected_at = (SELECT max(alert_history.at) FROM alert_history "
        "WHERE alert_history.alert_id = alert.id AND alert_history.what = 'objected')"
    )
    objected = sa.text("objected_at IS NOT NULL")
    op.create_index(
        "ix_alert_objected_at", "alert", ["objected_at"], sqlite_where=objected, postgresql_where=objected
    )
    op.create_index("ix_alert_due_enterprise", "alert", ["due_enterprise"])
    op.create_table(
        "office",
        sa.Column("division", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("division"),
    )
    op.add_column("endpoint", sa.Column("name", sa.String(), nullable=True))
    op.add_column("endpoint", sa.Column("events", sa.JSON(), nullable=True))
    op.add_column("endpoint", sa.Column("kinds", sa.JSON(), nullable=True))
    op.create_index("ix_push_event_id", "push", ["event_id"])


def downgrade() -> None:
    op.drop_index("ix_push_event_id", "push")
    for name in ("kinds", "events", "name"):
        op.drop_column("endpoint", name)
    op.execute("UPDATE endpoint SET state = 'disabled', state_reason = 'by_owner' WHERE state = 'paused'")
    op.drop_table("office")
    op.drop_index("ix_alert_due_enterprise", "alert")
    op.drop_index("ix_alert_objected_at", "alert")
    op.drop_column("alert", "objected_at")
