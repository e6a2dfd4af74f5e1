"""The migration makes the tables that the code means, on both databases."""

from __future__ import annotations

import re
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.monitoring.store.tables import MonitoringTable
from shared.database import open_database
from shared.runtime.migrating import migrate


def test_the_migration_makes_the_tables_that_the_code_means(empty_database_url: str | None, tmp_path: Path) -> None:
    database = open_database(empty_database_url, tmp_path, "monitoring")
    assert migrate(database, "services.monitoring.migrations", "monitoring")
    assert not migrate(database, "services.monitoring.migrations", "monitoring")
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        found = compare_metadata(context, MonitoringTable.metadata)
        connection.rollback()
    database.close()
    others = re.compile("alembic_version|packet_default|packet_[0-9]{8}")  # the days of the table `packet`
    assert [step for step in found if not (step[0] == "remove_table" and others.fullmatch(step[1].name))] == []
