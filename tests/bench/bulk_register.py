"""A register of many points made in bulk: its records on the log, and the rows that monitoring makes of them, at once.

One enterprise with one permit, one outlet and one point a number. Both sides are what the services would have written, so
a process that starts on them has nothing left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Table

from services.monitoring.handlers.packets import REGISTER_GROUP
from services.monitoring.store.register_changes import register_changed
from services.monitoring.store.tables import ENTERPRISE, PERMIT, POINT, PROGRESS
from shared.database import Database
from shared.domain.clock import rfc3339
from shared.domain.events import REGISTERED, REGISTRY, Event
from shared.domain.json import JsonObject
from shared.eventlog.codec import encode_event
from shared.eventlog.progress import Move, Progress
from shared.ports import EventLog, NewRecord, Partition
from shared.runtime.directory import PASSWORD
from shared.runtime.secrets import Sealer
from shared.sql import bulk_insert, chunks
from tests.support.product import credit_code

REGION = "150102"
LOGGER_PASSWORD = "123456"
LIMITS = (("a21026", "35"), ("a21002", "100"))  # hourly, referred to 6 % O2
AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class BulkPoint:
    """The n-th point and its enterprise."""

    number: int

    @property
    def mn(self) -> str:
        return f"A{REGION}_{self.number:07d}"

    @property
    def code(self) -> str:
        return credit_code(self.number, REGION)


@dataclass(slots=True)
class _Rows:
    enterprises: list[dict[str, object]] = field(default_factory=list)
    permits: list[dict[str, object]] = field(default_factory=list)
    points: list[dict[str, object]] = field(default_factory=list)
    records: list[NewRecord] = field(default_factory=list)


def register_points(
    log: EventLog, database: Database, sealer: Sealer, points: Sequence[BulkPoint], at: datetime
) -> int:
    """The `registry` offset behind the last record."""
    revision = 0
    sealed = sealer.seal(LOGGER_PASSWORD, PASSWORD)
    for part in chunks(points, AT_ONCE):
        rows = _Rows()
        for point in part:
            revision += 1
            _add(rows, point, sealed, revision, at)
        places = log.append(REGISTRY, rows.records).result(60)
        _save(database, rows)
    end = max(offset for _, offset in places) + 1
    _note_progress(database, end)
    return end


def _add(rows: _Rows, point: BulkPoint, sealed: str, revision: int, at: datetime) -> None:
    code, permit = point.code, f"{point.code}001P"
    for kind, name, table, key, data in (
        ("enterprise", code, rows.enterprises, {"region": REGION}, _enterprise(code)),
        ("permit", permit, rows.permits, {"number": permit}, _permit(point, at)),
        ("point", point.mn, rows.points, {"mn": point.mn, "active": True}, _point(point, permit, sealed)),
    ):
        event = Event(REGISTERED, "/permits", f"{kind}:{name}", revision, at, {"kind": kind, "id": name, **data})
        rows.records.append(NewRecord(f"{kind}:{name}", encode_event(event)))
        table.append({"credit_code": code, "data": dict(event.data), "revision": revision, **key})


def _enterprise(code: str) -> JsonObject:
    return {
        "document": {"credit_code": code, "name": "示例热电", "industry": "D4411", "region": REGION},
        "versions": [],
    }


def _permit(point: BulkPoint, at: datetime) -> JsonObject:
    limits = [
        {"factor": factor, "averaging": "hour", "limit": limit, "unit": "mg/m3", "reference_o2_pct": "6", "basis": None}
        for factor, limit in LIMITS
    ]
    outlet = {"code": "DA001", "medium": "air", "name": "1号烟囱", "points": [{"mn": point.mn}], "limits": limits}
    document = {"valid_from": "2024-01-01", "valid_to": "2028-12-31", "outlets": [outlet]}
    version = {"effective_from": "2024-01-01", "recorded_at": rfc3339(at), "correction": False, "reason": None}
    return {"credit_code": point.code, "versions": [{**version, "document": document}]}


def _point(point: BulkPoint, permit: str, sealed: str) -> JsonObject:
    place = {"mn": point.mn, "system": "31", "credit_code": point.code, "outlet": "DA001", "permit": permit}
    return {"document": {**place, "interval_s": 30, "units": {}, "active": True}, "sealed_password": sealed}


def register_rows(database: Database, sealer: Sealer, points: Sequence[BulkPoint], at: datetime) -> None:
    """The rows alone, without a log."""
    sealed = sealer.seal(LOGGER_PASSWORD, PASSWORD)
    for part in chunks(list(enumerate(points, 1)), AT_ONCE):
        rows = _Rows()
        for revision, point in part:
            _add(rows, point, sealed, revision, at)
        _save(database, rows)


def _save(database: Database, rows: _Rows) -> None:
    with database.transaction() as session:
        for table, listed in _tables(rows):
            bulk_insert(session, table, listed)
        register_changed(session, {str(row["credit_code"]) for row in rows.enterprises})


def _tables(rows: _Rows) -> Iterator[tuple[Table, list[dict[str, object]]]]:
    yield ENTERPRISE, rows.enterprises
    yield PERMIT, rows.permits
    yield POINT, rows.points


def _note_progress(database: Database, end: int) -> None:
    progress, place = Progress(PROGRESS), Partition(REGISTRY, 0)
    with database.transaction() as session:
        _, epoch = progress.take(session, REGISTER_GROUP, place)
        progress.advance(session, REGISTER_GROUP, [Move(place, epoch, end)])
