"""A server as one process on a loopback port: started, stopped, suspended and killed as often as a test likes.

Knows nothing of any product; `servers.py` says what Kafka and PostgreSQL are.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

START_S = 60.0  # measured: Kafka 4 s, PostgreSQL 0.3 s; a busy machine may take a multiple
STOP_S = 30.0


@dataclass(frozen=True)
class Finding:
    """True when the server can be had; `reason` says what is missing, or what will be used."""

    available: bool
    reason: str

    def __bool__(self) -> bool:
        return self.available


def missing(reason: str) -> NoReturn:
    """Skips where a server may be absent, fails where it was promised."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI has every tier, but {reason}")
    pytest.skip(reason)


def free_port() -> int:
    """A free port below the ephemeral range: a client that dials a stopped server can't be given that very port."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(max(first - 12_000, 10_000), max(first, 11_000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(kw_only=True)
class Server:
    """One process, started and stopped on the same data and port as often as a test likes."""

    name: str
    command: list[str]
    log: Path
    answers: Callable[[], bool]
    gentle: signal.Signals = signal.SIGTERM
    as_user: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        return self._own_process().pid

    def _own_process(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            missing(f"{self.name} was named by the environment: it is not ours to stop")
        return self.process

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Comes back when the server answers."""
        if self.runs or not self.command:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                start_new_session=True,
                user=self.as_user,
                group=group_of(self.as_user),
                extra_groups=[] if self.as_user else None,
            )
        self._await_answer()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_S
        while not self.answers():
            if not self.runs or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.name} did not start; its log ends:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._end(self.gentle)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process = self._own_process()
        process.send_signal(how)  # of a process that has ended, Popen sends nothing
        process.send_signal(signal.SIGCONT)  # a suspended process takes no gentle signal
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def group_of(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None
