"""A host of the demonstration's own: a child process on free loopback ports with fresh data and a fast field clock.

Its log goes to a file beside its data. Only this child is ever stopped, by its process.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from rich.console import Console

import services
from shared.domain.clock import day_start, field_clock, rfc3339, shanghai_day
from shared.domain.errors import Conflict, Unreachable

from .demo import run_demo

START_S, STOP_S = 60.0, 15.0
SPEED = 1800.0
BACK = timedelta(hours=48)
NOON = timedelta(hours=12)  # of the first field day: its midnight comes some seconds after the loggers start
LOOPBACK = "127.0.0.0/8,::1/128"
_ROOT = Path(services.__path__[0]).parent


@dataclass
class HostProcess:
    """`data` must be empty or absent when a field clock is set."""

    data: Path
    environment: Mapping[str, str]
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    _child: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def gateway(self) -> str:
        return f"127.0.0.1:{self.ports[1]}"

    @property
    def log(self) -> Path:
        return self.data / "host.log"

    @property
    def token(self) -> str:
        return (self.data / "admin.token").read_text(encoding="ascii").strip()

    def start(self) -> None:
        """Comes back when the host is ready; raises Unreachable with the end of its log when it never is."""
        self.data.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("YUJING_")}
        path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
        own = {
            "PYTHONPATH": path,
            "YUJING_DATA_DIR": str(self.data),
            "YUJING_HTTP_PORT": str(self.ports[0]),
            "YUJING_GATEWAY_PORT": str(self.ports[1]),
        }
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "services", "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,  # a .env of the user's folder is not the demonstration's
                env=inherited | own | dict(self.environment),
                start_new_session=True,  # Ctrl-C is for us; the host is stopped in its turn
            )
        with ExitStack() as unwind:
            unwind.callback(self.stop)
            self._await_ready()
            unwind.pop_all()

    def stop(self) -> int | None:
        """SIGTERM, and SIGKILL when that does not help; the exit code."""
        if self._child is None:
            return None
        self._child.terminate()
        try:
            return self._child.wait(STOP_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._child.kill()
            return self._child.wait()

    def _await_ready(self) -> None:
        assert self._child is not None
        deadline = time.monotonic() + START_S
        while not self._ready():
            if self._child.poll() is not None or time.monotonic() > deadline:
                end = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise Unreachable(f"the host did not become ready; its log {self.log} ends:\n{end}")
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/readyz", timeout=2).is_success
        except httpx.TransportError:
            return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clock_setting(now: datetime, speed: float) -> str:
    """A field clock from noon of a day at least 48 h back: the loggers start in its afternoon, its midnight comes soon."""
    noon = day_start(shanghai_day(now - BACK - NOON)) + NOON
    return f"{rfc3339(noon)}@{speed:g}@{rfc3339(now)}"


def demo_command(
    *, seconds: float | None = None, speed: float = SPEED, seed: int = 7, keep: Path | None = None,
    ports: tuple[int, int] | None = None, as_json: bool = False,
) -> int:  # fmt: skip
    """`yujing demo`: the whole of it; `keep` is a folder whose data outlives the demonstration."""
    out = Console(stderr=as_json)
    data = _fresh(keep)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also while the host starts
    setting = clock_setting(datetime.now(UTC), speed)
    environment = {"YUJING_FIELD_CLOCK": setting, "YUJING_ALLOW_PRIVATE_TARGETS": LOOPBACK}
    host = HostProcess(data, environment, ports or (free_port(), free_port()))
    try:
        out.print(f"启动 starting …  日志 log {host.log}", highlight=False, soft_wrap=True)
        host.start()
        _greet(out, host)
        code = run_demo(
            base_url=host.base_url, token=host.token, gateway=host.gateway, seconds=seconds,
            clock=field_clock(setting), out=out, seed=seed, as_json=as_json,
        )  # fmt: skip
    except KeyboardInterrupt:
        code = 0
    finally:
        stopped = host.stop()
        if keep is None:
            shutil.rmtree(data, ignore_errors=True)
    if stopped not in (0, -signal.SIGTERM, None):
        out.print(f"主机退出码 the host ended with {stopped}", highlight=False)
        return 1
    return code


def _fresh(keep: Path | None) -> Path:
    """An empty folder for the data."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="yujing-demo-"))
    data = keep.resolve()
    if data.exists() and any(data.iterdir()):
        raise Conflict(f"{data} is not empty: a field clock needs fresh data")
    return data


def _greet(out: Console, host: HostProcess) -> None:
    out.print(f"预警 Yujing  {host.base_url}   HJ 212 {host.gateway}", highlight=False)
    out.print(f"文档 docs    {host.base_url}/alerts/v1/docs", highlight=False)
    out.print(f"令牌 token   {host.token}", highlight=False, soft_wrap=True)
