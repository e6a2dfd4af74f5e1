"""The wiring of alerts: its migrations equal its tables, and the service builds."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.alerts.store.tables import AlertsTable
from shared.database import open_database
from shared.runtime.migrating import migrate


@pytest.fixture
def url(empty_database_url: str | None) -> str | None:
    return empty_database_url


def test_the_migrations_make_exactly_the_tables(url: str | None, tmp_path: Path) -> None:
    database = open_database(url, tmp_path, "alerts")
    assert migrate(database, "services.alerts.migrations", "alerts")
    assert not migrate(database, "services.alerts.migrations", "alerts")
    with database.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), AlertsTable.metadata)
    assert found == []
    database.close()
