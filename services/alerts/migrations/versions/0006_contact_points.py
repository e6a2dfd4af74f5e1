"""Endpoints are contact points of a kind; a push keeps its notification and its channel renders the bytes."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from shared.eventlog.codec import encode

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("endpoint") as batch:
        batch.alter_column("url", new_column_name="address", existing_type=sa.String(), existing_nullable=False)
        batch.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="webhook"))
        batch.alter_column("sealed_secret", existing_type=sa.String(), nullable=True)
    with op.batch_alter_table("endpoint") as batch:
        batch.alter_column("kind", existing_type=sa.String(), server_default=None)
    op.execute("UPDATE endpoint SET sealed_secret = NULL WHERE sealed_secret = ''")
    op.add_column("push", sa.Column("notification", sa.JSON(), nullable=True))
    sqlite = op.get_bind().dialect.name == "sqlite"
    text = (
        "CAST(body AS TEXT)" if sqlite else "convert_from(body, 'UTF8')::json"
    )  # as it is, so that retries are the same
    op.execute(f"UPDATE push SET notification = {text}")
    with op.batch_alter_table("push") as batch:
        batch.alter_column("notification", existing_type=sa.JSON(), nullable=False)
        batch.drop_column("body")
    op.rename_table("reach", "endpoint_count")


def downgrade() -> None:
    op.rename_table("endpoint_count", "reach")
    op.add_column("push", sa.Column("body", sa.LargeBinary(), nullable=True))
    push = sa.table(
        "push", sa.column("id", sa.String()), sa.column("notification", sa.JSON()), sa.column("body", sa.LargeBinary())
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(push.c.id, push.c.notification)).all():
        document = json.loads(row.notification) if isinstance(row.notification, str) else row.notification
        connection.execute(sa.update(push).where(push.c.id == row.id).values(body=encode(document)))
    with op.batch_alter_table("push") as batch:
        batch.alter_column("body", existing_type=sa.LargeBinary(), nullable=False)
        batch.drop_column("notification")
    op.execute("UPDATE endpoint SET sealed_secret = '' WHERE sealed_secret IS NULL")
    with op.batch_alter_table("endpoint") as batch:
        batch.alter_column("sealed_secret", existing_type=sa.String(), nullable=False)
        batch.drop_column("kind")
        batch.alter_column("address", new_column_name="url", existing_type=sa.String(), existing_nullable=False)
