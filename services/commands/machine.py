"""What doctor finds at the machine: whether ports are free or ours, how much of the disk is left, whether clocks agree."""

from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from shared.runtime.settings import Settings

LEAST_SHARE, LEAST_BYTES = 0.10, 1_000_000_000  # of the disk; at 5 % the embedded log takes nothing more
CLOCKS_AGREE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a disk."""

    free: int
    total: int


def port_states(settings: Settings, *, host_runs: bool) -> dict[str, str]:
    """Of each port that a host with these settings needs. `host_runs`: it answers, so that what is taken is its own."""
    places = {
        "http port": (settings.host, settings.http_port),
        "gateway port": (settings.gateway_host, settings.gateway_port),
        "metrics port": (settings.host, settings.metrics_port),
    }
    return {
        name: _port_state(host, port, host_runs=host_runs) for name, (host, port) in places.items() if port is not None
    }


def _port_state(host: str, port: int, *, host_runs: bool) -> str:
    refused = refusal(host, port)
    if refused is None or (refused == errno.EADDRINUSE and host_runs):
        return "ok"
    if refused == errno.EADDRINUSE:
        return f"端口已被占用 / {host}:{port} is taken, not by a host of ours that answers: end that program, or set another port"
    if refused == errno.EACCES:
        return f"无权使用该端口 / no right to listen on {host}:{port}: set a port above 1023"
    return f"无法监听 / nothing can listen on {host}:{port} here: {errno.errorcode.get(refused, refused)}"


def refusal(host: str, port: int) -> int | None:
    """The error number of listening on the port; None when it is free (0 always is)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just closed is free
        try:
            tried.bind((host, port))
        except OSError as refused:
            return refused.errno or errno.EINVAL
    return None


def space_of(folder: Path) -> Space:
    """Of the disk that `folder` is, or will be, on."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(there)
    return Space(usage.free, usage.total)


def disk_state(folder: Path, space: Space) -> str:
    """Whether enough of the disk is free."""
    share = space.free / space.total
    if share >= LEAST_SHARE and space.free >= LEAST_BYTES:
        return "ok"
    left = f"{share:.1%}, {space.free / 1e9:.1f} GB"
    return (
        f"磁盘空间不足，剩余 {left} / {left} of the disk of {folder} is free; expected at least {LEAST_SHARE:.0%} and"
        f" {LEAST_BYTES / 1e9:.0f} GB"
    )


def clock_state(differences: Mapping[str, timedelta]) -> str:
    """Whether this machine's clock agrees with others. `differences`: whose clock → how far it is ahead of the one here."""
    wrong = [f"{whose}: {ahead.total_seconds():+.0f} s" for whose, ahead in differences.items() if _differs(ahead)]
    if not wrong:
        return "ok"
    return f"时钟不一致 / clocks differ from the one here by more than 5 s ({', '.join(wrong)}): set all by NTP"


def _differs(ahead: timedelta) -> bool:
    return abs(ahead) > CLOCKS_AGREE


def ahead_of(theirs: datetime, asked_at: datetime, answered_at: datetime) -> timedelta:
    """How far another clock is ahead of ours, at the least that the time of the question leaves possible."""
    if theirs > answered_at:
        return theirs - answered_at
    return min(theirs - asked_at, timedelta(0))
