"""Carries a service's outbox rows to the log: once each as a rule, twice with the same event id after a crash.

One relay a service works at a time: the lease row expires, and its fence is checked in the transaction that marks rows,
so a relay that lost the lease while appending marks nothing.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from sqlalchemy import Table, bindparam, case, func, select, update
from sqlmodel import Session

from shared.database import Database
from shared.domain.errors import Unreachable
from shared.eventlog import failpoints
from shared.ports import EventLog, NewRecord
from shared.sql import insert_new

log = structlog.get_logger(__name__)

BATCH = 500  # rows in one append
LEASE = timedelta(seconds=15)
RENEW_BEFORE = timedelta(seconds=10)
APPEND_TIMEOUT_S = 30.0  # the log's own time-out comes first; this only bounds a log that forgot us
LOOK_S = 0.2  # how often another process's rows are looked for
LOOK_EMBEDDED_S = 1.0  # one host: `committed` tells us, only a command beside it does not
BACK_OFF_S = 2.0
LEASE_NAME = "relay"


class LeaseLost(Exception):
    """Another relay holds the lease: nothing was marked."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A row that is on the log, with the number that feeds page by."""

    stream_no: int
    topic: str
    key: str
    event_id: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A row of the outbox that is not yet on the log."""

    id: int
    topic: str
    key: str
    event_id: str
    value: bytes | None
    headers: Mapping[str, str]

    def record(self) -> NewRecord:
        return NewRecord(self.key, self.value, {name: text.encode() for name, text in self.headers.items()})


def _nobody(_topic: str, _events: Sequence[Sent]) -> None:
    return None


class Relay:
    """One service's relay; `run` on its own thread."""

    def __init__(
        self,
        database: Database,
        outbox_table: Table,
        lease_table: Table,
        log: EventLog,
        *,
        holder: str,
        wall_now: Callable[[], datetime],
        on_sent: Callable[[str, Sequence[Sent]], None] = _nobody,
    ) -> None:
        self._database = database
        self._outbox = outbox_table
        self._lease = lease_table
        self._log = log
        self._holder = f"{holder}-{secrets.token_hex(4)}"
        self._wall_now = wall_now
        self._on_sent = on_sent
        self._fence = 0
        self._until: datetime | None = None
        self._look_s = LOOK_EMBEDDED_S if database.embedded else LOOK_S

    def run(self, stop: threading.Event) -> None:
        """Relay until `stop`; while log or database are away, try again ever more slowly."""
        wait_s = 0.1
        while not stop.is_set():
            try:
                sent = self.relay_once()
            except (Unreachable, LeaseLost, TimeoutError) as away:
                log.warning("outbox is not relayed", reason=str(away))
                self._until = None
                stop.wait(wait_s)
                wait_s = min(wait_s * 2, BACK_OFF_S)
                continue
            wait_s = 0.1
            if sent < BATCH:
                self._database.committed.wait(self._look_s)
        self._release()

    def relay_once(self) -> int:
        """Send up to one batch if the lease is ours; how many rows went."""
        self._database.committed.clear()
        if not self._hold():
            return 0
        rows = self._unsent()
        if not rows:
            return 0
        failpoints.reach("before-append")
        self._append(rows)
        failpoints.reach("after-append")
        sent = self._mark(rows)
        failpoints.reach("after-mark")
        for topic, events in groupby(sorted(sent, key=lambda s: s.topic), key=lambda s: s.topic):
            self._on_sent(topic, list(events))
        return len(rows)

    def pending(self) -> int:
        """Rows not yet on the log."""
        count = select(func.count()).select_from(self._outbox).where(self._outbox.c.sent_at.is_(None))
        with self._database.read() as session:
            return session.connection().execute(count).scalar_one()

    def oldest_age_s(self) -> float:
        """How long the oldest unsent row has waited; 0 when there is none."""
        first = select(func.min(self._outbox.c.created_at)).where(self._outbox.c.sent_at.is_(None))
        with self._database.read() as session:
            oldest: datetime | None = session.connection().execute(first).scalar_one()
        return 0.0 if oldest is None else max(0.0, (self._wall_now() - oldest).total_seconds())

    def _hold(self) -> bool:
        """Take or renew the lease; the fence grows whenever it changes hands or had lapsed."""
        now, t = self._wall_now(), self._lease
        if self._until is not None and self._until - now > RENEW_BEFORE:
            return True
        self._until = None
        ours = (t.c.holder == self._holder) & (t.c.until >= now)
        with self._database.transaction() as session:
            self._ensure_row(session, now)
            row = session.connection().execute(
                update(t)
                .where(t.c.name == LEASE_NAME, ours | (t.c.until < now))
                .values(holder=self._holder, until=now + LEASE, fence=case((ours, t.c.fence), else_=t.c.fence + 1))
                .returning(t.c.fence)
            )
            fence = row.scalar_one_or_none()
        if fence is None:
            return False
        self._fence, self._until = int(fence), now + LEASE
        return True

    def _ensure_row(self, session: Session, now: datetime) -> None:
        insert_new(session, self._lease, [{"name": LEASE_NAME, "holder": "", "until": now - LEASE, "fence": 0}])

    def _unsent(self) -> Sequence[PendingRow]:
        t = self._outbox
        wanted = select(t.c.id, t.c.topic, t.c.key, t.c.event_id, t.c.value, t.c.headers)
        due = wanted.where(t.c.sent_at.is_(None)).order_by(t.c.id).limit(BATCH)
        with self._database.read() as session:
            rows = session.connection().execute(due)
            return [PendingRow(row.id, row.topic, row.key, row.event_id, row.value, row.headers or {}) for row in rows]

    def _append(self, rows: Sequence[PendingRow]) -> None:
        waiting: list[Future[list[tuple[int, int]]]] = []
        for topic, group in groupby(rows, key=lambda row: row.topic):
            waiting.append(self._log.append(topic, [row.record() for row in group]))
        for future in waiting:
            future.result(APPEND_TIMEOUT_S)

    def _mark(self, rows: Sequence[PendingRow]) -> list[Sent]:
        """Give the rows their numbers, if the lease is still ours."""
        now, t = self._wall_now(), self._outbox
        with self._database.transaction() as session:
            connection = session.connection()
            self._check_fence(session, now)
            last = connection.execute(select(func.max(t.c.stream_no))).scalar_one() or 0
            sent = [Sent(last + n, row.topic, row.key, row.event_id, row.value) for n, row in enumerate(rows, start=1)]
            connection.execute(
                update(t).where(t.c.id == bindparam("row")).values(sent_at=now, stream_no=bindparam("number")),
                [{"row": row.id, "number": one.stream_no} for row, one in zip(rows, sent, strict=True)],
            )
        self._until = now + LEASE
        return sent

    def _check_fence(self, session: Session, now: datetime) -> None:
        t = self._lease
        renewed = session.connection().execute(
            update(t)
            .where(t.c.name == LEASE_NAME, t.c.holder == self._holder, t.c.fence == self._fence)
            .values(until=now + LEASE)
        )
        if renewed.rowcount != 1:
            raise LeaseLost("another relay holds the lease")

    def _release(self) -> None:
        """Let the next relay in at once."""
        t, now = self._lease, self._wall_now()
        try:
            with self._database.transaction() as session:
                session.connection().execute(
                    update(t).where(t.c.name == LEASE_NAME, t.c.holder == self._holder).values(until=now - LEASE)
                )
        except Unreachable:
            log.warning("the relay's lease was not given back; it lapses by itself")
