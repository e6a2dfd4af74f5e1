"""A place where a test may end the process: silent unless armed, deadly at the n-th reaching."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.errors import Invalid
from shared.eventlog import failpoints

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from shared.eventlog import failpoints
failpoints.arm(sys.argv[1])
for n in range(3):
    failpoints.reach("after-append")
    print(n, flush=True)
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm(None)


def run(setting: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, setting]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("setting", "code", "output"),
    [
        ("after-append", failpoints.EXIT_CODE, []),
        ("after-append:3", failpoints.EXIT_CODE, ["0", "1"]),
        ("after-append:4", 0, ["0", "1", "2"]),
        ("before-append", 0, ["0", "1", "2"]),
    ],
    ids=["at once", "the third time", "never so often", "another place"],
)
def test_the_process_ends_at_the_place_that_is_armed(setting: str, code: int, output: list[str]) -> None:
    done = run(setting)
    assert (done.returncode, done.stdout.split()) == (code, output)


@pytest.mark.parametrize("name", failpoints.NAMES)
def test_nothing_happens_unless_armed(name: str) -> None:
    failpoints.arm(None)
    failpoints.reach(name)


def test_an_unknown_place_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="afterwards"):
        failpoints.arm("afterwards")


def test_every_place_is_reached_somewhere() -> None:
    modules = [path for part in ("shared", "services") for path in (ROOT / part).rglob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in modules)
    for name in failpoints.NAMES:
        assert f'reach("{name}")' in text, name
