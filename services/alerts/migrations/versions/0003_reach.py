"""How many active endpoints an enterprise has; of those that have any already it is said here for the first time."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.database import UtcDateTime
from shared.domain.events import ALERTS, ENDPOINT_COUNT_CHANGED, Event
from shared.eventlog.codec import encode_event

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "reach",
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("endpoints", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("credit_code"),
    )
    op.execute(
        "INSERT INTO reach (credit_code, endpoints, revision) SELECT credit_code, COUNT(*), 1 FROM endpoint "
        "WHERE credit_code IS NOT NULL AND state = 'active' GROUP BY credit_code"
    )
    _say()


def _say() -> None:
    outbox = sa.table(
        "outbox",
        sa.column("topic", sa.String()),
        sa.column("key", sa.String()),
        sa.column("event_id", sa.String()),
        sa.column("value", sa.LargeBinary()),
        sa.column("headers", sa.JSON()),
        sa.column("created_at", UtcDateTime()),
    )
    now = datetime.now(UTC)
    found = op.get_bind().execute(sa.text("SELECT credit_code, endpoints FROM reach ORDER BY credit_code"))
    for code, endpoints in found.all():
        data = {"credit_code": code, "endpoints": endpoints}
        event = Event(ENDPOINT_COUNT_CHANGED, "/alerts", f"reach:{code}", 1, now, data)
        said = {"event_id": event.id, "value": encode_event(event), "headers": {}, "created_at": now}
        op.execute(sa.insert(outbox).values(topic=ALERTS, key=code, **said))


def downgrade() -> None:
    op.drop_table("reach")
