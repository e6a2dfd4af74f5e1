"""A nation's packets for a while, on Kafka and PostgreSQL: how long an excess takes from the last byte of its frame to a
verified webhook meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.alerts.store.tables import PROGRESS
from shared.database import Database, open_database
from shared.domain.events import REGISTRY
from shared.eventlog.progress import Progress
from tests.bench.bulk_register import BulkPoint
from tests.bench.engine_gateway import NATION_PACKETS
from tests.bench.engine_harness import MOST_S, EngineHarness, Servers, engine_harness
from tests.bench.loggers import Answered, Load, await_open, loggers_result, start_loggers
from tests.bench.nation_stages import KIND, stages
from tests.bench.packet_topic import REAL_TIME, stream
from tests.bench.rows import Row, quantile
from tests.bench.sizes import Sizes
from tests.support.ledger import Receiver
from tests.support.product import Logger, eventually, last_hour
from tests.support.sample_enterprise import OutletSource, SampleEnterprise

PROBES, OUTLETS = 200, 25
FIRST_POINT = 1_001  # of the packets beside; the numbers below are the probed enterprises'
LINES = 64
LATE_S = 30.0
SEEN_BEFORE = timedelta(minutes=3)
REGISTER_GROUP = "alerts-register"


@dataclass(slots=True)
class Arrivals:
    """When the webhook of each point was verified."""

    receiver: Receiver
    stop: threading.Event = field(default_factory=threading.Event)
    at: dict[str, float] = field(default_factory=dict)

    def watch(self) -> None:
        while not self.stop.wait(0.002):
            now = time.monotonic()
            for event in self.receiver.ledger.events(KIND):
                self.at.setdefault(event["data"]["point"], now)

    def push_of(self) -> dict[str, str]:
        """The first push of each point."""
        found: dict[str, str] = {}
        for push, bodies in self.receiver.ledger.verified.items():
            if bodies[0]["data"].get("kind") == KIND:
                found.setdefault(bodies[0]["data"]["point"], push)
        return found


def nation(folder: Path, servers: Servers, sizes: Sizes) -> list[Row]:
    """`sizes.seconds` of packets at a nation's rate from `sizes.nation` points, an excess of a fresh point every now and then."""
    receiver = Receiver()
    try:
        with engine_harness(folder / "nation", servers) as harness:
            points = harness.register(sizes.nation, FIRST_POINT)
            sources = _start_all(harness, receiver)
            _as_on_any_other_day(harness, points)
            port = harness.shape.gateway_port
            load = Load(port, LINES, LINES, sizes.seconds, sizes.nation, rate=NATION_PACKETS, first_point=FIRST_POINT)
            loggers = start_loggers(load)
            await_open(loggers)
            with _arrivals(receiver) as arrivals:
                sent = _probe(port, sources, sizes.seconds / PROBES)
                answered = loggers_result(loggers, load)
                _await_last(arrivals, len(sent))
            by_stage = _stages(harness, arrivals, sent)
    finally:
        receiver.close()
    waits = [arrivals.at[mn] - at for mn, at in sent.items() if mn in arrivals.at]
    return _rows(waits, len(sent) - len(waits), answered, by_stage, sizes)


def _stages(harness: EngineHarness, arrivals: Arrivals, sent: dict[str, float]) -> dict[str, float]:
    ahead = time.time() - time.monotonic()
    with _alerts_database(harness) as alerts:
        return stages(
            harness.log,
            harness.database,
            alerts,
            {mn: at + ahead for mn, at in sent.items()},
            {mn: at + ahead for mn, at in arrivals.at.items()},
            arrivals.push_of(),
        )


def _as_on_any_other_day(harness: EngineHarness, points: Sequence[BulkPoint]) -> None:
    """Every point was seen before, and alerts has read the register."""
    harness.fill_with(stream(points, REAL_TIME, len(points), datetime.now(UTC) - SEEN_BEFORE))
    harness.await_committed()
    with _alerts_database(harness) as alerts:

        def has_read() -> bool:
            with alerts.read() as session:
                return Progress(PROGRESS).position(session, REGISTER_GROUP, REGISTRY) >= harness.register_offset

        eventually(has_read, within_s=MOST_S, what="the register read by alerts")


@contextmanager
def _alerts_database(harness: EngineHarness) -> Iterator[Database]:
    database = open_database(harness.shape.settings["YUJING_DATABASE_URL"], harness.shape.folder, "alerts")
    try:
        yield database
    finally:
        database.close()


def _start_all(harness: EngineHarness, receiver: Receiver) -> list[OutletSource]:
    """permits, monitoring, alerts; the enterprises whose excesses are timed, each with an endpoint."""
    for process in harness.shape.processes.values():
        harness.stack.callback(process.stop)
        process.start(wait=False)
    for process in harness.shape.processes.values():
        process.await_ready()
    sources: list[OutletSource] = []
    with harness.shape.client() as admin:
        samples = [SampleEnterprise(number, OUTLETS) for number in range(1, PROBES // OUTLETS + 1)]
        for sample in samples:
            sample.register(admin)
            sources += sample.sources()
        latest = f"/monitoring/v1/points/{sources[-1].mn}/latest"
        eventually(lambda: admin.get(latest).status_code == 200, within_s=60, what="points known")
        for sample in samples:
            with harness.shape.client(sample.sources()[0].token(admin)) as enterprise:
                receiver.register(enterprise, f"sample-{sample.number}")
    return sources


def _probe(port: int, sources: Sequence[OutletSource], every_s: float) -> dict[str, float]:
    """One excess a point; point → when its last byte was sent."""
    sent: dict[str, float] = {}
    with Logger(port, timeout_s=LATE_S) as logger:
        begun = time.monotonic()
        for n, source in enumerate(sources):
            time.sleep(max(0.0, begun + n * every_s - time.monotonic()))
            logger.send(source.excess(last_hour(2)))
            sent[source.mn] = time.monotonic()
    return sent


def _await_last(arrivals: Arrivals, count: int) -> None:
    end = time.monotonic() + LATE_S
    while len(arrivals.at) < count and time.monotonic() < end:
        time.sleep(0.05)


@contextmanager
def _arrivals(receiver: Receiver) -> Iterator[Arrivals]:
    arrivals = Arrivals(receiver)
    thread = threading.Thread(target=arrivals.watch)
    thread.start()
    try:
        yield arrivals
    finally:
        arrivals.stop.set()
        thread.join()


def _rows(
    waits: Sequence[float], missing: int, answered: Answered, by_stage: dict[str, float], sizes: Sizes
) -> list[Row]:
    path = (
        f"frame → Kafka → verdict, risk → alert → webhook verified, {NATION_PACKETS:,} real-time packets/s of "
        f"{sizes.nation:,} points beside for {sizes.seconds} s, three processes, Kafka and PostgreSQL on the same machine"
    )
    detail = {
        "excesses": len(waits) + missing,
        "not_within_30_s": missing,
        "packets_acknowledged_per_s": answered.packets / answered.seconds,
        "ack_p99_ms": answered.p99_ms,
        "load": os.getloadavg()[0],
    }
    shown = [*waits, *[LATE_S] * missing]
    return [
        Row("nation: frame to verified webhook p50", quantile(shown, 0.5) * 1e3, "ms", path, detail | by_stage),
        Row("nation: frame to verified webhook p99", quantile(shown, 0.99) * 1e3, "ms", path, detail),
    ]
