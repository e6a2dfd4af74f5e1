"""Brings a service's tables to the newest version: alembic, one history a service."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from shared.database import Database


def migrate(database: Database, package: str, schema: str) -> bool:
    """Upgrade to head; True when something was done. `package`: e.g. `services.alerts.migrations`."""
    config = _config(package)
    head = ScriptDirectory.from_config(config).get_current_head()
    with database.engine.connect() as connection:
        if not database.embedded:
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            connection.commit()
        if MigrationContext.configure(connection).get_current_revision() == head:
            return False
    with database.transaction() as session:
        connection = session.connection()
        if not database.embedded:  # replicas that start together migrate one after the other
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": package})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package)))
    return config
