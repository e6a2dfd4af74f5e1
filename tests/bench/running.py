"""What it costs to evaluate the running hour of many points, to decide their hours by own means, and to look for silent ones.

By itself: `python -m tests.bench.running [points]`, on SQLite and, where it is found, PostgreSQL: real-time packets of 8 factors
every 30 s, two factors limited, half an hour of them (45 minutes for the hours that are decided by own means).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from services.monitoring.domain.due_work import HOUR, RUNNING_TAKEN, DueKey
from services.monitoring.domain.packet_row import INSTANT, PacketRow, row_of
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.windows import HOUR_S, hour_start_s, instant, seconds
from services.monitoring.store.due import put_due
from services.monitoring.store.packets import write_packets
from services.monitoring.store.values import write_last_seen
from shared.sql import chunks
from tests.bench.bulk_register import BulkPoint, register_rows
from tests.bench.readings import FACTORS
from tests.support.servers import find_postgres, postgres_server
from tests.unit.monitoring.harness import O2, MonitoringHarness

INTERVAL_S = 30
NOW = "2026-11-20 12:00"
AT_ONCE = 500  # points whose packets are written in one transaction
EVERY_S = 300  # a point's running mean is evaluated so often
SWEEP_S = 15  # silence is looked for so often
NATION = 100_000  # points


@dataclass(frozen=True, slots=True)
class Took:
    """`cpu_s`: of this process; the database's own stands in the difference to `wall_s` and on another core."""

    points: int
    wall_s: float
    cpu_s: float
    every_s: int = EVERY_S

    def figures(self, rows: int = 0) -> dict[str, float]:
        """Points and rows a second, and the share of a core for a nation whose points are due every `every_s`."""
        found = {
            "points_per_s": round(self.points / self.wall_s),
            "points_per_cpu_s": round(self.points / self.cpu_s),
            "cpu_of_a_nation": round(NATION / self.every_s * self.cpu_s / self.points, 3),
        }
        return {**found, "rows_per_s": round(rows / self.wall_s)} if rows else found


@contextmanager
def running_points(folder: Path, points: int, url: str | None) -> Iterator[tuple[MonitoringHarness, list[BulkPoint]]]:
    """A register of that many points."""
    harness = MonitoringHarness(folder, NOW, url=url)
    registered = [BulkPoint(n) for n in range(1, points + 1)]
    register_rows(harness.database, harness.sealer, registered, harness.now)
    yield harness, registered
    harness.database.close()


def fill_hour(harness: MonitoringHarness, points: Sequence[BulkPoint], minutes: int) -> int:
    """Real-time packets of the hour that begins now; how many."""
    begin, each = seconds(harness.now), minutes * 60 // INTERVAL_S
    for part in chunks(points, AT_ONCE):
        rows = [_row(point.mn, begin + n * INTERVAL_S, n) for point in part for n in range(each)]
        with harness.database.transaction() as session:
            write_packets(session, rows)
    return len(points) * each


def _row(mn: str, at_s: int, n: int) -> PacketRow:
    values = [
        PeriodValue(mn, INSTANT, at_s, factor, _micro(factor, n), None, "N", "tcp", "020261120", at_s, None)
        for factor in FACTORS
    ]
    return row_of(values)


def _micro(factor: str, n: int) -> int:
    return 6_000_000 if factor == O2 else 20_000_000 + n % 9 * 123_457


def evaluated(harness: MonitoringHarness, points: Sequence[BulkPoint], kind: str, now_s: int) -> Took:
    """All windows of this kind, due at once."""
    hour = hour_start_s(seconds(harness.now))
    with harness.database.transaction() as session:
        put_due(session, {DueKey(point.mn, kind, hour): now_s for point in points})
    harness.now = instant(now_s)
    with harness.database.read() as session:
        harness.register.sites(session, {point.mn for point in points})  # decoded once in a process's life
    every_s = EVERY_S if kind == RUNNING_TAKEN else HOUR_S
    return timed(len(points), lambda: harness.jobs.decide_due(harness.now), every_s)


def swept(harness: MonitoringHarness, points: Sequence[BulkPoint]) -> Took:
    """The sweep for silent points; all were seen just now."""
    at_s = seconds(harness.now)
    with harness.database.transaction() as session:
        write_last_seen(session, {point.mn: at_s for point in points})
    harness.silence.sweep(harness.now)  # the register is decoded
    return timed(len(points), lambda: harness.silence.sweep(harness.now), SWEEP_S)


def timed(points: int, work: Callable[[], None], every_s: int) -> Took:
    wall, cpu = perf_counter(), process_time()
    work()
    return Took(points, perf_counter() - wall, process_time() - cpu, every_s)


def bench(points: int, new_url: Callable[[], str | None]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for kind, minutes, later_s in ((RUNNING_TAKEN, 30, 30 * 60), (HOUR, 50, 2 * HOUR_S)):
        with TemporaryDirectory() as folder, running_points(Path(folder), points, new_url()) as (harness, registered):
            rows, now_s = fill_hour(harness, registered, minutes), seconds(harness.now) + later_s
            found[kind] = evaluated(harness, registered, kind, now_s).figures(rows)
            if kind == HOUR:
                found["silence"] = swept(harness, registered).figures()
    return found


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    print("SQLite", points, json.dumps(bench(points, lambda: None)))
    if find_postgres():
        with TemporaryDirectory() as folder, postgres_server(Path(folder)) as server:
            found = bench(points, server.new_database)
        print("PostgreSQL", points, json.dumps(found))


if __name__ == "__main__":
    main()
