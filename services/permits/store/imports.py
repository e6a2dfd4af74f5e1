"""Rows of imports: what is being taken in, how far it is, and what there was to report of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from sqlalchemy import func, insert
from sqlalchemy.exc import DataError
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from services.permits.domain.encoding import decode, encode
from services.permits.domain.import_attempt import Attempt
from services.permits.domain.import_report import Finding, Outcome
from services.permits.store.tables import ImportFindingRow, ImportRow, table_of
from shared.access import Caller
from shared.domain.json import JsonObject


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


NOT_STORABLE = (DataError, OverflowError, UnicodeEncodeError)  # what a value raises that no column takes
UNFINISHED = (State.WAITING.value, State.RUNNING.value)


@dataclass(frozen=True, slots=True)
class ImportEntry:
    """One import. `position`: rows taken in so far; `counts`: what became of them."""

    id: str
    filename: str
    dry_run: bool
    state: State
    caller: Caller
    total: int
    position: int
    counts: Mapping[str, int]
    created_at: datetime
    finished_at: datetime | None = None
    failure: str | None = None
    attempt: Attempt = field(default_factory=Attempt)

    @property
    def over(self) -> bool:
        return self.state.value not in UNFINISHED


def add(session: Session, entry: ImportEntry, content: bytes) -> None:
    session.add(ImportRow(**_columns(entry), content=content))
    session.flush()


def find(session: Session, name: str, *, lock: bool = False) -> ImportEntry | None:
    wanted = select(ImportRow).where(ImportRow.id == name).options(defer(ImportRow.content))  # type: ignore[arg-type]
    row = session.exec(wanted.with_for_update() if lock else wanted).first()
    return _entry(row) if row else None


def content_of(session: Session, name: str) -> bytes | None:
    return session.exec(select(ImportRow.content).where(ImportRow.id == name)).first()


def unfinished(session: Session) -> list[str]:
    """Imports that wait or run, the oldest first."""
    wanted = select(ImportRow.id).where(col(ImportRow.state).in_(UNFINISHED))
    return list(session.exec(wanted.order_by(col(ImportRow.created_at), col(ImportRow.id))))


def save(session: Session, entry: ImportEntry) -> None:
    """The row as it is now; a finished import keeps no content."""
    columns: dict[str, object] = {**_columns(entry)}
    if entry.over:
        columns["content"] = None
    table = table_of(ImportRow)
    session.connection().execute(table.update().where(table.c.id == entry.id).values(**columns))


def save_attempt(session: Session, name: str, attempt: Attempt) -> None:
    """Who has the import now; the rest of its row stays as it is."""
    table = table_of(ImportRow)
    values = {"begun": attempt.begun, "holder": attempt.holder, "held_until": attempt.held_until}
    session.connection().execute(table.update().where(table.c.id == name).values(**values))


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding with its number, behind which a list goes on."""

    number: int
    finding: Finding


def add_findings(session: Session, name: str, findings: Sequence[Finding]) -> None:
    rows = [
        {
            "import_id": name,
            "line": one.line,
            "field": one.field,
            "value": one.value,
            "reason": one.reason,
            "outcome": one.outcome.value,
        }
        for one in (finding.printable() for finding in findings)
    ]
    if rows:
        session.connection().execute(insert(table_of(ImportFindingRow)), rows)


def findings(session: Session, name: str, *, after: int, limit: int) -> list[StoredFinding]:
    """What there was to report, in order."""
    wanted = select(ImportFindingRow).where(ImportFindingRow.import_id == name, col(ImportFindingRow.id) > after)
    rows = session.exec(wanted.order_by(col(ImportFindingRow.id)).limit(limit))
    return [
        StoredFinding(int(row.id or 0), Finding(row.line, row.field, row.value, row.reason, Outcome(row.outcome)))
        for row in rows
    ]


def count_findings(session: Session, name: str) -> int:
    wanted = select(func.count()).select_from(ImportFindingRow).where(ImportFindingRow.import_id == name)
    return int(session.exec(wanted).one())


class _Columns(TypedDict):
    id: str
    filename: str
    dry_run: bool
    state: str
    caller: JsonObject
    total: int
    position: int
    counts: dict[str, int]
    failure: str | None
    created_at: datetime
    finished_at: datetime | None
    begun: int
    holder: str | None
    held_until: datetime | None


def _columns(entry: ImportEntry) -> _Columns:
    return {
        "id": entry.id,
        "filename": entry.filename,
        "dry_run": entry.dry_run,
        "state": entry.state.value,
        "caller": encode(entry.caller),
        "total": entry.total,
        "position": entry.position,
        "counts": dict(entry.counts),
        "failure": entry.failure,
        "created_at": entry.created_at,
        "finished_at": entry.finished_at,
        "begun": entry.attempt.begun,
        "holder": entry.attempt.holder,
        "held_until": entry.attempt.held_until,
    }


def _entry(row: ImportRow) -> ImportEntry:
    return ImportEntry(
        id=row.id,
        filename=row.filename,
        dry_run=row.dry_run,
        state=State(row.state),
        caller=decode(row.caller, Caller),
        total=row.total,
        position=row.position,
        counts=row.counts,
        created_at=row.created_at,
        finished_at=row.finished_at,
        failure=row.failure,
        attempt=Attempt(row.begun, row.holder, row.held_until),
    )


def moved(entry: ImportEntry, *, rows: int, counts: Mapping[str, int]) -> ImportEntry:
    """So many rows further."""
    summed = dict(entry.counts)
    for name, number in counts.items():
        summed[name] = summed.get(name, 0) + number
    return replace(entry, state=State.RUNNING, position=entry.position + rows, counts=summed)
