"""How many packets a second the gateway takes and acknowledges, socket to durable record: real TCP, real embedded log.

The loggers are another process: several connections, frames built beforehand, each line with a window of packets under way.
`python tests/bench/gateway_bench.py [SECONDS]` prints JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.hj212.reply import build, encode

CONNECTIONS = 8
WINDOW = 100  # packets under way a connection
FRAMES = 500  # different frames a connection, sent round and round
FACTORS = ("a21026", "a21002", "a34013", "a19001", "a01012")
END = b"\r\n"


def mn_of(number: int) -> str:
    return f"B{number:013d}"


def frames_of(number: int) -> list[bytes]:
    items = [[("DataTime", "20261120080000")]]
    for code in FACTORS:
        items.append([(f"{code}-{sub}", "12.34") for sub in ("Min", "Avg", "Max")] + [(f"{code}-Flag", "N")])
    return [
        encode(
            build(
                mn=mn_of(number),
                cn="2051",
                st="31",
                pw="123456",
                flag=5,
                qn=f"20261120080{serial:06d}00"[:17],
                cp=items,
            )
        )
        for serial in range(FRAMES)
    ]


class Line:
    """One logger that keeps `WINDOW` packets under way."""

    def __init__(self, port: int, number: int) -> None:
        self.frames = frames_of(number)
        self.sent_at: deque[float] = deque()
        self.next = 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fill(self, window: int) -> None:
        count = window - len(self.sent_at)
        if count <= 0:
            return
        frames = [self.frames[(self.next + step) % FRAMES] for step in range(count)]
        self.next += count
        now = time.perf_counter()
        self.sent_at.extend([now] * count)
        self.socket.sendall(b"".join(frames))

    def drain(self, latencies: list[float]) -> None:
        answered = self.socket.recv(262144).count(END)
        now = time.perf_counter()
        for _ in range(answered):
            latencies.append(now - self.sent_at.popleft())


def send(port: int, seconds: float, window: int) -> dict[str, Any]:
    """The loggers' side."""
    lines = [Line(port, number) for number in range(CONNECTIONS)]
    selector = selectors.DefaultSelector()
    for line in lines:
        selector.register(line.socket, selectors.EVENT_READ, line)
    latencies: list[float] = []
    began = time.perf_counter()
    for line in lines:
        line.fill(window)
    while time.perf_counter() - began < seconds:
        for key, _ in selector.select(0.2):
            key.data.drain(latencies)
            key.data.fill(window)
    took = time.perf_counter() - began
    return {"acknowledged": len(latencies), "seconds": round(took, 3), **spread(latencies)}


def spread(latencies: Sequence[float]) -> dict[str, float]:
    ordered = sorted(latencies)
    at = {"p50_ms": 0.50, "p99_ms": 0.99}
    return {name: round(ordered[int(len(ordered) * part)] * 1000, 2) for name, part in at.items()} if ordered else {}


def _sender(port: int, seconds: float, window: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.gateway_bench", "--send", str(port), str(seconds), str(window)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=seconds + 60, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(seconds: float = 5.0, window: int = WINDOW) -> dict[str, Any]:
    """Packets acknowledged a second, and how long a packet waits for its answer while the line is full."""
    from tests.support.gateway_harness import a_gateway

    with tempfile.TemporaryDirectory() as folder, a_gateway(Path(folder)) as harness:
        for number in range(CONNECTIONS):
            harness.register(mn_of(number), "123456")
        cpu = time.process_time()
        result = _sender(harness.worker.port, seconds, window)
        cpu = time.process_time() - cpu
        lone = _sender(harness.worker.port, 1.0, 1)
        logged = sum(harness.real_log.ends("packets").values())
    return {
        "path": "TCP frame to durable record in the embedded log, 9014 back; consumers not running",
        "packets_per_s": round(result["acknowledged"] / result["seconds"]),
        "readings_per_s": round(len(FACTORS) * result["acknowledged"] / result["seconds"]),
        "cpu_us_per_packet": round(cpu / max(1, result["acknowledged"]) * 1e6, 1),
        "connections": CONNECTIONS,
        "window": window,
        "factors_a_packet": len(FACTORS),
        "logged": logged,
        "lone_p50_ms": lone["p50_ms"],  # one packet under way a connection
        "lone_p99_ms": lone["p99_ms"],
        **result,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--send"]:
        print(json.dumps(send(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))))
    else:
        print(json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0), indent=2))
