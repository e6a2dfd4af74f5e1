"""What all Parquet files of the archive have in common: DuckDB, imported at the first use; onto the disk, under a name."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from shared.domain.errors import Unreachable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "256MB"  # of DuckDB, for all that a process reads, and for the writing of readings
WORKSPACE_MEMORY = "192MB"  # of a workspace, while it is open
TEMPORARY = ".writing-"  # files, and folders, of something that is not whole yet
SETTINGS: dict[str, str | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": MEMORY,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@contextmanager
def cursor() -> Iterator[DuckDBPyConnection]:
    """A connection of this thread's own to the process's DuckDB."""
    own = _database().cursor()
    try:
        yield own
    finally:
        own.close()


@cache
def _database() -> DuckDBPyConnection:
    """In memory, one thread, nothing fetched from anywhere."""
    import duckdb  # 0.2 s, and 60 MB: only a process that touches the archive pays

    return duckdb.connect(config={**SETTINGS, "temp_directory": ""})


@contextmanager
def workspace(folder: Path) -> Iterator[DuckDBPyConnection]:
    """A DuckDB of its own that sorts more than fits into its memory, in files beside those of the archive. Its memory is given
    back at the end. Rows have no order but by ORDER BY."""
    import duckdb

    spill = folder / f"{TEMPORARY}{uuid4().hex}"
    bounded = {**SETTINGS, "memory_limit": WORKSPACE_MEMORY, "preserve_insertion_order": False}
    own = duckdb.connect(config={**bounded, "temp_directory": str(spill)})
    try:
        yield own
    finally:
        own.close()
        shutil.rmtree(spill, ignore_errors=True)


@contextmanager
def readable(*paths: Path) -> Iterator[None]:
    """A folder that is away, a file that is missing or broken: the caller waits, as for a database that is away."""
    import duckdb

    try:
        yield
    except (OSError, duckdb.Error) as wrong:
        file, reason = paths[0].name, _reason(wrong)
        raise Unreachable(f"the archive cannot be read or written at {file}: {reason}", code="archive-away") from wrong


def put_in_place(written: Path, path: Path) -> None:
    """Give a file that is on the disk its name; after this a loss of power cannot take it back."""
    with readable(path):
        written.replace(path)
        to_disk(path.parent)


def sha256_of(path: Path) -> str:
    """Of the file's bytes. Raises Unreachable."""
    with readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def quoted(text: object) -> str:
    """As a text of SQL stands between quotes."""
    return str(text).replace("'", "''")


def remove_unfinished(folder: Path, before_s: float) -> None:
    """What was being written when a process died."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.stat().st_mtime >= before_s:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _reason(wrong: Exception) -> str:
    if isinstance(wrong, OSError) and wrong.strerror:
        return wrong.strerror
    return (str(wrong).splitlines() or [type(wrong).__name__])[0][:200]
