"""Data loggers as a process of its own: each connection sends its points' packets and waits for each answer.

`python -m tests.bench.loggers`, the load as JSON on standard input, the result as JSON on standard output.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.bulk_register import BulkPoint
from tests.bench.packet_topic import REAL_TIME, stream
from tests.bench.rows import quantile

ROOT = Path(__file__).resolve().parents[2]
END = b"\r\n"
AT_ONCE = 16  # connections that have not shown a password yet
ANSWER_S = 30.0
TICK_S = 0.005


@dataclass(frozen=True, slots=True)
class Load:
    """`connections` that stay open, of which `busy` send. `rate`: packets a second of all of them; None: as fast as answers
    come, `window` packets under way a connection. `first_point`: number of the first point; each connection has its own."""

    port: int
    connections: int
    busy: int
    seconds: float
    points: int
    rate: int | None = None
    window: int = 64
    first_point: int = 1
    most_packets: int = 250_000


@dataclass(frozen=True, slots=True)
class Answered:
    """Seconds from a packet's last byte to its answer; `unanswered`: sent, and no answer within half a minute."""

    packets: int
    unanswered: int
    seconds: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class _Line:
    """One connection."""

    socket: socket.socket
    frames: deque[bytes] = field(default_factory=deque)
    sent_at: deque[float] = field(default_factory=deque)

    def send(self, count: int) -> None:
        frames = [self.frames.popleft() for _ in range(min(count, len(self.frames)))]
        if frames:
            self.socket.sendall(b"".join(frames))
            self.sent_at.extend([time.perf_counter()] * len(frames))

    def drain(self, waits: list[float]) -> None:
        answers = self.socket.recv(1 << 18).count(END)
        now = time.perf_counter()
        waits.extend(now - self.sent_at.popleft() for _ in range(answers))


def run_loggers(load: Load) -> Answered:
    """In a process of its own."""
    process = start_loggers(load)
    return loggers_result(process, load)


def start_loggers(load: Load) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.loggers"],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(load)))
    process.stdin.close()
    process.stdin = None
    return process


def await_open(process: subprocess.Popen[str]) -> None:
    """Until every connection is open and has shown its password."""
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "open"


def loggers_result(process: subprocess.Popen[str], load: Load) -> Answered:
    assert process.stdout is not None
    out = process.stdout.read()
    if process.wait(load.seconds + 120):
        raise RuntimeError("the loggers ended with an error")
    return Answered(**json.loads(out.splitlines()[-1]))


def play(load: Load) -> Answered:
    """Open every connection, send for so many seconds, wait for the last answers."""
    points = [BulkPoint(load.first_point + n) for n in range(load.points)]
    lines = list(_opened(load, points))
    print("open", flush=True)
    busy = lines[: load.busy]
    count = min(load.most_packets, int((load.rate or load.most_packets) * load.seconds))
    for case in stream(points, REAL_TIME, count, datetime.now(UTC)):
        busy[(case.point.number - load.first_point) % len(busy)].frames.append(case.frame())
    selector = selectors.DefaultSelector()
    for line in busy:
        selector.register(line.socket, selectors.EVENT_READ, line)
    waits: list[float] = []
    begun = time.perf_counter()
    if load.rate is None:
        _as_answered(load, busy, selector, waits)
    else:
        _paced(load, load.rate, busy, selector, waits)
    took = time.perf_counter() - begun
    sent = len(waits) + sum(len(line.sent_at) for line in busy)
    answered = len(waits)
    _rest(busy, selector, waits)
    return Answered(answered, sent - len(waits), took, quantile(waits, 0.5) * 1e3, quantile(waits, 0.99) * 1e3)


def _opened(load: Load, points: list[BulkPoint]) -> Iterator[_Line]:
    """Connections that have each sent one packet and had its answer."""
    cases = list(stream(points, REAL_TIME, len(points), datetime.now(UTC)))
    for first in range(0, load.connections, AT_ONCE):
        lines = []
        for n in range(first, min(first + AT_ONCE, load.connections)):
            line = _Line(socket.create_connection(("127.0.0.1", load.port), ANSWER_S))
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.socket.sendall(cases[n % len(cases)].frame())
            lines.append(line)
        for line in lines:
            answer = line.socket.recv(4096)
            assert b"CN=9014" in answer, answer
        yield from lines


def _as_answered(load: Load, busy: list[_Line], selector: selectors.BaseSelector, waits: list[float]) -> None:
    end = time.perf_counter() + load.seconds
    for line in busy:
        line.send(load.window)
    while time.perf_counter() < end and any(line.frames for line in busy):
        for key, _ in selector.select(TICK_S):
            key.data.drain(waits)
            key.data.send(load.window - len(key.data.sent_at))


def _paced(load: Load, rate: int, busy: list[_Line], selector: selectors.BaseSelector, waits: list[float]) -> None:
    """Each connection in turn, evenly over time."""
    begun, sent = time.perf_counter(), 0
    total = sum(len(line.frames) for line in busy)
    while sent < total and time.perf_counter() - begun < load.seconds * 2:
        due = min(total, int((time.perf_counter() - begun) * rate))
        while sent < due:
            busy[sent % len(busy)].send(1)
            sent += 1
        for key, _ in selector.select(TICK_S if sent < total else 0):
            key.data.drain(waits)


def _rest(busy: list[_Line], selector: selectors.BaseSelector, waits: list[float]) -> None:
    end = time.perf_counter() + ANSWER_S
    while any(line.sent_at for line in busy) and time.perf_counter() < end:
        for key, _ in selector.select(0.2):
            key.data.drain(waits)


if __name__ == "__main__":
    print(json.dumps(asdict(play(Load(**json.load(sys.stdin))))))
