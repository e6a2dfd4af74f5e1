"""The kind of risk beside each event, so that event lists keep kinds that are bound to a scope from those without it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("kind", sa.String(), nullable=True))
    sqlite = op.get_bind().dialect.name == "sqlite"
    alert_id = "substr(event_id, 1, instr(event_id, ':') - 1)" if sqlite else "split_part(event_id, ':', 1)"
    op.execute(
        f"UPDATE outbox SET kind = (SELECT alert.kind FROM alert WHERE alert.id = {alert_id}) WHERE event_id LIKE 'alr_%'"
    )


def downgrade() -> None:
    op.drop_column("outbox", "kind")
