"""Builders for tests of alerts: risks, records, the parts of the service over a fresh SQLite file, tokens, a running sender."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import select

from services.alerts.channels import by_kind
from services.alerts.channels.guard import Guard
from services.alerts.channels.webhook import WebhookChannel
from services.alerts.delivery.policy import Policy
from services.alerts.delivery.sender import Delivery
from services.alerts.domain.alert import Alert
from services.alerts.domain.audience import Owner
from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.retry import STANDARD, Schedule
from services.alerts.service import Parts, delivery, parts
from services.alerts.store.endpoints import new_secret
from services.alerts.store.tables import ATTEMPT, ENDPOINT, OUTBOX, PUSH, AlertsTable
from shared.database import Database, open_database
from shared.domain.clock import Clock
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED, RISKS, Event
from shared.domain.risk import Cleared, Risk, RiskState, Window
from shared.eventlog.codec import encode_event
from shared.ports import Record
from shared.runtime.metrics import Metrics
from shared.runtime.secrets import Sealer
from shared.runtime.service import LoopWorker

LOOPBACK = (ip_network("127.0.0.0/8"),)
ENTERPRISE = "91150102MA0N0AAA1B"
OTHER = "91150102MA0N0BBB2C"
T0 = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
WINDOW = Window(T0 - timedelta(hours=1), T0, "hour", 1)
FACTS: dict[str, Any] = {
    "id": "rsk_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "revision": 1,
    "kind": "emission.exceeded",
    "condition": "first",
    "state": RiskState.OPEN,
    "credit_code": ENTERPRISE,
    "enterprise_name": "呼和浩特示例热电",
    "region": "150102",
    "industry": "D4411",
    "opened_at": T0,
    "changed_at": T0,
    "why": {"zh": "小时均值超过许可限值", "en": "an hourly mean above the permitted limit"},
    "outlet": "DA001",
    "outlet_name": "1号锅炉烟囱",
    "factor": "a21026",
    "mn": "A110000_0001",
    "permit": "91150102MA0N0AAA1B001P",
    "window": WINDOW,
    "measured": "42.1",
    "decided": "48.21",
    "limit": "35",
    "unit": "mg/m3",
    "multiple": "0.377",
    "basis": {"limit_from": "permit", "value_kind": "converted", "reference_o2_pct": "6"},
}


def a_risk(**other: Any) -> Risk:
    """The exceedance of the design's own example."""
    return Risk(**{**FACTS, **other})


def cleared(risk: Risk, revision: int, *, hours: int = 2) -> Risk:
    at = risk.opened_at + timedelta(hours=hours)
    return replace(
        risk, revision=revision, state=RiskState.CLEARED, cleared=Cleared.COMPLIANT, cleared_at=at, changed_at=at
    )


def longer(risk: Risk, revision: int, condition: str, *, hours: int) -> Risk:
    """The same episode some hours later."""
    assert risk.window is not None
    end = risk.window.start + timedelta(hours=hours)
    window = replace(risk.window, end=end, count=hours)
    return replace(risk, revision=revision, condition=condition, window=window, changed_at=end)


TYPES = {RiskState.OPEN: RISK_CHANGED, RiskState.CLEARED: RISK_CLEARED, RiskState.WITHDRAWN: RISK_CLEARED}


def a_record(risk: Risk, offset: int = 0) -> Record:
    kind = RISK_OPENED if risk.revision == 1 else TYPES.get(risk.state, RISK_CLEARED)
    published = Event(kind, "/monitoring", risk.id, risk.revision, risk.changed_at, risk.document())
    return Record(RISKS, 0, offset, risk.credit_code or risk.region, encode_event(published), {}, datetime.now(UTC))


@dataclass
class Clocks:
    """Clocks that stand where the test puts them; the wall's may run with the machine."""

    field_now: datetime = T0
    wall_offset: timedelta = field(default_factory=timedelta)

    def clock(self) -> Clock:
        return Clock(wall_now=lambda: datetime.now(UTC) + self.wall_offset, field_now=lambda: self.field_now)


@dataclass
class DeliveryHarness:
    """The parts of the service on a database, with short cuts that read like sentences."""

    database: Database
    parts: Parts
    clocks: Clocks

    def take(self, *risks: Risk) -> None:
        """One batch of records."""
        with self.database.transaction() as session:
            self.parts.risk_records.take(session, [a_record(risk, n) for n, risk in enumerate(risks)])

    def alert(self, risk_id: str = FACTS["id"]) -> Alert:
        """The last alert of the risk."""
        with self.database.read() as session:
            return self.parts.alert_store.latest_of(session, [risk_id])[risk_id]

    def endpoint(self, url: str, **owner: Any) -> tuple[str, str]:
        with self.database.transaction() as session:
            now = self.parts.clock.wall_now()
            mine = Owner(**owner) if owner else Owner(credit_code=ENTERPRISE)
            contact = ContactPoint("webhook", url, secret := new_secret())
            return self.parts.endpoint_store.add(session, contact, mine, by="test", wall_now=now), secret

    def rows(self, table: Any, *order: Any) -> Sequence[Any]:
        with self.database.read() as session:
            return session.connection().execute(select(table).order_by(*order)).all()

    def pushes(self) -> Sequence[Any]:
        return self.rows(PUSH, PUSH.c.created_at, PUSH.c.alert_revision, PUSH.c.id)

    def attempts(self) -> Sequence[Any]:
        return self.rows(ATTEMPT, ATTEMPT.c.id)

    def endpoints(self) -> dict[str, Any]:
        return {row.address: row for row in self.rows(ENDPOINT)}

    def published(self) -> Sequence[Any]:
        return self.rows(OUTBOX, OUTBOX.c.id)

    def wait_until(self, condition: Any, timeout_s: float = 10.0) -> None:
        """Poll until the condition holds; fails with the pushes after the deadline."""
        deadline, pause = monotonic() + timeout_s, threading.Event()
        while not condition():
            assert monotonic() < deadline, f"not so after {timeout_s} s: {[tuple(p)[-8:] for p in self.pushes()]}"
            pause.wait(0.02)

    @contextmanager
    def sending(self, policy: Policy | None = None, **channel: Any) -> Iterator[Delivery]:
        """A sender at work on the pushes."""
        with self.running(self.sender(policy, **channel)) as sender:
            yield sender

    @contextmanager
    def running(self, sender: Delivery) -> Iterator[Delivery]:
        """The sender at work on the pushes."""
        worker = LoopWorker("test-delivery", sender.run)
        worker.start()
        try:
            yield sender
        finally:
            worker.stop()

    def sender(self, policy: Policy | None = None, **channel: Any) -> Delivery:
        policy = policy or Policy(poll_s=0.05, grace_s=0.1)
        guard = channel.pop("guard", Guard(LOOPBACK))
        return delivery(self.parts, lambda: by_kind([WebhookChannel(guard, **channel)]), policy)


def a_delivery_harness(
    folder: Path, *, schedule: Schedule = STANDARD, database: Database | None = None
) -> DeliveryHarness:
    """The parts of the service on fresh tables."""
    clocks = Clocks()
    if database is None:
        database = open_database(None, folder, "alerts")
    AlertsTable.metadata.create_all(database.engine)
    made = parts(database, Sealer(b"k" * 32), clocks.clock(), Metrics(), schedule=schedule)
    return DeliveryHarness(database, made, clocks)
