"""Runs the history of alerts on the connection that the host gives."""

from __future__ import annotations

from alembic import context

import services.alerts.store.peer_tables  # noqa: F401  (its tables join the metadata)
from services.alerts.store.tables import AlertsTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=AlertsTable.metadata,
    version_table="alembic_version",
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
