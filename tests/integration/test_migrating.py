"""Each service's history of tables: one head, found without alembic, reached from nothing, on both databases."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from shared.database import open_database
from shared.runtime.migrating import head, migrate

SERVICES = ("permits", "monitoring", "alerts")


@pytest.mark.parametrize("service", SERVICES)
def test_the_newest_file_is_the_head_of_the_history(service: str) -> None:
    package = f"services.{service}.migrations"
    config = Config()
    config.set_main_option("script_location", str(files(package)))
    assert ScriptDirectory.from_config(config).get_heads() == [head(package)]


@pytest.mark.parametrize("service", SERVICES)
def test_a_second_start_finds_nothing_to_do(service: str, empty_database_url: str | None, tmp_path: Path) -> None:
    database = open_database(empty_database_url, tmp_path, service)
    assert migrate(database, f"services.{service}.migrations", service)
    assert not migrate(database, f"services.{service}.migrations", service)
    database.close()
