"""The archive: a day of packets from the database into Parquet files, read back, removed; and one hour of a point found again.

YUJING_BENCH_ARCHIVED: readings of the day in the database; YUJING_BENCH_FILED: readings that are written to files alone, to
see that memory is bounded.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import text

from services.monitoring.domain.archive import packets_in
from services.monitoring.domain.packet_row import PacketRow, row_of
from services.monitoring.domain.reading import PeriodValue, rank
from services.monitoring.domain.windows import DAY_S, HOUR_S, WindowKey, day_start_s, instant, seconds
from services.monitoring.handlers.archiving import Archiving
from services.monitoring.store.archive import PART, check_file, current_files, use_archive, write_parts
from services.monitoring.store.packet_days import make_days
from services.monitoring.store.packets import write_packets
from services.monitoring.store.readings import samples_of_hours
from shared.database import Database, open_database
from shared.domain.clock import Clock
from shared.runtime.migrating import migrate
from tests.bench.rows import Row
from tests.bench.sizes import of_environment
from tests.support.servers import find_postgres, postgres_server

FACTORS = ("a01011", "a01012", "a01013", "a05001", "a19001", "a21002", "a21026", "a34013")
CONVERTED = 3  # of the eight factors have a converted value
EVERY_S = 30
A_DAY = DAY_S // EVERY_S
NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
DAY = day_start_s(seconds(NOW) - 40 * DAY_S)
ROWS_AT_ONCE = 2_000
LOOKS = 50
DIFFERENT = 10 * A_DAY  # packets


def packets(readings: int) -> Iterator[PacketRow]:
    """Real-time packets of as many points as it takes. Values come again after ten points: more than is compressed at once."""
    numbers = random.Random(7)
    bodies: list[bytes] = []
    for n in range(readings // len(FACTORS)):
        start, mn = DAY + n % A_DAY * EVERY_S, f"B{n // A_DAY:013d}"
        ranked = rank(resent=False, sent=f"{instant(start + 8 * HOUR_S):%Y%m%d%H%M%S}000", content=b"%d" % n)
        if n < DIFFERENT:
            bodies.append(row_of([_value(mn, start, k, ranked, numbers) for k in range(len(FACTORS))]).body)
        yield PacketRow(mn, "instant", start, ranked, "gateway", start + 2, bodies[n % DIFFERENT])


def _value(mn: str, start: int, k: int, ranked: str, numbers: random.Random) -> PeriodValue:
    micro = int(numbers.gauss(30 + 10 * k, 3) * 1_000) * 1_000
    converted = int(micro * 1.1) // 1_000 * 1_000 if k >= len(FACTORS) - CONVERTED else None
    return PeriodValue(mn, "instant", start, FACTORS[k], micro, converted, "N", "gateway", ranked, start + 2, None)


def archive_bench(folder: Path) -> list[Row]:
    """On SQLite, on PostgreSQL where there is one, and to files alone."""
    found = _of_database(folder / "sqlite", None, "SQLite")
    if find_postgres():
        with postgres_server(folder / "postgres") as server:
            found += _of_database(folder / "shared", server.new_database(), "PostgreSQL")
    return [*found, *_of_files(folder / "files")]


def _of_database(folder: Path, url: str | None, name: str) -> list[Row]:
    count = of_environment("ARCHIVED", 400_000)
    folder.mkdir(parents=True)
    database = open_database(url, folder, "monitoring")
    migrate(database, "services.monitoring.migrations", "monitoring")
    use_archive(database, folder / "archive")
    with database.transaction() as session:
        make_days(session, [DAY])
    rest = packets(count)
    while part := list(islice(rest, ROWS_AT_ONCE)):
        with database.transaction() as session:
            write_packets(session, part)
    size = _bytes(database, folder)
    hours = [WindowKey(f"B{0:013d}", "hour", DAY + n % 24 * HOUR_S) for n in range(LOOKS)]
    of_rows = _look(database, hours)
    clock = Clock(lambda: NOW, lambda: NOW)
    begun, cpu = time.perf_counter(), time.process_time()
    Archiving(database, clock=clock, folder=folder / "archive", days=35).run(NOW)
    moved_s, moved_cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    of_files = _look(database, hours)
    with database.read() as session:
        files = current_files(session)
    begun = time.perf_counter()
    assert all(check_file(folder / "archive", file).wrong is None for file in files)
    verified_s = time.perf_counter() - begun
    database.close()
    path = f"{name} rows → Parquet files, read back, removed"
    readings = sum(file.readings for file in files)
    return [
        Row("archive: a reading in the database", size / readings, "B", f"{name}, with its index"),
        Row("archive: a reading in a file", sum(file.bytes for file in files) / readings, "B", "Parquet, zstd"),
        Row(
            "archive: moved",
            readings / moved_s,
            "readings/s",
            path,
            {"readings": readings, "by_cpu": readings / moved_cpu_s},
        ),
        Row("archive: verified", readings / verified_s, "readings/s", "files read whole, SHA-256, counts"),
        Row("archive: an hour of a point from rows", of_rows * 1e3, "ms", name),
        Row("archive: an hour of a point from files", of_files * 1e3, "ms", name),
    ]


def _look(database: Database, hours: list[WindowKey]) -> float:
    """Seconds for the samples of one hour."""
    begun = time.perf_counter()
    for hour in hours:
        with database.read() as session:
            assert samples_of_hours(session, [hour], "instant", FACTORS)
    return (time.perf_counter() - begun) / len(hours)


def _bytes(database: Database, folder: Path) -> int:
    if database.embedded:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return (folder / "monitoring.sqlite").stat().st_size
    with database.read() as session:
        query = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'packet'::regclass"
        return int(session.connection().execute(text(query)).scalar_one())


def _of_files(folder: Path) -> list[Row]:
    count = of_environment("FILED", 1_000_000)
    before = peak()
    begun, cpu = time.perf_counter(), time.process_time()
    files = list(write_parts(folder, DAY, packets_in(packets(count)), seconds(NOW + timedelta(hours=1)), most=PART))
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    readings = sum(file.readings for file in files)
    path = "packets made in memory → files"
    return [
        Row("archive: written and read back", readings / took, "readings/s", path, {"by_cpu": readings / used}),
        Row("archive: memory above the process's own", max(0, peak() - before) / 1e6, "MB", f"{readings:,} readings"),
        Row("archive: peak memory of the process", peak() / 1e6, "MB", f"{readings:,} readings"),
    ]


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
