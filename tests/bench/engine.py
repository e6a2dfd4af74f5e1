"""Figures of the engine on a real Apache Kafka and PostgreSQL: packets from a backlog to committed rows, every rule on.

Sizes are small by default (`sizes.py`); the environment makes a run larger.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench.engine_gateway import connections, gateway
from tests.bench.engine_harness import Consumed, Servers, both_servers, engine_harness, pid_of
from tests.bench.engine_nation import nation
from tests.bench.engine_peers import engine_peers
from tests.bench.packet_topic import FACTORS, HOURLY, REAL_TIME, PacketKind, stream
from tests.bench.rows import Row, rss_bytes
from tests.bench.sizes import FEW, MANY, Sizes
from tests.support.servers import find_kafka, find_postgres


def real_time(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """Real-time packets at few and at many points, and what a reading costs more at many."""
    few, many = (backlog(folder, servers, points, REAL_TIME, sizes.real_time) for points in (FEW, MANY))
    path = "Kafka → rows, last-seen, due windows and progress (one transaction a batch) in PostgreSQL, one process"
    ratio = (sum(many.cpu_s) / many.packets) / (sum(few.cpu_s) / few.packets)
    return [
        _readings_row(f"engine: real-time readings, {FEW} points", few, path),
        _readings_row(f"engine: real-time readings, {MANY:,} points", many, path),
        Row("engine: CPU of a reading at 10 × the series", ratio, "×", f"{MANY:,} against {FEW} points, the same path"),
    ]


def hourly(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """Hour packets with verdicts and episodes."""
    found = backlog(folder, servers, FEW, HOURLY, sizes.hours)
    path = "Kafka → rows, verdicts, episodes, risks, outbox and progress in PostgreSQL, one process"
    detail = {"by_cpu": found.packets / sum(found.cpu_s), **_detail(found)}
    return [Row(f"engine: hour packets, {FEW} points", found.packets / found.seconds, "packets/s", path, detail)]


def two_processes(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """The same backlog by one process and by two that share the partitions."""
    one, two = (backlog(folder / f"by-{n}", servers, FEW, REAL_TIME, sizes.real_time, n) for n in (1, 2))
    path = f"Kafka → rows and progress in PostgreSQL, {FEW} points, broker and database on the same machine"
    ratio = one.seconds / two.seconds
    return [
        _readings_row("engine: real-time readings, two processes", two, path),
        Row("engine: two processes against one", ratio, "×", path, _detail(two)),
    ]


def restart(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """What every open series costs in memory; how long a process takes from its start to its first commit, and how fast it
    comes after what waited, while every running mean is due."""
    series, now = sizes.points * len(FACTORS), datetime.now(UTC)
    with engine_harness(folder / "restart", servers) as harness:
        points = harness.register(sizes.points)
        (process,) = harness.start()
        empty = rss_bytes(pid_of(process))
        harness.suspend()
        harness.fill_with(stream(points, REAL_TIME, 2 * len(points), now - timedelta(minutes=2)))
        harness.consume()
        full = rss_bytes(pid_of(process))
        harness.stop()
        harness.make_due(datetime.now(UTC))
        harness.fill_with(stream(points, REAL_TIME, len(points), now))
        load, before = os.getloadavg()[0], harness.committed()
        first_s = harness.seconds_to_first_commit()
        begun, there = time.monotonic(), harness.committed()
        harness.await_committed()
        rate = (harness.committed() - there) / max(time.monotonic() - begun, 0.001)
        restarted = rss_bytes(pid_of(harness.processes[0]))
        harness.stop()
        ready_s = harness.seconds_to_ready()
    memory = {"series": series, "rss_empty_mb": empty / 1e6, "rss_full_mb": full / 1e6}
    start = {"series": series, "first_batch": there - before, "load": load, "rss_restarted_mb": restarted / 1e6}
    path = "every point's running mean is due, one packet of each point waits, PostgreSQL"
    return [
        Row(
            f"engine: restart with {series:,} series",
            first_s,
            "s",
            f"start of the process → first committed batch of packets that waited; {path}",
            start,
        ),
        Row(
            f"engine: ready with {sizes.points:,} points",
            ready_s,
            "s",
            "start of the process → its gateway knows the register and takes packets",
            start,
        ),
        Row("engine: packets after a restart", rate, "packets/s", f"from the first commit on; {path}", start),
        Row(
            "engine: memory of a series",
            (full - empty) / series,
            "B",
            "RSS of monitoring after two packets of each point, less RSS when ready with its register read",
            memory,
        ),
    ]


def backlog(
    folder: Path, servers: Servers, points: int, kind: PacketKind, packets: int, processes: int = 1
) -> Consumed:
    """A backlog of `packets` consumed by that many processes."""
    with engine_harness(folder / f"{kind.command}-{points}-{processes}", servers) as harness:
        registered = harness.register(points)
        harness.start(processes)
        harness.suspend()
        harness.fill(registered, kind, packets)
        return harness.consume()


def _readings_row(figure: str, found: Consumed, path: str) -> Row:
    readings = found.packets * len(FACTORS)
    detail = {"by_cpu": readings / sum(found.cpu_s), **_detail(found)}
    return Row(figure, readings / found.seconds, "readings/s", path, detail)


def _detail(found: Consumed) -> dict[str, float]:
    """`load`: of the machine in the minute before; a figure of a busy machine is worth little."""
    return {
        "packets": found.packets,
        "seconds": found.seconds,
        "database_cpu_s": found.database_cpu_s,
        "broker_cpu_s": found.broker_cpu_s,
        "load": found.load,
    }


Bench = Callable[[Path, Servers, Sizes], list[Row]]
ENGINE_BENCHES: dict[str, Bench] = {
    "engine-real-time": real_time,
    "engine-hours": hourly,
    "engine-two": two_processes,
    "engine-restart": restart,
    "engine-gateway": gateway,
    "engine-connections": connections,
    "engine-nation": nation,
}
PEERS = "engine-peers"  # only when it is named: it builds other programs


def engine_benches(names: Sequence[str], folder: Path) -> list[Row]:
    """The rows of these benches of the group, on the same servers."""
    for finding in (find_kafka(), find_postgres()):
        if not finding:
            print(f"left out: {', '.join(names)}: {finding.reason}", file=sys.stderr)
            return []
    rows: list[Row] = []
    with both_servers(folder) as servers:
        for name in names:
            bench = engine_peers if name == PEERS else ENGINE_BENCHES[name]
            rows += bench(folder, servers, Sizes.of_environment())
    return rows
