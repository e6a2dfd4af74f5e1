"""A gateway on loopback with a real embedded log, a register fed by hand, and a logger's end of the line."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.monitoring.gateway import GatewayWorker, Limits, gateway_worker
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable
from shared.domain.events import PACKETS, QUARANTINE, REGISTERED, REGISTRY, Event
from shared.eventlog.codec import decode, encode_event
from shared.eventlog.embedded import EmbeddedLog
from shared.hj212.frame import Cut, Framer
from shared.hj212.packet import Packet, parse
from shared.hj212.reply import build, encode
from shared.ports import Following, NewRecord, Record, Sharing, TopicShape
from shared.runtime.directory import PASSWORD
from shared.runtime.service import ThreadWorker
from tests.support.contexts import a_context

NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)  # 08:30 in Shanghai
SHAPES = {PACKETS: TopicShape(4), REGISTRY: TopicShape(1, compacted=True), QUARANTINE: TopicShape(1)}
DEADLINE_S = 10.0


class HeldLog:
    """An event log whose appends of packets and quarantine wait until they are let go, or fail."""

    def __init__(self, under: EmbeddedLog) -> None:
        self.under = under
        self.away = False
        self.held: list[tuple[str, list[NewRecord], Future[list[tuple[int, int]]]]] = []

    def append(self, topic: str, records: Sequence[NewRecord]) -> Future[list[tuple[int, int]]]:
        future: Future[list[tuple[int, int]]] = Future()
        if self.away:
            future.set_exception(Unreachable("the log is away", code="log-away"))
            return future
        self.held.append((topic, list(records), future))
        return future

    def let_go(self) -> None:
        held, self.held = self.held, []
        for topic, records, future in held:
            future.set_result(self.under.append(topic, records).result(DEADLINE_S))

    def share(self, group: str, topics: Sequence[str]) -> Sharing:
        return self.under.share(group, topics)

    def follow(self, topic: str) -> Following:
        return Prompt(self.under.follow(topic))

    def partitions(self, topic: str) -> int:
        return self.under.partitions(topic)

    def ends(self, topic: str) -> Mapping[int, int]:
        return self.under.ends(topic)

    def create(self, topics: Mapping[str, TopicShape]) -> None:
        self.under.create(topics)

    def healthy(self) -> str | None:
        return "the log is away" if self.away else None

    def close(self) -> None:
        self.under.close()


class Prompt:
    """A following that never waits long, so that tests do not."""

    def __init__(self, under: Following) -> None:
        self._under = under
        self.caught_up = under.caught_up
        self.close = under.close

    def poll(self, timeout_s: float) -> Sequence[Record]:
        return self._under.poll(min(timeout_s, 0.02))


class FieldClock:
    """Stands still until it is set; both clocks, and the monotonic one that limits are measured by."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.monotonic_s = 1_000.0

    def clock(self) -> Clock:
        return Clock(wall_now=lambda: self.now, field_now=lambda: self.now)


