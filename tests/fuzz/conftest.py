"""The product in both shapes, one of each for all entrances; how long, by which seed; at the end, what was tried.

`YUJING_FUZZ_SECONDS` is the time for each shape, shared by the entrances; `YUJING_FUZZ_SEED` repeats a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.fuzz.run import Fuzzed, Tally
from tests.fuzz.site import Site, distributed_site, embedded_site

DEFAULT_SECONDS, DEFAULT_SEED = 24.0, 1  # with starting and known inputs some 40 s a shape
TALLIES = pytest.StashKey[list[Tally]]()


@pytest.fixture(scope="session")
def seconds() -> float:
    return float(os.environ.get("YUJING_FUZZ_SECONDS") or DEFAULT_SECONDS)


@pytest.fixture(scope="session")
def seed() -> int:
    return int(os.environ.get("YUJING_FUZZ_SEED") or DEFAULT_SEED)


@pytest.fixture(scope="session", params=["embedded", "distributed"])
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Ready, with something of everything in it."""
    shape = request.param
    kafka = request.getfixturevalue("kafka") if shape == "distributed" else None
    postgres = request.getfixturevalue("postgres") if shape == "distributed" else None

    def fresh() -> AbstractContextManager[Site]:
        folder = tmp_path_factory.mktemp(shape)
        return distributed_site(folder, kafka, postgres) if kafka and postgres else embedded_site(folder)

    made = Fuzzed(shape, fresh)
    yield made
    made.close()


@pytest.fixture
def tally(request: pytest.FixtureRequest, fuzzed: Fuzzed, seed: int) -> Tally:
    """Shown at the end."""
    made = Tally(request.node.callspec.params["entrance"], fuzzed.shape, seed)
    request.config.stash.setdefault(TALLIES, []).append(made)
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each entrance: inputs tried, how many a second, memory grown since the start, outcomes."""
    tallies = terminalreporter.config.stash.get(TALLIES, [])
    if tallies:
        terminalreporter.section(f"fuzz, seed {tallies[0].seed}")
        for tally in tallies:
            terminalreporter.write_line(tally.line())
