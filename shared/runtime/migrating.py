"""Brings a service's tables to the newest version: alembic, one history a service, files named `<revision>_<what>.py`.

Whether there is anything to do is asked without alembic: importing it costs more than the rest of a start's work here.
"""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection, inspect, text

from shared.database import Database


def migrate(database: Database, package: str, schema: str) -> bool:
    """Upgrade to head; True when something was done. `package`: e.g. `services.alerts.migrations`."""
    with database.engine.connect() as connection:
        if not database.embedded:
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            connection.commit()
        if _current(connection) == head(package):
            return False
    _upgrade(database, package)
    return True


def head(package: str) -> str:
    """The newest revision that the code brings."""
    versions = (files(package) / "versions").iterdir()
    return max(file.name.split("_", 1)[0] for file in versions if file.name[:4].isdigit())


def behind(connection: Connection, package: str) -> bool:
    """Whether the tables are of an earlier version than the code."""
    current = _current(connection)
    return current is None or current < head(package)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _upgrade(database: Database, package: str) -> None:
    from alembic import command  # only here: see the module's first lines
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files(package)))
    with database.transaction() as session:
        connection = session.connection()
        if not database.embedded:  # replicas that start together migrate one after the other
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": package})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
