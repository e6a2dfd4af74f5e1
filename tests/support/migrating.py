"""Brings a service's tables back to an older revision, so that a test can see what the upgrade makes of old rows."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config

from shared.database import Database


def downgrade(database: Database, service: str, revision: str) -> None:
    """Undo what came after `revision`."""
    config = Config()
    config.set_main_option("script_location", str(files(f"services.{service}.migrations")))
    with database.transaction() as session:
        config.attributes["connection"] = session.connection()
        command.downgrade(config, revision)
