"""Alembic's way in: runs on the connection that `shared/runtime/migrating.py` passes, inside its transaction."""

from __future__ import annotations

from alembic import context

from services.monitoring.store.tables import MonitoringTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=MonitoringTable.metadata,
    version_table="alembic_version",
)
with context.begin_transaction():
    context.run_migrations()
