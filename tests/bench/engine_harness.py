"""The distributed shape for benches: topics and a database of its own, monitoring's processes, what they committed.

A process is suspended while the backlog is written, so that a figure counts from the moment it goes on.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kafka import KafkaAdminClient

from services.monitoring.domain.due_work import RUNNING
from services.monitoring.domain.windows import seconds
from services.monitoring.handlers.packets import PACKETS_GROUP
from services.monitoring.store.tables import DUE, PROGRESS
from shared.database import Database, open_database
from shared.domain.events import PACKETS
from shared.eventlog.kafka import KafkaLog
from shared.eventlog.progress import Progress
from shared.runtime.host import topics
from shared.runtime.secrets import Sealer
from tests.bench.bulk_register import BulkPoint, register_points
from tests.bench.packet_topic import DevicePacketCase, PacketKind, fill, stream
from tests.bench.rows import cpu_of_children_s, cpu_s
from tests.support.distributed import Distributed
from tests.support.product import Process, eventually
from tests.support.servers import KafkaServer, PostgresServer, kafka_broker, postgres_server

SESSION_MS = "45000"  # the product's default; also longer than a process is suspended here
LOOK_EVERY_S = 0.02
MOST_S = 240.0  # a run that takes longer is ended


@dataclass(frozen=True, slots=True)
class Servers:
    """A broker and a database server on loopback."""

    kafka: KafkaServer
    postgres: PostgresServer


@dataclass(frozen=True, slots=True)
class Consumed:
    """What processes did with a backlog: `cpu_s` of each of them; of the database's backends and of the broker meanwhile.
    `load`: of the machine before they went on. `running_*`: without what was committed first, and the time until then."""

    packets: int
    seconds: float
    running_packets: int
    running_s: float
    cpu_s: tuple[float, ...]
    database_cpu_s: float
    broker_cpu_s: float
    load: float


@contextmanager
def both_servers(folder: Path) -> Iterator[Servers]:
    with kafka_broker(folder / "kafka") as kafka, postgres_server(folder / "postgres") as postgres:
        yield Servers(kafka, postgres)


@dataclass
class EngineHarness:
    """Monitoring on topics and a database of its own. `register_offset`: the end of its register."""

    servers: Servers
    shape: Distributed
    log: KafkaLog
    database: Database
    stack: ExitStack
    register_offset: int = 0
    processes: list[Process] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        return self.shape.settings["YUJING_KAFKA_TOPIC_PREFIX"]

    @property
    def topic(self) -> str:
        """The Kafka topic that holds the packets."""
        return self.prefix + PACKETS

    @property
    def bootstrap(self) -> str:
        return self.shape.settings["YUJING_KAFKA_BOOTSTRAP"]

    def register(self, count: int, first: int = 1) -> list[BulkPoint]:
        points = [BulkPoint(n) for n in range(first, first + count)]
        sealer = Sealer(urlsafe_b64decode(self.shape.settings["YUJING_SECRET_KEY"]))
        self.register_offset = register_points(self.log, self.database, sealer, points, datetime.now(UTC))
        return points

    def fill(self, points: Sequence[BulkPoint], kind: PacketKind, count: int) -> int:
        """Append `count` packets up to now."""
        return self.fill_with(stream(points, kind, count, datetime.now(UTC)))

    def fill_with(self, cases: Iterable[DevicePacketCase]) -> int:
        return fill(self.log, cases, self.register_offset)

    def make_due(self, now: datetime) -> None:
        """As after an outage: everything on the due list but hours in their grace is due."""
        with self.database.transaction() as session:
            session.connection().execute(DUE.update().where(DUE.c.kind == RUNNING).values(due_at_s=seconds(now)))

    def start(self, count: int = 1) -> list[Process]:
        """That many processes of monitoring, ready, each with its share of the partitions."""
        for _ in range(count):
            self._launch()
        for process in self.processes:
            process.await_ready()
        self._await_members(len(self.processes))
        return self.processes

    def seconds_to_first_commit(self) -> float:
        """From the start of a process until something more is committed."""
        before, begun = self.committed(), time.monotonic()
        self._launch()
        self._await_more_than(before, begun)
        return time.monotonic() - begun

    def _await_more_than(self, before: int, begun: float) -> int:
        """How many packets are committed once it is more than that."""
        while (found := self.committed()) == before:
            assert time.monotonic() < begun + MOST_S, f"nothing was committed: {self.tail()}"
            time.sleep(LOOK_EVERY_S)
        return found

    def seconds_to_ready(self) -> float:
        """From the start of a process until it is ready: its gateway knows the register."""
        begun = time.monotonic()
        self._launch()
        self.processes[-1].await_ready()
        return time.monotonic() - begun

    def _launch(self) -> None:
        folder = self.shape.folder / f"process-{uuid.uuid4().hex[:6]}"
        process = Process(folder, ("monitoring",), self.shape.settings)
        self.stack.callback(process.stop)
        process.start(wait=False)
        self.processes.append(process)

    def suspend(self) -> None:
        for process in self.processes:
            os.kill(pid_of(process), signal.SIGSTOP)

    def consume(self) -> Consumed:
        """Let suspended processes go on until everything is committed."""
        load, first, before = os.getloadavg()[0], self.committed(), self._cpu()
        begun = time.monotonic()
        for process in self.processes:
            os.kill(pid_of(process), signal.SIGCONT)
        start = self._await_more_than(first, begun)
        started = time.monotonic()
        self.await_committed()
        ended = time.monotonic()
        *own, database, broker = (late - early for early, late in zip(before, self._cpu(), strict=True))
        end = self.committed()
        return Consumed(end - first, ended - begun, end - start, ended - started, tuple(own), database, broker, load)

    def _cpu(self) -> list[float]:
        """Of each process, of the database's backends, of the broker."""
        own = [cpu_s(pid_of(process)) for process in self.processes]
        return [*own, cpu_of_children_s(self.servers.postgres.pid), cpu_s(self.servers.kafka.pid)]

    def await_committed(self) -> None:
        """Until the progress rows stand at the ends of the topic."""
        end = sum(self.log.ends(PACKETS).values())
        limit = time.monotonic() + MOST_S
        while self.committed() < end:
            assert time.monotonic() < limit, f"{self.committed()} of {end} after {MOST_S:.0f} s: {self.tail()}"
            time.sleep(LOOK_EVERY_S)

    def committed(self) -> int:
        """Packets whose effect is committed."""
        with self.database.read() as session:
            found = Progress(PROGRESS).positions(session, PACKETS_GROUP)
        return sum(at for partition, at in found.items() if partition.topic == PACKETS)

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
        self.processes.clear()

    def tail(self) -> str:
        return "\n".join(process.tail(8) for process in self.processes)

    def _await_members(self, count: int) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        group = self.prefix + PACKETS_GROUP

        def shared_out() -> bool:
            found = admin.describe_groups([group])[group]
            with self.database.read() as session:
                taken = Progress(PROGRESS).positions(session, PACKETS_GROUP)
            return found["group_state"] == "Stable" and len(found["members"]) == count and len(taken) == partitions

        partitions = self.log.partitions(PACKETS)
        try:
            eventually(shared_out, within_s=60, what=f"{count} members, each with its partitions")
        finally:
            admin.close()
        time.sleep(1.0)  # the last of them positions itself


@contextmanager
def engine_harness(folder: Path, servers: Servers, **env: str) -> Iterator[EngineHarness]:
    """Topics and tables as `yujing migrate` makes them; `env`: further settings of the processes."""
    folder.mkdir(parents=True, exist_ok=True)
    url, prefix = servers.postgres.new_database_at_head(), f"b{uuid.uuid4().hex[:8]}-"
    shape = Distributed.on(folder, servers.kafka.bootstrap, url, prefix=prefix)
    shape.settings |= {"YUJING_KAFKA_SESSION_TIMEOUT_MS": SESSION_MS, **env}
    log = KafkaLog(servers.kafka.bootstrap, prefix=prefix, wall_now=lambda: datetime.now(UTC))
    log.create(topics(distributed=True))
    database = open_database(shape.settings["YUJING_DATABASE_URL"], folder, "monitoring")
    with ExitStack() as stack:
        stack.callback(log.close)
        stack.callback(database.close)
        yield EngineHarness(servers, shape, log, database, stack)


def pid_of(process: Process) -> int:
    assert process.child is not None
    return process.child.pid
