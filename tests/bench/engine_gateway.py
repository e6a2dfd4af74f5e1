"""Figures of the gateway on a real Kafka: packets acknowledged after the log, and many open connections."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.engine_harness import EngineHarness, Servers, engine_harness, pid_of
from tests.bench.loggers import ROOT, Answered, Load, await_open, loggers_result, run_loggers, start_loggers
from tests.bench.rows import Row, cpu_s, rss_bytes
from tests.bench.sizes import FEW, Sizes

NATION_PACKETS = 3_333  # a second: 100,000 points, one packet each 30 s
FULL_S, PACED_S = 8.0, 10.0
LINES = 8
PATH = "TCP frame → checksum, MN, password → Kafka (acks=all) → 9014"


@dataclass(frozen=True, slots=True)
class GatewayAlone:
    """A process of the gateway without consumers."""

    port: int
    pid: int


def gateway(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """Full load, then a nation's rate; the gateway alone, then in monitoring's process with the engine beside it."""
    with engine_harness(folder / "gateway", servers) as harness:
        harness.register(FEW)
        with gateway_alone(harness) as alone:
            rows = _rows(alone.port, alone.pid, "the gateway alone")
        (process,) = harness.start()
        return rows + _rows(process.gateway_port, pid_of(process), "the engine consumes in the same process")


def _rows(port: int, pid: int, how: str) -> list[Row]:
    before = cpu_s(pid)
    full = run_loggers(Load(port, LINES, LINES, FULL_S, FEW))
    cpu = cpu_s(pid) - before
    paced = run_loggers(Load(port, 64, 64, PACED_S, FEW, rate=NATION_PACKETS))
    detail = {"by_cpu": full.packets / cpu, **_detail(full)}
    return [
        Row("gateway on Kafka: acknowledged", full.packets / full.seconds, "packets/s", f"{PATH}; {how}", detail),
        Row(
            f"gateway on Kafka: acknowledged at {NATION_PACKETS:,}/s, p99",
            paced.p99_ms,
            "ms",
            f"{PATH}; {how}, 64 connections",
            {"reached_per_s": paced.packets / paced.seconds, **_detail(paced)},
        ),
    ]


def connections(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """Open connections of loggers: memory of the gateway's process, and answers to those that are busy."""
    with engine_harness(folder / "connections", servers) as harness:
        harness.register(sizes.connections)
        with gateway_alone(harness) as alone:
            empty = rss_bytes(alone.pid)
            load = Load(alone.port, sizes.connections, 50, PACED_S, sizes.connections, rate=500)
            loggers = start_loggers(load)
            await_open(loggers)
            full = rss_bytes(alone.pid)
            busy = loggers_result(loggers, load)
    count = f"{sizes.connections:,} open connections"
    return [
        Row(
            f"gateway: memory with {count}",
            full / 1e6,
            "MB",
            "RSS of the gateway's process, each connection has shown its password",
            {"rss_empty_mb": empty / 1e6, "bytes_a_connection": (full - empty) / sizes.connections},
        ),
        Row(f"gateway: 50 busy of {count}, p99", busy.p99_ms, "ms", f"{PATH}, 500 packets/s", _detail(busy)),
    ]


@contextmanager
def gateway_alone(harness: EngineHarness) -> Iterator[GatewayAlone]:
    environment = {**harness.shape.env(), "YUJING_GATEWAY_PORT": "0"}
    command = [sys.executable, "-m", "tests.bench.gateway_process"]
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield GatewayAlone(int(child.stdout.readline()), child.pid)
    finally:
        child.terminate()
        child.wait(20)


def _detail(found: Answered) -> dict[str, float]:
    return {
        "packets": found.packets,
        "unanswered": found.unanswered,
        "ack_p50_ms": found.p50_ms,
        "ack_p99_ms": found.p99_ms,
        "load": os.getloadavg()[0],
    }
