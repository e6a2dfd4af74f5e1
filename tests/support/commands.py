"""The `yujing` command in this process, for tests: its settings by the environment, this run's logs left alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner, Result

from services.commands import app


@contextmanager
def quiet_commands(monkeypatch: pytest.MonkeyPatch, folder: Path, data: Path, **env: str) -> Iterator[None]:
    """Commands run in `folder` on `data`. A process sets its logs up once; here others follow, which read their own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("YUJING_DATA_DIR", str(data))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    before = structlog.get_config()
    # a host in this process would write its lines between those of the command
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    monkeypatch.setattr("services.composition.set_up_logs", lambda *_: None)
    yield
    structlog.configure(**before)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def printed(*arguments: str) -> dict[str, Any]:
    """What the command prints with `--json`."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))
