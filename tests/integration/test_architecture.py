"""Who imports whom; and what is committed speaks of the project alone: no machine's path, no package index's address."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "deploy/requirements.lock")
INDEX_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX")
INDEX_ADDRESS = re.compile(
    r"https?://[^/\s\"']*(?:pypi|mirror|artifact|nexus|devpi)[^\s\"']*|--(?:extra-)?index-url[ =]\S"
)
OF_A_PERSON = re.compile(r"(?<![\w.$}/])/(?:home|Users|root)/(?!\*)[\w.-]+")


@cache
def committed() -> dict[str, str]:
    """Path → text of every text file that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: what is committed cannot be asked")
    found = {}
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            data = path.read_bytes()
            if b"\0" not in data:
                found[name] = data.decode("utf-8", "replace")
    return found


def test_the_import_contracts_are_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(program)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    kept = re.search(r"Contracts: (\d+) kept, 0 broken", done.stdout)
    assert kept is not None and int(kept[1]) >= 5


def test_every_import_contract_names_modules_that_are_there() -> None:
    """A contract about a module that was renamed keeps nothing."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in set(re.findall(r'"((?:services|shared)\.[\w.]+)"', text)):
        path = ROOT / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_no_committed_file_names_a_path_of_a_machine() -> None:
    found = [
        f"{name}: {match[0]}"
        for name, text in committed().items()
        for pattern in (re.compile(re.escape(str(ROOT)) + r"(?![\w-])"), OF_A_PERSON)
        for match in [pattern.search(text)]
        if match
    ]
    assert found == []


def test_no_committed_file_names_this_machine_or_its_package_index() -> None:
    hosts = {urlsplit(os.environ[name]).hostname for name in INDEX_SETTINGS if os.environ.get(name)}
    names = {host for host in hosts if host}
    if len(socket.gethostname()) > 4:  # shorter ones are words
        names.add(socket.gethostname())
    for name, text in committed().items():
        found = INDEX_ADDRESS.search(text) if name != Path(__file__).relative_to(ROOT).as_posix() else None
        assert found is None, f"{name}: {found and found[0]}"
        assert not [host for host in names if host in text], name


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_have_a_hash_for_everything_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    joined = text.replace("\\\n", "")  # a requirement and its hashes are one line to pip
    required = re.findall(r"^([A-Za-z0-9._-]+(?:\[[\w,-]+\])?)==(\S+)(.*)$", joined, flags=re.MULTILINE)
    assert len(required) > 30
    for name, version, rest in required:
        assert "--hash=sha256:" in rest, f"{name}=={version} has no hash"
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(required), "a line that is no pinned requirement"


def test_what_the_product_needs_is_pinned_the_same_in_both_locks() -> None:
    def pins(lock: str) -> dict[str, str]:
        text = (ROOT / lock).read_text(encoding="utf-8")
        return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==(\S+)", text, flags=re.MULTILINE))

    everything, deployed = pins(LOCKS[0]), pins(LOCKS[1])
    assert deployed.items() <= everything.items()


def test_no_committed_module_is_unfinished() -> None:
    marks = re.compile(r"\b(?:TODO|FIXME|XXX)\b|raise NotImplementedError")
    modules = {name: text for name, text in committed().items() if name.startswith(("services/", "shared/"))}
    assert len(modules) > 100
    assert [name for name, text in modules.items() if name.endswith(".py") and marks.search(text)] == []
