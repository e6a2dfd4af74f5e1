"""Databases at the newest version, made by copying one: to migrate for every test costs more than most tests."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from services.composition import SERVICES
from shared.database import open_database
from shared.private_files import make_private_file, make_private_folder
from shared.runtime.migrating import migrate


def make_tables(url: str | None, folder: Path, service: str) -> None:
    """The service's tables at the newest version; SQLite: `folder/<service>.sqlite`, unless it is there."""
    if url is None and not (made := folder / f"{service}.sqlite").exists():
        make_private_folder(folder)
        make_private_file(made)
        shutil.copyfile(_template(service), made)
    else:
        _migrate(url, folder, service)


def make_all_tables(url: str) -> None:
    """The tables of every service in one PostgreSQL database."""
    for service in SERVICES:
        _migrate(url, Path(), service)


@cache
def _template(service: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="yujing-template-"))
    _migrate(None, folder, service)
    return folder / f"{service}.sqlite"


def _migrate(url: str | None, folder: Path, service: str) -> None:
    database = open_database(url, folder, service)
    migrate(database, f"services.{service}.migrations", service)
    database.close()
