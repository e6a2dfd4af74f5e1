"""A `YUJING_…` name that nobody reads is refused: a setting that is misspelt must not silently keep its default."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

PREFIX = "YUJING_"
# read by the commands that talk to a host, and by the compose file, whose .env is the same one
ELSEWHERE = frozenset({"YUJING_TOKEN", "YUJING_API", "YUJING_HTTP_PUBLISH", "YUJING_GATEWAY_PUBLISH"})
OF_TESTS = ("YUJING_TEST_", "YUJING_FUZZ_")


def unknown_names(fields: Iterable[str], env_file: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """What is wrong, one sentence for each name of the environment or of `env_file` that is no setting.

    Parameters: `fields` are the settings' own names, in lower case and without the prefix.
    """
    known = {PREFIX + name.upper() for name in fields} | ELSEWHERE
    given = {name.upper() for name in (*environment, *_names(env_file)) if name.upper().startswith(PREFIX)}
    strange = sorted(name for name in given - known if not name.startswith(OF_TESTS))
    return [f"{name} is no setting: did you mean {_nearest(name, known)}?" for name in strange]


def _names(env_file: Path) -> Iterable[str]:
    return dotenv_values(env_file, interpolate=False) if env_file.is_file() else ()


def _nearest(name: str, known: Iterable[str]) -> str:
    (nearest,) = get_close_matches(name, sorted(known), n=1, cutoff=0.0)
    return nearest
