"""Builders for tests of peers and officers: enterprises with permits, the service over them, and what each caller sees."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from services.alerts.channels import all_channels
from services.alerts.channels.guard import Guard
from services.alerts.delivery.event_stream import EventStream
from services.alerts.service import parts, router
from services.alerts.store.tables import OUTBOX, AlertsTable
from shared.access import Caller, Role
from shared.database import Database, open_database
from shared.domain.clock import Clock
from shared.domain.events import REGISTERED, REGISTRY, Event
from shared.domain.risk import Risk
from shared.eventlog.codec import encode_event
from shared.ports import Record
from shared.runtime.metrics import Metrics
from shared.runtime.secrets import Sealer
from shared.runtime.web import install_problems
from tests.support.alerts_case import LOOPBACK, T0, WINDOW, Clocks, DeliveryHarness, a_risk
from tests.support.clients import client_of

COUNTY, CLASS = "150102", "D4411"


@dataclass
class StillClocks(Clocks):
    """The wall's stands too."""

    wall_now: datetime = T0

    def clock(self) -> Clock:
        return Clock(wall_now=lambda: self.wall_now, field_now=lambda: self.field_now)


class Names:
    """Takes `role:scope` for a token: `enterprise:E001`, `officer:1501`, `ops`."""

    def caller(self, token: str) -> Caller:
        name, _, scope = token.partition(":")
        role, scopes = Role(name), ("investigate",) if scope.endswith("+") else ()
        region = scope.rstrip("+") if role is Role.OFFICER else None
        return Caller(role, token, (scope,) if role is Role.ENTERPRISE else (), region, scopes)


def registered(kind: str, name: str, data: dict[str, Any]) -> Record:
    published = Event(REGISTERED, "/permits", f"{kind}:{name}", 1, T0, {"kind": kind, "id": name, **data})
    return Record(REGISTRY, 0, 0, f"{kind}:{name}", encode_event(published), {}, datetime.now(UTC))


def an_enterprise(
    code: str, *, region: str = COUNTY, industry: str = CLASS, factors: Sequence[str] = ("a21026",), **other: Any
) -> list[Record]:
    """What the register publishes of an enterprise and its permit. `other`: group, valid_to."""
    valid_to = other.pop("valid_to", "2030-12-15")
    enterprise = {"credit_code": code, "name": f"{code}厂", "industry": industry, "region": region, **other}
    limits = [{"factor": one, "averaging": "hour", "limit": "35", "unit": "mg/m3"} for one in factors]
    permit = {
        "valid_from": "2025-12-16",
        "valid_to": valid_to,
        "outlets": [{"code": "DA001", "medium": "air", "limits": limits}],
    }
    version = {"effective_from": "2025-12-16", "recorded_at": "2025-12-16T00:00:00+08:00", "document": permit}
    return [
        registered("enterprise", code, {"document": enterprise, "versions": []}),
        registered("permit", f"{code}001P", {"credit_code": code, "versions": [version]}),
    ]


def an_exceedance(code: str, at: datetime, **other: Any) -> Risk:
    """An excess of SO2 at an enterprise of the harness."""
    facts: dict[str, Any] = {
        "id": f"rsk_{code}_{at:%d%H%M}",
        "credit_code": code,
        "enterprise_name": f"{code}厂",
        "permit": f"{code}001P",
        "region": COUNTY,
        "opened_at": at,
        "changed_at": at,
        "window": WINDOW,
    }
    return a_risk(**{**facts, **other})


@dataclass
class AlertsHarness(DeliveryHarness):
    """The service with peers, digests and routes; field and wall clock stand where the test puts them."""

    notice_id: Callable[[], str] = field(default_factory=lambda: map("ntc_{:026}".format, count(1)).__next__)

    def __post_init__(self) -> None:
        self.peers = replace(self.parts.peer_notices, notice_id=self.notice_id)
        self.digests = self.parts.digests
        app = FastAPI()
        install_problems(app)
        app.state.verifier, app.state.stopping = Names(), threading.Event()
        app.router.routes.extend(router(self.parts, all_channels(Guard(LOOPBACK)), EventStream(self.database)).routes)
        self.app = app

    def register(self, *records: list[Record]) -> None:
        with self.database.transaction() as session:
            self.parts.registry_records.take(session, [one for some in records for one in some])

    def register_enterprises(self, *codes: str, **other: Any) -> None:
        """Enterprises of the class with a permit."""
        self.register(*(an_enterprise(code, **other) for code in codes))

    def at(self, moment: datetime) -> None:
        """Both clocks go there and every job ticks."""
        self.clocks.field_now = moment
        assert isinstance(self.clocks, StillClocks)
        self.clocks.wall_now = moment
        self.tick()

    def tick(self) -> None:
        self.peers.run(self.clocks.field_now)
        self.digests.run(self.clocks.field_now)

    def take_at_their_time(self, *risks: Risk) -> None:
        """Each risk is taken at its own field time."""
        for risk in sorted(risks, key=lambda one: one.changed_at):
            self.at(risk.changed_at)
            self.take(risk)

    def relay(self) -> None:
        """Number what was published, as the relay would."""
        with self.database.transaction() as session:
            connection = session.connection()
            last = connection.execute(select(func.max(OUTBOX.c.stream_no))).scalar() or 0
            unsent = connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.sent_at.is_(None)).order_by(OUTBOX.c.id))
            for number, row_id in enumerate(unsent.scalars().all(), start=last + 1):
                sent = update(OUTBOX).where(OUTBOX.c.id == row_id)
                connection.execute(sent.values(sent_at=self.clocks.field_now, stream_no=number))

    def client(self, who: str) -> TestClient:
        return client_of(self.app, {"authorization": f"Bearer {who}"})

    def get(self, who: str, path: str, **query: Any) -> Any:
        answer = self.client(who).get(f"/alerts/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def messages(self, endpoint_id: str) -> list[dict[str, Any]]:
        """What was made to be pushed to an endpoint, in order."""
        return [push.notification for push in self.pushes() if push.endpoint_id == endpoint_id]


def an_alerts_harness(folder: Path, *, database: Database | None = None) -> AlertsHarness:
    """Fresh tables, clocks at 09:00 Shanghai."""
    clocks = StillClocks(T0)
    if database is None:
        database = open_database(None, folder, "alerts")
    AlertsTable.metadata.create_all(database.engine)
    return AlertsHarness(database, parts(database, Sealer(b"k" * 32), clocks.clock(), Metrics()), clocks)


def codes(n: int, prefix: str = "E") -> list[str]:
    return [f"{prefix}{i:03}" for i in range(n)]


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def opened(folder: Path) -> Iterator[AlertsHarness]:
    """For fixtures."""
    harness = an_alerts_harness(folder)
    yield harness
    harness.database.close()


def opened_on(database_url: str | None, folder: Path) -> Iterator[AlertsHarness]:
    """For fixtures on both databases; None: SQLite."""
    harness = an_alerts_harness(folder, database=open_database(database_url, folder, "alerts"))
    yield harness
    harness.database.close()
