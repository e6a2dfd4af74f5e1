"""Figures of the engine on a real Apache Kafka and PostgreSQL: packets from a backlog to committed rows, every rule on.

Sizes are small by default (`sizes.py`); the environment makes a run larger.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.engine_harness import Consumed, Servers, both_servers, engine_harness
from tests.bench.engine_peers import engine_peers
from tests.bench.packet_topic import FACTORS, HOURLY, REAL_TIME, PacketKind
from tests.bench.rows import Row
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
    return {"packets": found.packets, "seconds": found.seconds, "load": found.load}


Bench = Callable[[Path, Servers, Sizes], list[Row]]
ENGINE_BENCHES: dict[str, Bench] = {"engine-real-time": real_time, "engine-hours": hourly}
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
