"""What the product keeps on disk is its owner's alone: the data folder 0700, databases, logs of events and keys 0600."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

FOLDER, FILE = 0o700, 0o600
OTHERS = 0o077
# what the product writes into its data folder; SQLite gives the files beside a database the modes of the database
OURS = ("*.sqlite", "*.sqlite-wal", "*.sqlite-shm", "*.sqlite-journal", "*.lock", "*.key", "*.token")


def make_private_folder(folder: Path) -> None:
    """The folder, made 0700 when it is absent."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)


def make_private_file(path: Path) -> None:
    """An empty file 0600 when it is absent, whatever the umask is."""
    path.touch(mode=FILE, exist_ok=True)


def close_to_others(folder: Path) -> None:
    """Take away what others may do with the data folder and our files in it, and log what was too open.

    A folder that many share (its sticky bit is set, as in /tmp) stays as it is; so does a file that is not ours by name.
    """
    if not folder.is_dir():
        return
    loose = [path for path in _ours(folder.resolve()) if _is_open(path)]
    closed = [path.name for path in loose if _close(path)]
    if closed:
        log.warning("others could read the data folder; its modes are mended", folder=str(folder), closed=closed)


def _ours(folder: Path) -> Iterator[Path]:
    if not folder.stat().st_mode & stat.S_ISVTX:
        yield folder
    for pattern in OURS:
        yield from sorted(folder.glob(pattern))


def _is_open(path: Path) -> bool:
    """Whether others have any right; a link is followed by nobody here."""
    return not path.is_symlink() and bool(path.stat().st_mode & OTHERS)


def _close(path: Path) -> bool:
    try:
        path.chmod(path.stat().st_mode & 0o700)
    except PermissionError as refused:
        log.warning("others can read this, and it is not ours to mend", path=str(path), reason=str(refused))
        return False
    return True
