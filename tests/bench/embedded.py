"""Figures of the embedded host: time to ready, idle CPU, readings a second from the HTTP API to committed rows."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from shared.domain.clock import SHANGHAI
from tests.bench.rows import Row, cpu_s, quantile
from tests.support.product import Process, eventually
from tests.support.sample_enterprise import OutletSource, SampleEnterprise

FACTORS = ("a21026", "a21002", "a34013", "a19001", "a01011", "a01012", "a01013", "a01014")
STARTS = 5
IDLE_S = 20.0
PLANTS, OUTLETS = 10, 25
PACKETS = 40_000
BATCH = 2_000


def time_to_ready(folder: Path) -> list[Row]:
    """`yujing run` until /readyz says 200, on a data folder that exists."""
    host = Process(folder)
    host.start()
    host.stop()
    times = []
    for _ in range(STARTS):
        began = time.monotonic()
        host.start()
        times.append(time.monotonic() - began)
        host.stop()
    median = quantile(times, 0.5)
    return [Row("time to ready", median, "s", "`yujing run` → /readyz 200, median of 5", {"max": max(times)})]


def idle_cpu(folder: Path) -> list[Row]:
    """What an idle embedded host uses."""
    host = Process(folder)
    host.start()
    try:
        assert host.child is not None
        began, before = time.monotonic(), cpu_s(host.child.pid)
        time.sleep(IDLE_S)
        used = (cpu_s(host.child.pid) - before) / (time.monotonic() - began)
    finally:
        host.stop()
    return [Row("idle CPU", used * 100, "% of a core", f"embedded host, nothing arriving, {IDLE_S:.0f} s")]


def readings(folder: Path) -> list[Row]:
    """Real-time packets of 8 factors by NDJSON until every one is a committed row and marked for decision."""
    host = Process(folder)
    host.start()
    try:
        with host.client() as admin:
            sources = [
                source for n in range(1, PLANTS + 1) for source in registered(admin, SampleEnterprise(n, OUTLETS))
            ]
            mn = sources[-1].mn
            eventually(lambda: admin.get(f"/monitoring/v1/points/{mn}/latest").status_code == 200, what="points")
            bodies = [body(sources, first) for first in range(0, PACKETS, BATCH)]
            assert host.child is not None
            began, before = time.monotonic(), cpu_s(host.child.pid)
            for one in bodies:
                headers = {"Content-Type": "application/x-ndjson"}
                answer = admin.post("/monitoring/v1/packets", content=one, headers=headers)
                assert answer.status_code == 202 and answer.json()["accepted"] == BATCH, answer.text[:300]
            taken = time.monotonic() - began
            eventually(lambda: lag(host) == 0, within_s=120, what="rows")
            took, cpu = time.monotonic() - began, cpu_s(host.child.pid) - before
    finally:
        host.stop()
    count = PACKETS * len(FACTORS)
    path = "HTTP NDJSON → log (fsync) → truth rows (committed), one host process"
    return [
        Row(
            "embedded readings",
            count / took,
            "readings/s",
            path,
            {"by_cpu": count / cpu, "ingress_only": count / taken},
        )
    ]


def registered(admin: httpx.Client, sample: SampleEnterprise) -> list[OutletSource]:
    sample.register(admin)
    return sample.sources()


def body(sources: list[OutletSource], first: int) -> bytes:
    """BATCH packets: each source in turn, 30 s apart, within the last hours."""
    now = datetime.now(SHANGHAI).replace(microsecond=0)
    lines = []
    for n in range(first, first + BATCH):
        source, turn = sources[n % len(sources)], n // len(sources)
        at = (now - timedelta(seconds=30 * (PACKETS // len(sources) - turn))).isoformat()
        factors = {code: {"Rtd": 20.0 + (n * 7 + i) % 50 / 10, "Flag": "N"} for i, code in enumerate(FACTORS)}
        lines.append(json.dumps({"mn": source.mn, "command": "2011", "data_time": at, "factors": factors}))
    return "\n".join(lines).encode()


def lag(host: Process) -> float:
    """Packets not yet handled."""
    text = httpx.get(f"{host.base_url}/metrics", trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith("yujing_log_consumer_lag_records{")]
    assert lines
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
