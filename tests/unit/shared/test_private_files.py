"""Modes of the product's files: what is open to others is closed, what is not ours is left alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.private_files import close_to_others, make_private_file, make_private_folder


@pytest.fixture(autouse=True)
def ordinary_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_new_folder_and_a_new_file_are_the_owner_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make_private_folder(folder)
    make_private_file(folder / "permits.sqlite")
    assert (mode(folder), mode(folder / "permits.sqlite")) == (0o700, 0o600)


def test_only_our_files_are_closed_and_no_right_is_added(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    for name, before in (("a.sqlite", 0o644), ("signing.key", 0o440), ("other.txt", 0o644)):
        (folder / name).touch()
        (folder / name).chmod(before)
    close_to_others(folder)
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "a.sqlite": 0o600,
        "signing.key": 0o400,
        "other.txt": 0o644,
    }
    assert mode(folder) == 0o700


def test_a_folder_that_many_share_stays_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "log.sqlite").touch(mode=0o644)
    close_to_others(folder)
    assert (mode(folder), mode(folder / "log.sqlite")) == (0o1777, 0o600)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o644)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "secret.key").symlink_to(elsewhere)
    close_to_others(folder)
    assert mode(elsewhere) == 0o644


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    close_to_others(tmp_path / "none")
    assert not (tmp_path / "none").exists()
