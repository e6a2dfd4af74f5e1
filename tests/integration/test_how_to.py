"""The how-tos are true: their blocks are applied to a copy of the code, and what they promise runs there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/how-to"
BLOCK = re.compile(r"^```(python|diff)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("services", "shared", "tests", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Block:
    """A new file (`python`), or lines of a file that is there (`diff`)."""

    kind: str
    path: str
    text: str

    def apply(self, folder: Path) -> None:
        target = folder / self.path
        if self.kind == "python":
            assert not target.exists(), f"{self.path} is there already"
            target.write_text(self.text, encoding="utf-8")
            return
        text = target.read_text(encoding="utf-8")
        for old, new in self._changes():
            assert text.count(old) == 1, f"{self.path} has no single place that reads\n{old}"
            text = text.replace(old, new)
        target.write_text(text, encoding="utf-8")

    def _changes(self) -> Iterator[tuple[str, str]]:
        """Each run of `-` lines with the run of `+` lines behind it."""
        for found in re.finditer(r"((?:^-.*\n)+)((?:^\+.*\n)+)", self.text, re.MULTILINE):
            old, new = (re.sub(r"^[-+]", "", part, flags=re.MULTILINE).removesuffix("\n") for part in found.groups())
            yield old, new


def blocks(name: str) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall((FOLDER / name).read_text(encoding="utf-8"))]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "golden")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.parametrize("name", ["add-a-detector.md", "add-a-channel.md"])
def test_a_how_to_touches_one_new_file_one_list_its_words_and_its_test_and_works(copy: Path, name: str) -> None:
    steps = blocks(name)
    new = [step.path for step in steps if step.kind == "python"]
    assert len([path for path in new if path.startswith("services/")]) == 1
    (test,) = [path for path in new if path.startswith("tests/")]
    changed = {step.path for step in steps if step.kind == "diff"}
    lists = {path for path in changed if path.endswith("__init__.py")}
    assert len(lists) == 1 and changed - lists <= {"pyproject.toml", "services/alerts/catalogue/catalogue.yaml"}
    for step in steps:
        step.apply(copy)
    done = run(copy, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
    assert done.returncode == 0 and re.search(r"^2 passed", done.stdout, re.MULTILINE), (
        done.stdout[-3000:] + done.stderr
    )
    program = Path(sys.executable).with_name("lint-imports")
    done = run(copy, str(program), "--no-cache")
    assert done.returncode == 0, done.stdout[-3000:]
    ruff = Path(sys.executable).with_name("ruff")
    done = run(copy, str(ruff), "check", *new)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.md")))
def test_every_path_that_a_how_to_names_is_there(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    made = {step.path for step in blocks(name) if step.kind == "python"}
    named = set(re.findall(r"`((?:services|shared|tests|docs)/[\w./-]+\.\w+)`", text)) - made
    links = set(re.findall(r"\]\(([\w./-]+)\)", text))
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert [path for path in links if not (FOLDER / path).resolve().exists()] == []


def test_every_function_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    code = "\n".join(
        path.read_text(encoding="utf-8") for top in ("services", "shared") for path in (ROOT / top).rglob("*.py")
    )
    named = re.findall(r"`([A-Z]\w+)\.(\w+)`", text)
    assert len(named) > 15
    for owner, function in named:
        assert f"class {owner}" in code and re.search(rf"def {function}\b", code), f"{owner}.{function}"
