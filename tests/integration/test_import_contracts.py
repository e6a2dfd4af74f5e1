"""The import contracts catch what they are there for: each kind of wrong is planted in a copy of the code and seen caught."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HANDLER = "from services.alerts.handlers import alerts as _planted\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code and its contracts, to be changed at will."""
    for package in ("services", "shared"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-cache"]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def add(path: Path, line: str) -> None:
    """The line behind the file's own imports of the future."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\n" + line, encoding="utf-8")


def a_file_in_no_layer(folder: Path) -> None:
    (folder / "services/alerts/helpers.py").write_text('"""Planted."""\n', encoding="utf-8")


def a_layer_that_does_not_exist(folder: Path) -> None:
    path = folder / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    planted = text.replace('"service", "api", "delivery"', '"service", "ghosts", "api", "delivery"')
    assert planted != text
    path.write_text(planted, encoding="utf-8")


def a_store_that_imports_a_handler(folder: Path) -> None:
    add(folder / "services/alerts/store/alerts.py", HANDLER)


def a_handler_that_imports_one_above_it(folder: Path) -> None:
    add(folder / "services/alerts/handlers/routing.py", HANDLER)


def a_handler_that_imports_one_beside_it(folder: Path) -> None:
    add(
        folder / "services/alerts/handlers/digests.py",
        "from services.alerts.handlers import peer_notices as _planted\n",
    )


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (a_file_in_no_layer, "helpers"),
        (a_layer_that_does_not_exist, "ghosts"),
        (a_store_that_imports_a_handler, "services.alerts.store.alerts"),
        (a_handler_that_imports_one_above_it, "services.alerts.handlers.routing"),
        (a_handler_that_imports_one_beside_it, "services.alerts.handlers.digests"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_breaks_the_layout_is_caught_by_name(copy: Path, damage: Callable[[Path], None], named: str) -> None:
    damage(copy)
    done = lint(copy)
    assert done.returncode != 0
    assert named in done.stdout.replace("\n", ""), done.stdout[-2000:]


def test_the_copy_itself_keeps_them(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout[-2000:]
