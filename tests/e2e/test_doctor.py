"""doctor beside a host that runs: its own ports, clock and lag; metrics on a port of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.product import Process, running
from tests.support.server_process import free_port

ROOT = Path(__file__).resolve().parents[2]


def doctor(process: Process, **env: str) -> tuple[int, dict[str, str]]:
    """Its exit code, and what it finds."""
    command = [sys.executable, "-m", "services", "doctor", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env={**process.environment(), **env}, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, json.loads(done.stdout)


def test_a_host_that_runs_is_well_by_its_ports_clock_and_lag_and_one_that_stands_still_is_named(tmp_path: Path) -> None:
    metrics_port = str(free_port())
    with running(tmp_path, YUJING_METRICS_PORT=metrics_port) as process:
        code, states = doctor(process)
        assert (code, set(states.values())) == (0, {"ok"}), states
        assert {"http port", "gateway port", "metrics port", "host", "lag", "clock", "endpoints"} <= set(states)
        assert httpx.get(f"{process.base_url}/metrics", trust_env=False).status_code == 404
        code, states = doctor(process, YUJING_METRICS_PORT=str(free_port()))
        assert code == 1 and states["lag"].startswith("无法读取指标")
        assert process.child is not None
        os.kill(process.child.pid, signal.SIGSTOP)
        try:
            code, states = doctor(process)
        finally:
            os.kill(process.child.pid, signal.SIGCONT)
        assert code == 1 and "ReadTimeout" in states["host"]
