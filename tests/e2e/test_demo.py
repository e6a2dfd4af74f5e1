"""The demonstration as a user starts it: a process on free ports that ends by itself, with every promise kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 120.0
pytestmark = pytest.mark.slow


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "services", "demo", "--keep", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()


def test_it_ends_by_itself_with_every_promise_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    process = started(folder, "--seconds", "40", "--json")
    out, lines = ended(process)
    log = (folder / "host.log").read_text(encoding="utf-8", errors="replace")
    assert process.returncode == 0, f"{lines[-3000:]}\nhost log:\n{log[-3000:]}"
    report: dict[str, Any] = json.loads(out)
    assert report["ok"] is True
    assert report["enterprises"] == 54
    assert report["packets"]["acknowledged"] == report["packets"]["sent"] > 500
    kept = [check["name"] for check in report["checks"] if check["ok"]]
    assert len(kept) >= 20  # in so short a time not everything falls due
    for promise in ("peer notice at all 14", "an application stops the steps", "permit.missing", "subscription"):
        assert any(promise in name for name in kept), (promise, report["checks"])
    assert report["webhooks"]["verified"] > 0
    assert report["webhooks"]["refused"] == 0
    assert str(folder / "host.log") in lines
    assert (folder / "admin.token").read_text(encoding="ascii").strip() in lines


def test_ctrl_c_leaves_cleanly_and_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    process = started(folder)
    deadline = time.monotonic() + LIMIT_S
    while not (folder / "admin.token").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, lines = ended(process)
    assert process.returncode == 0, lines[-3000:]
    assert _processes_in(folder) == []


def _processes_in(folder: Path) -> list[int]:
    """Processes whose working folder this is: the demonstration's host runs in its data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