class Logger:
    """A data logger's end of one connection."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S, source_address=(source, 0))
        self._framer = Framer()
        self._answers: list[Packet] = []

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answers(self, count: int) -> list[Packet]:
        """The next `count` answers; fails when the line ends before."""
        while len(self._answers) < count:
            data = self.socket.recv(65536)
            assert data, f"closed after {len(self._answers)} of {count} answers"
            self._answers += [_good(cut) for cut in self._framer.feed(data)]
        taken, self._answers = self._answers[:count], self._answers[count:]
        return taken

    def answer(self) -> Packet:
        return self.answers(1)[0]

    def rest(self) -> list[Packet]:
        """Says that no more is coming; every answer until the gateway hangs up."""
        self.socket.shutdown(socket.SHUT_WR)
        return self.until_closed()

    def until_closed(self) -> list[Packet]:
        while data := self._receive():
            self._answers += [_good(cut) for cut in self._framer.feed(data)]
        taken, self._answers = self._answers, []
        return taken

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.socket.close()


def _good(cut: Cut) -> Packet:
    assert cut.refusal(strict=True) is None, cut
    return parse(cut.segment)


class GatewayHarness:
    """A running gateway with what it stands on."""

    def __init__(self, tmp_path: Path, *, limits: Limits | None = None, held: bool = False, known: bool = True) -> None:
        self.time = FieldClock()
        self.real_log = EmbeddedLog(tmp_path / "log.db", wall_now=lambda: datetime.now(UTC))
        self.real_log.create(SHAPES)
        self.held_log = HeldLog(self.real_log)
        log = self.held_log if held else self.real_log
        self.context = a_context(tmp_path, self.time.clock(), log=log)
        self.sealer, self.directory, self.metrics = self.context.sealer, self.context.directory, self.context.metrics
        self.alive: list[datetime] = []
        self.worker: GatewayWorker = gateway_worker(
            self.context, note_alive=self.alive.append, limits=limits, monotonic=lambda: self.time.monotonic_s
        )
        self._following = ThreadWorker("directory", self.directory.run)
        self._loggers: list[Logger] = []
        self.worker.start()
        if known:
            self.know()

    def know(self) -> None:
        """Let the register be followed."""
        self._following.start()
        wait_until(self.directory.caught_up, "the register to be known")

    def register(self, mn: str, password: str | None = None, **document: Any) -> None:
        """One more point, by way of the register."""
        body = {"mn": mn, "system": "31", "credit_code": "91150102MA0N0AAA1B", "outlet": "DA001"} | document
        sealed = self.sealer.seal(password, PASSWORD) if password else None
        data = {"kind": "point", "id": mn, "document": body, "sealed_password": sealed}
        event = Event(REGISTERED, "/permits", f"point:{mn}", 1, self.time.now, data)
        before = self.directory.offset
        self.real_log.append(REGISTRY, [NewRecord(f"point:{mn}", encode_event(event))]).result(DEADLINE_S)
        wait_until(lambda: self.directory.offset > before, "the register to be read")

    def logger(self, source: str = "127.0.0.1") -> Logger:
        logger = Logger(self.worker.port, source)
        self._loggers.append(logger)
        return logger

    def records(self, topic: str) -> list[Record]:
        """All that is on a topic now."""
        following, found = self.real_log.follow(topic), []
        wanted = sum(self.real_log.ends(topic).values())
        while len(found) < wanted:
            found += following.poll(1.0)
        following.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def packets(self) -> list[dict[str, Any]]:
        return [decode(record.value or b"") for record in self.records(PACKETS)]

    def quarantine(self) -> list[dict[str, Any]]:
        return [decode(record.value or b"") for record in self.records(QUARANTINE)]

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def outcome(self, name: str) -> float:
        return self.metric("yujing_ingest_packets_total", ingress="gateway", outcome=name)

    def frames(self, fault: str) -> float:
        return self.metric("yujing_gateway_frames_total", fault=fault)

    def refused(self, reason: str) -> float:
        return self.metric("yujing_gateway_refused_total", reason=reason)

    def brakes(self, scope: str) -> float:
        return self.metric("yujing_gateway_brakes_total", scope=scope)

    def closed(self, reason: str) -> float:
        return self.metric("yujing_gateway_closed_total", reason=reason)

    def stop(self) -> None:
        for logger in self._loggers:
            logger.close()
        self.worker.stop()
        if self.directory.caught_up():
            self._following.stop()
        self.real_log.close()


@contextmanager
def a_gateway(
    tmp_path: Path, *, limits: Limits | None = None, held: bool = False, known: bool = True
) -> Iterator[GatewayHarness]:
    harness = GatewayHarness(tmp_path, limits=limits, held=held, known=known)
    try:
        yield harness
    finally:
        harness.stop()


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Fails when it does not come true in time."""
    until = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        pause.wait(0.005)


def a_frame(
    mn: str = "A110000_0001",
    cn: str = "2061",
    *,
    qn: str | None = "20261120083000001",
    pw: str | None = "123456",
    flag: int | None = 5,
    st: str = "31",
    data_time: str | None = "20261120070000",
    items: Sequence[Sequence[tuple[str, str]]] = ((("a21026-Avg", "42.1"), ("a21026-Flag", "N")),),
    **more: Any,
) -> bytes:
    """A frame as a logger sends it."""
    when = [[("DataTime", data_time)]] if data_time else []
    return encode(build(mn=mn, cn=cn, st=st, qn=qn, pw=pw, flag=flag, cp=[*when, *items], **more))
