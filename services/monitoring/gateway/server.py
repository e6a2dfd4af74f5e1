"""The TCP server of data loggers: takes what connections cut, has it logged, answers when it is durable.

Acknowledges only what is in the log (DESIGN §2); counts everything; keeps what it cannot use in quarantine, within caps.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from prometheus_client import Counter

from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.packet_record import Document, packet_record
from shared.domain.clock import monotonic_s
from shared.domain.errors import Invalid
from shared.domain.events import PACKETS, QUARANTINE
from shared.hj212.frame import Cut, Fault
from shared.hj212.reply import reply
from shared.ports import NewRecord
from shared.runtime.service import Context

from .admission import Admission
from .appending import Appender
from .connection import STOPPING, Connection, Slot
from .counters import INGRESS, NO_FAULT, NOT_COMPARED, OUTCOMES
from .guarding import Guard
from .judging import Data, Notice, Refused, judge
from .limits import Cap, Limits
from .records import SOURCE, quarantine_record

log = structlog.get_logger(__name__)

NOTICES_KEPT = 100_000  # points whose last notice is remembered


class Gateway:
    """All connections of one process; everything runs on one loop."""

    def __init__(
        self, context: Context, *, limits: Limits | None = None, monotonic: Callable[[], float] = monotonic_s
    ) -> None:
        self.limits = limits or Limits.of(context.settings)
        self._context = context
        self._monotonic = monotonic
        self._appender: Appender | None = None
        self._connections: set[Connection] = set()
        self._watched: set[Connection] = set()
        self._waiting: set[Connection] = set()  # not read, because of what is outside them
        self._noticed: dict[str, datetime] = {}  # the last notice of a point that is durable
        self._touched: dict[Connection, None] = {}
        self._unknown = Cap(self.limits.unknown_an_hour, self.limits.unknown_in_all, monotonic)
        self._claimed = Cap(self.limits.claimed_an_hour, self.limits.claimed_in_all, monotonic)
        metrics = context.metrics
        self._admission = Admission(self.limits, monotonic)
        self._guard = Guard(metrics, self.limits, monotonic)
        self._refused = {reason: metrics.gateway_refused.labels(reason.value) for reason in QuarantineReason}
        self._not_compared = metrics.gateway_refused.labels(NOT_COMPARED)
        self._open = metrics.gateway_connections
        self._frames = {fault: metrics.gateway_frames.labels(fault.value) for fault in Fault}
        self._good = metrics.gateway_frames.labels(NO_FAULT)
        self._lag = metrics.ingest_lag
        self._outcome = {name: metrics.ingest_packets.labels(INGRESS, name) for name in OUTCOMES}
        self._sealed_logged = False

    # what connections ask
    def now(self) -> float:
        return self._monotonic()

    def welcome(self, connection: Connection) -> bool:
        """Whether one more may stay."""
        refusal = self._admission.admit(connection)
        if refusal is not None:
            self.dropped(connection, refusal.value)
            return False
        self._connections.add(connection)
        self._open.set(len(self._connections))
        return True

    def gone(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self._watched.discard(connection)
        self._waiting.discard(connection)
        self._admission.gone(connection)
        self._open.set(len(self._connections))

    def dropped(self, connection: Connection, reason: str) -> None:
        self._context.metrics.gateway_closed.labels(reason).inc()

    def watch(self, connection: Connection) -> None:
        self._watched.add(connection)

    def full(self, connection: Connection) -> bool:
        """Nothing is read until the register is known, nor while too much waits for the log: TCP holds the rest."""
        waiting = self._appender.waiting if self._appender else 0
        full = waiting >= self.limits.waiting or not self._context.directory.caught_up()
        if full:
            self._waiting.add(connection)
        return full

    def take(self, connection: Connection, cuts: Sequence[Cut]) -> None:
        """What a connection cut, in its order."""
        now, check = self._context.clock.field_now(), partial(self._guard.check, connection)
        for cut in cuts:
            self._counted(cut).inc()
            try:
                verdict = judge(cut, self._context.directory, now, check)
            except Invalid as wrong:
                self._unopened(wrong)
                continue
            if verdict.packet is not None:  # a registered point's own
                self._admission.identify(connection, verdict.packet.mn)
            if isinstance(verdict, Data):
                self._data(connection, verdict, cut, now)
            elif isinstance(verdict, Notice):
                self._notice(connection, verdict, now)
            else:
                self._refuse(connection, verdict, cut, now)
        if self._guard.must_close(connection) and not connection.ended:
            connection.drop("guessing")

    def _counted(self, cut: Cut) -> Counter:
        """The counter of frames like this one; a wrong length is counted also where a right checksum has the frame taken."""
        if cut.fault is not None:
            return self._frames[cut.fault]
        return self._frames[Fault.LENGTH] if cut.misfit else self._good

    # what becomes of a cut
    def _data(self, connection: Connection, found: Data, cut: Cut, now: datetime) -> None:
        offset = self._context.directory.offset
        record = packet_record(found.document, received_at=now, source=SOURCE, register_offset=offset, raw=cut.raw)
        if found.packet.data_time is not None:
            self._lag.observe((now - found.packet.data_time).total_seconds())
        slot = connection.expect(reply(found.packet))
        self._put(PACKETS, record, partial(self._landed, slot, "accepted"))

    def _notice(self, connection: Connection, found: Notice, now: datetime) -> None:
        """Logged once a minute and point; between, the one in the log stands for it."""
        mn, slot = found.packet.mn, connection.expect(reply(found.packet))
        last = self._noticed.get(mn)
        if last is not None and timedelta(0) <= now - last < timedelta(seconds=self.limits.notice_every_s):
            self._outcome["repeated"].inc()
            slot.done = True
            connection.flush()
            return
        offset = self._context.directory.offset
        record = packet_record(found.document, received_at=now, source=SOURCE, register_offset=offset)
        self._put(PACKETS, record, partial(self._notice_landed, slot, mn, now))

    def _refuse(self, connection: Connection, verdict: Refused, cut: Cut, now: datetime) -> None:
        self._count(verdict)
        proven = verdict.packet is not None
        cap = self._claimed if verdict.registered else self._unknown
        if not proven and not cap.admits(connection.address):
            self._outcome["capped"].inc()
            return
        record = quarantine_record(
            verdict,
            cut.raw,
            address=connection.address,
            received_at=now,
            sealer=self._context.sealer,
            guessing=self._guessing(connection, verdict),
        )
        answer = reply(verdict.packet) if verdict.packet is not None else None
        self._put(QUARANTINE, record, partial(self._landed, connection.expect(answer), "quarantined"))

    def _count(self, verdict: Refused) -> None:
        """Every refusal, also those of which nothing is kept."""
        if verdict.checked is not None and not verdict.checked.compared:
            self._not_compared.inc()
        else:
            self._refused[verdict.reason].inc()

    def _guessing(self, connection: Connection, verdict: Refused) -> Document | None:
        """The report that this refusal carries to operators, if one is due."""
        scope = verdict.checked.braked if verdict.checked else None
        if scope is None or verdict.mn is None:
            return None
        subject = self._guard.report_due(connection, verdict.mn, scope)
        return None if subject is None else {"scope": scope.value, "subject": subject}

    def _unopened(self, wrong: Invalid) -> None:
        """The secret key here is not the one that sealed the register: no packet can be checked, none is answered."""
        self._outcome["sealed"].inc()
        if not self._sealed_logged:
            self._sealed_logged = True
            log.error("a logger's password does not open: packets stay unanswered", why=wrong.detail)

    # what comes back from the log
    def _put(self, topic: str, record: NewRecord, landed: Callable[[bool], None]) -> None:
        if self._appender is not None:
            self._appender.put(topic, record, landed)

    def _landed(self, slot: Slot, outcome: str, durable: bool) -> None:
        slot.done = True
        if durable:
            self._outcome[outcome].inc()
        else:
            slot.answer = None
            self._outcome["log-away"].inc()
        self._touched[slot.connection] = None

    def _notice_landed(self, slot: Slot, mn: str, at: datetime, durable: bool) -> None:
        if durable:
            if len(self._noticed) >= NOTICES_KEPT:
                self._noticed.clear()
            self._noticed[mn] = at
        self._landed(slot, "noticed", durable)

    def _after_append(self) -> None:
        touched, self._touched = self._touched, {}
        for connection in touched:
            connection.flush()
        if self._waiting:
            self._resume()

    def _resume(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for connection in waiting:
            connection.regulate()

    # the life of the server
    async def serve(self, stop: asyncio.Event, on_bound: Callable[[int], None]) -> None:
        """Listen until asked to stop, then close within `limits.stop_s`; raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._appender = Appender(self._context.log, loop, self._after_append)
        settings = self._context.settings
        server = await loop.create_server(
            lambda: Connection(self), settings.gateway_host, settings.gateway_port, backlog=1024
        )
        on_bound(server.sockets[0].getsockname()[1])
        try:
            await self._sweep(stop)
        finally:
            server.close()
            await self._close()

    async def _sweep(self, stop: asyncio.Event) -> None:
        pace = min(self.limits.settle_s, self.limits.half_open_s, self.limits.idle_s) / 4
        idle_look = 0.0
        while not stop.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), pace)
            now = self.now()
            self._watched = {connection for connection in list(self._watched) if connection.look(now)}
            if now - idle_look >= self.limits.idle_s / 20:
                idle_look = now
                self._drop_idle(now)
            self._resume()

    def _drop_idle(self, now: float) -> None:
        for connection in list(self._connections):
            if now - connection.received_at >= self.limits.idle_s and not connection.unanswered:
                connection.drop("idle")

    async def _close(self) -> None:
        for connection in list(self._connections):
            connection.finish(STOPPING)
        until = monotonic_s() + self.limits.stop_s
        while (self._connections or self._appender_waits()) and monotonic_s() < until:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)

    def _appender_waits(self) -> bool:
        return self._appender is not None and self._appender.waiting > 0
