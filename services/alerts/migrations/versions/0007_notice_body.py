"""A peer notice keeps its document alone; the bytes that went out are in the outbox, and each channel renders its own."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from shared.eventlog.codec import encode

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("peer_notice") as batch:
        batch.drop_column("body")


def _event(document: dict[str, object]) -> dict[str, object]:
    """The CloudEvent that the column held."""
    return {
        "specversion": "1.0",
        "id": document["id"],
        "source": "/alerts",
        "type": "yujing.peer.notice.issued.v1",
        "time": document["issued_at"],
        "datacontenttype": "application/json",
        "data": document,
    }


def downgrade() -> None:
    op.add_column("peer_notice", sa.Column("body", sa.LargeBinary(), nullable=True))
    notice = sa.table(
        "peer_notice",
        sa.column("id", sa.String()),
        sa.column("document", sa.JSON()),
        sa.column("body", sa.LargeBinary()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(notice.c.id, notice.c.document)).all():
        document = json.loads(row.document) if isinstance(row.document, str) else row.document
        body = encode(_event(document))
        connection.execute(sa.update(notice).where(notice.c.id == row.id).values(body=body))
    with op.batch_alter_table("peer_notice") as batch:
        batch.alter_column("body", existing_type=sa.LargeBinary(), nullable=False)
