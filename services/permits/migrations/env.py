"""Alembic's way in: runs on the connection that `shared/runtime/migrating.py` passes, inside its transaction."""

from __future__ import annotations

from alembic import context

from services.permits.store.tables import PermitsTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=PermitsTable.metadata,
    version_table="alembic_version",
)
with context.begin_transaction():
    context.run_migrations()
