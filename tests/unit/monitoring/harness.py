"""A monitoring database with one enterprise, its permit and its points, and packets to feed it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from services.monitoring.handlers.due_work import Jobs
from services.monitoring.handlers.note_pruning import NotePruning
from services.monitoring.handlers.packets import PacketHandler
from services.monitoring.handlers.partitions import Partitions
from services.monitoring.handlers.quarantine import PutBack, QuarantineHandler
from services.monitoring.handlers.registry import RegisterHandler
from services.monitoring.handlers.silence import SilenceSweep
from services.monitoring.store.register import Register
from services.monitoring.store.risks import RiskRepository
from services.monitoring.store.tables import DECISION, OUTBOX, PROGRESS, RISK, MonitoringTable
from shared.database import Database, open_database
from shared.domain.clock import Clock, rfc3339
from shared.domain.events import REGISTERED, Event
from shared.domain.risk import Risk
from shared.eventlog.codec import decode_event, encode, encode_event
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.ports import Record
from shared.runtime.metrics import Metrics
from shared.runtime.migrating import migrate
from shared.runtime.secrets import Sealer

CREDIT_CODE = "91150102MA0N0AAA1B"
PERMIT_NUMBER = f"{CREDIT_CODE}001P"
MN = "A110000_0001"
SO2, NOX, O2, COD = "a21026", "a21002", "a19001", "w01018"


def at(text: str) -> datetime:
    """Shanghai time as `2026-11-20 09:00`."""
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


def a_limit(
    factor: str = SO2, limit: str = "35", averaging: str = "hour", o2: str | None = "6", unit: str = "mg/m3"
) -> dict[str, Any]:
    limited = {"factor": factor, "averaging": averaging, "limit": limit, "unit": unit}
    return {**limited, "reference_o2_pct": o2, "basis": None}


class MonitoringHarness:
    """Handlers on a real SQLite file; `now` is the field clock, set by the test."""

    def __init__(self, folder: Path, now: str = "2026-11-20 09:00", *, url: str | None = None) -> None:
        self.database: Database = open_database(url, folder, "monitoring")
        if url is None:
            MonitoringTable.metadata.create_all(self.database.engine)
        else:
            migrate(self.database, "services.monitoring.migrations", "monitoring")
        self.now = at(now)
        self.clock = Clock(wall_now=lambda: self.now, field_now=lambda: self.now)
        self.outbox, self.progress = Outbox(OUTBOX), Progress(PROGRESS)
        self.sealer = Sealer(b"k" * 32)
        self.metrics = Metrics()
        self.register = Register()
        self.put_back = PutBack(clock=self.clock, outbox=self.outbox, sealer=self.sealer)
        self.packets = PacketHandler(
            clock=self.clock, register=self.register, outbox=self.outbox, progress=self.progress, metrics=self.metrics
        )
        self.registering = RegisterHandler(clock=self.clock, put_back=self.put_back)
        self.quarantine = QuarantineHandler(metrics=self.metrics)
        self.jobs = Jobs(self.database, clock=self.clock, handler=self.packets, put_back=self.put_back)
        self.partitions = Partitions(self.database)
        self.notes = NotePruning(self.database)
        self.silence = SilenceSweep(
            self.database,
            clock=self.clock,
            register=Register(),
            risks=RiskRepository(self.outbox, self.metrics),
            behind=lambda: False,
        )
        self._offset = 0
        self._revision = 0

    # the register
    def registered(self, kind: str, name: str, **data: Any) -> Record:
        self._revision += 1
        event = Event(
            REGISTERED, "/permits", f"{kind}:{name}", self._revision, self.now, {"kind": kind, "id": name, **data}
        )
        return self._record("registry", f"{kind}:{name}", encode_event(event))

    def an_enterprise(self, code: str = CREDIT_CODE, region: str = "150102") -> None:
        document = {"credit_code": code, "name": "示例热电", "industry": "D4411", "region": region}
        self.take_registry(self.registered("enterprise", code, document=document, versions=[]))

    def a_point(self, mn: str = MN, *, code: str = CREDIT_CODE, password: str | None = None, **more: Any) -> None:
        document = {"mn": mn, "system": "31", "credit_code": code, "outlet": "DA001", "permit": f"{code}001P",
                    "interval_s": 60, "units": {}, "active": True, **more}  # fmt: skip
        sealed = self.sealer.seal(password, "point-password") if password else None
        self.take_registry(self.registered("point", mn, document=document, sealed_password=sealed))

    def a_permit(self, *limits: Mapping[str, Any], mns: Sequence[str] = (MN,), code: str = CREDIT_CODE,
                 versions: Sequence[Mapping[str, Any]] | None = None) -> None:  # fmt: skip
        listed = versions or [self.version("2024-01-01", *limits, mns=mns)]
        self.take_registry(self.registered("permit", f"{code}001P", credit_code=code, versions=list(listed)))

    def version(self, since: str, *limits: Mapping[str, Any], mns: Sequence[str] = (MN,)) -> dict[str, Any]:
        outlet = {"code": "DA001", "medium": "air", "name": "1号锅炉烟囱", "points": [{"mn": mn} for mn in mns],
                  "limits": list(limits)}  # fmt: skip
        return {"effective_from": since, "recorded_at": rfc3339(self.now), "correction": False, "reason": None,
                "document": {"valid_from": "2024-01-01", "valid_to": "2028-12-31", "outlets": [outlet]}}  # fmt: skip

    def a_site(self, *limits: Mapping[str, Any]) -> MonitoringHarness:
        self.an_enterprise()
        self.a_point()
        self.a_permit(*(limits or (a_limit(),)))
        return self

    # records
    def packet(self, start: str | datetime, factors: Mapping[str, Any], *, command: str = "2061", mn: str = MN,
               received: datetime | None = None, **more: Any) -> Record:  # fmt: skip
        begun = at(start) if isinstance(start, str) else start
        fields = {
            code: value if isinstance(value, dict) else {"Avg": value, "Flag": "N"} for code, value in factors.items()
        }
        document = {"mn": mn, "command": command, "data_time": rfc3339(begun), "qn": None, "rf": False, "factors": fields,
                    "received_at": rfc3339(received or self.now), "source": "http", **more}  # fmt: skip
        return self.of_document(document)

    def of_document(self, document: Mapping[str, Any]) -> Record:
        """The record of a packet that is at hand as a document."""
        return self._record("packets", str(document["mn"]), encode(document))

    def _record(self, topic: str, key: str, value: bytes) -> Record:
        self._offset += 1
        return Record(topic, 0, self._offset, key, value, {}, self.now)

    def take(self, *records: Record, batch: int = 500) -> None:
        for first in range(0, len(records), batch):
            with self.database.transaction() as session:
                self.packets.take(session, records[first : first + batch])

    def take_registry(self, *records: Record) -> None:
        with self.database.transaction() as session:
            self.registering.take(session, records)

    def take_quarantine(self, *documents: Mapping[str, Any]) -> None:
        records = [self._record("quarantine", str(document["mn"]), encode(document)) for document in documents]
        with self.database.transaction() as session:
            self.quarantine.take(session, records)

    def tick(self, now: str | None = None) -> None:
        """The jobs, as the scheduler runs them."""
        if now:
            self.now = at(now)
        self.jobs.decide_due(self.now)

    # what came of it
    def decisions(self) -> list[Any]:
        with self.database.read() as session:
            return list(session.connection().execute(select(DECISION).order_by(DECISION.c.start_s, DECISION.c.factor)))

    def risks(self, kind: str = "emission.exceeded") -> list[Risk]:
        with self.database.read() as session:
            rows = session.connection().execute(
                select(RISK.c.document).where(RISK.c.kind == kind).order_by(RISK.c.start_s)
            )
            return [Risk.read(document) for document in rows.scalars()]

    def published(self, topic: str = "risks") -> list[Event]:
        with self.database.read() as session:
            rows = session.connection().execute(
                select(OUTBOX.c.value).where(OUTBOX.c.topic == topic).order_by(OUTBOX.c.id)
            )
            return [decode_event(value) for value in rows.scalars()]

    def published_raw(self, topic: str) -> list[bytes]:
        with self.database.read() as session:
            rows = session.connection().execute(
                select(OUTBOX.c.value).where(OUTBOX.c.topic == topic).order_by(OUTBOX.c.id)
            )
            return [value for value in rows.scalars() if value is not None]
