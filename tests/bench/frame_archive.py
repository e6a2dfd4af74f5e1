"""Frames from the log into files of the archive: a day of points that send every 30 s, of one factor and of eight.

YUJING_BENCH_FRAMES: frames of each. Taken without rests for what it costs, and as the product does for how fast it goes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from services.composition import topics
from services.monitoring.domain.windows import DAY_S, day_start_s, seconds
from services.monitoring.handlers.frame_archiving import RESTS, FrameArchiving
from services.monitoring.packet_record import device_document, packet_record
from services.monitoring.store.archive import use_archive
from services.monitoring.store.frame_files import WantedFrames
from services.monitoring.store.frames import check_frame_file, current_frame_files, frames_of
from services.monitoring.store.tables import PROGRESS
from shared.database import Database, open_database
from shared.domain.clock import SHANGHAI, Clock
from shared.domain.events import PACKETS
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.progress import Progress
from shared.hj212.packet import parse
from shared.hj212.reply import build, encode
from shared.ports import NewRecord
from shared.runtime.migrating import migrate
from tests.bench.archive import A_DAY, CONVERTED, EVERY_S, FACTORS, peak
from tests.bench.rows import Row
from tests.bench.sizes import of_environment

DAY = day_start_s(seconds(datetime(2026, 11, 19, 1, tzinfo=UTC)))
APPENDED_AT_ONCE = 5_000
LOOKS = 30
HOUR_MS = 3_600_000


def frame(mn: str, at: datetime, factors: int, numbers: random.Random) -> bytes:
    """As a logger sends it: values of three decimals, some converted, each with its flag."""
    stamp = at.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")
    items = [[("DataTime", stamp)]]
    for k in range(factors):
        fields = [(f"{FACTORS[k]}-Rtd", f"{numbers.gauss(30 + 10 * k, 3):.3f}"), (f"{FACTORS[k]}-Flag", "N")]
        if k >= len(FACTORS) - CONVERTED:
            fields.insert(1, (f"{FACTORS[k]}-ZsRtd", f"{numbers.gauss(33 + 10 * k, 3):.3f}"))
        items.append(fields)
    qn = f"{stamp}{numbers.randrange(1_000):03d}"
    return encode(build(mn=mn, cn="2011", st="31", qn=qn, pw="123456", flag=5, cp=items))


def records(frames: int, factors: int) -> Iterator[NewRecord]:
    """A day of as many points as it takes, in order of time."""
    numbers = random.Random(7)
    points = [f"B{n:013d}" for n in range(-(-frames // A_DAY))]
    for n in range(A_DAY):
        at = datetime.fromtimestamp(DAY + n * EVERY_S, UTC)
        for mn in points:
            raw = frame(mn, at, factors, numbers)
            received = at + timedelta(milliseconds=numbers.randrange(500, 3_000))
            document = device_document(parse(raw[6:-6]))
            yield packet_record(document, received_at=received, source="gateway", register_offset=7, raw=raw)


def frame_archive_bench(folder: Path) -> list[Row]:
    """Of eight factors in all its figures, of one factor its size."""
    count = of_environment("FRAMES", 300_000)
    found = _taken(folder / "eight", count, len(FACTORS), rests=0.0)
    resting = _taken(folder / "resting", count // 3, len(FACTORS), rests=RESTS)[0]
    resting = Row("frames: taken as the product does", resting.value, resting.unit, resting.path, resting.detail)
    sizes = [row for row in _taken(folder / "one", count // 3, 1, rests=0.0) if row.unit == "B"]
    return [*found, resting, *sizes]


def _taken(folder: Path, count: int, factors: int, *, rests: float) -> list[Row]:
    folder.mkdir(parents=True)
    now = datetime.fromtimestamp(DAY + 3_600, UTC)
    clock = Clock(lambda: now, lambda: now)
    log = EmbeddedLog(folder / "log.sqlite", wall_now=clock.wall_now)
    log.create(topics(distributed=False))
    database = open_database(None, folder, "monitoring")
    migrate(database, "services.monitoring.migrations", "monitoring")
    use_archive(database, folder / "archive")
    rest = records(count, factors)
    while part := list(islice(rest, APPENDED_AT_ONCE)):
        log.append(PACKETS, part).result(60)
    progress = Progress(PROGRESS)
    archiving = FrameArchiving(
        database, log=log, progress=progress, clock=clock, folder=folder / "archive", rests=rests
    )
    before = peak()
    took, cpu = _timed(archiving.take)
    with database.read() as session:
        parts = current_frame_files(session)
    merged_s, merged_cpu = _timed(partial(archiving.merge, DAY, seconds(now) + 2 * DAY_S))
    with database.read() as session:
        files = current_frame_files(session)
    frames = sum(file.rows for file in files)
    above = peak() - before
    verified_s, _ = _timed(lambda: [check_frame_file(folder / "archive", file).wrong for file in files])
    looks_s, _ = _timed(partial(_look, database))
    merging = {"by_cpu": frames / merged_cpu}
    raw = sum(file.size for file in files) / frames
    log.close()
    database.close()
    of = f"{frames:,} frames of {factors} factors, {raw:.0f} B raw"
    return [
        Row("frames: taken", frames / took, "frames/s", f"log → files, read back; {of}", {"by_cpu": frames / cpu}),
        Row("frames: a frame in a file from the log", sum(file.bytes for file in parts) / frames, "B", of),
        Row("frames: a frame in a merged file", sum(file.bytes for file in files) / frames, "B", of),
        Row("frames: merged", frames / merged_s, "frames/s", f"{len(parts)} → {len(files)} files", merging),
        Row("frames: memory above the process's own", above / 1e6, "MB", of),
        Row("frames: verified", frames / verified_s, "frames/s", "files read whole, SHA-256, counts"),
        Row("frames: an hour of a point", looks_s / LOOKS * 1e3, "ms", "from the merged files"),
    ]  # fmt: skip


def _look(database: Database) -> None:
    for n in range(LOOKS):
        low = (DAY + n % 20 * 3_600) * 1_000
        with database.read() as session:
            assert frames_of(session, WantedFrames(f"B{0:013d}", low, low + HOUR_MS, [PACKETS], None, 200))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall and of this process's CPU."""
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - cpu
