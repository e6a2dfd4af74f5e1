"""Imports: a file kept, its rows taken in batch by batch, each batch with its progress in one transaction.

Whoever stops in the middle goes on behind the last batch; two replicas on one import alternate and repeat nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlmodel import Session

from services.permits.domain.import_report import Finding, Outcome
from services.permits.handlers.official_list import Taken, take_list
from services.permits.handlers.publishing import Registrar, must_hold_scope
from services.permits.importing.documents import Document, documents
from services.permits.importing.official_list import Entry, read_row
from services.permits.importing.readers import Format, format_of, listed_rows
from services.permits.store import imports as store
from services.permits.store.imports import ImportEntry, State
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.errors import DomainError, Invalid, NotFound
from shared.domain.identity import new_id
from shared.sql import gc_paused

log = structlog.get_logger(__name__)
LIST_BATCH, DOCUMENT_BATCH = 1000, 100  # rows a transaction: about a second for either
LOOK_S = 1.0  # how soon an import that another process accepted is seen, and how long stopping may take

Row = tuple[Entry | None, Sequence[Finding]] | Document
TakeDocument = Callable[[Session, Caller, Document], Taken]


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes files in. `take_document`: one JSON document, which the doors alone can read."""

    registrar: Registrar
    database: Database
    take_document: TakeDocument
    waiting: threading.Event = field(default_factory=threading.Event)

    def accept(self, caller: Caller, filename: str, content: bytes, *, dry_run: bool) -> ImportEntry:
        """Keep the file to be taken in; raises Invalid for one that is nothing we read."""
        must_hold_scope(caller)
        format_of(content)
        entry = ImportEntry(
            id=new_id("imp"),
            filename=filename,
            dry_run=dry_run,
            state=State.WAITING,
            caller=_caller_row(caller),
            total=0,
            position=0,
            counts={},
            created_at=self.registrar.clock.wall_now(),
        )
        with self.database.transaction() as session:
            store.add(session, entry, content)
        self.waiting.set()
        return entry

    def run(self, stop: threading.Event) -> None:
        """Beside the web server: take in what waits."""
        while not stop.is_set():
            self.waiting.clear()
            with self.database.read() as session:
                names = store.unfinished(session)
            for name in names:
                self.take(name, stop)
            if not names:
                self.waiting.wait(LOOK_S)

    def take(
        self, name: str, stop: threading.Event | None = None, progress: Callable[[ImportEntry], None] | None = None
    ) -> None:
        """All rows of one import, or as far as `stop` lets it come."""
        with self.database.read() as session:
            entry, content = store.find(session, name), store.content_of(session, name)
        if entry is None or content is None:
            return
        try:
            rows, size = read_rows(content)
        except DomainError as wrong:
            self._end(name, State.FAILED, wrong.detail)
            return
        size = len(rows) if entry.dry_run and size == DOCUMENT_BATCH else size  # later documents stand on earlier ones
        while not (stop and stop.is_set()):
            moved = self._batch(name, rows, max(size, 1))
            if moved is None:
                return
            if progress:
                progress(moved)

    def _batch(self, name: str, rows: Sequence[Row], size: int) -> ImportEntry | None:
        """The next rows and how far it is then; None when the import is over."""
        with self.database.transaction() as session, gc_paused():
            entry = store.find(session, name, lock=True)
            if entry is None or entry.state.value not in store.UNFINISHED:
                return None
            batch = rows[entry.position : entry.position + size]
            taken = self._take_rows(session, _caller(entry.caller), batch, dry_run=entry.dry_run)
            moved = replace(store.moved(entry, rows=len(batch), counts=taken.counts), total=len(rows))
            if moved.position >= len(rows):
                moved = replace(moved, state=State.DONE, finished_at=self.registrar.clock.wall_now())
                log.info("import done", import_id=name, dry_run=entry.dry_run, **moved.counts)
            store.add_findings(session, name, taken.findings)
            store.save(session, moved)
        return moved

    def _take_rows(self, session: Session, caller: Caller, batch: Sequence[Row], *, dry_run: bool) -> Taken:
        lines = [row for row in batch if isinstance(row, Document)]
        if lines:
            return self._take_documents(session, caller, lines, dry_run=dry_run)
        read = [row for row in batch if not isinstance(row, Document)]
        entries = [entry for entry, _ in read if entry is not None]
        taken = take_list(self.registrar, session, caller, entries, dry_run=dry_run)
        taken.counts["refused"] += sum(entry is None for entry, _ in read)
        taken.findings = sorted(
            [*taken.findings, *(one for _, findings in read for one in findings)], key=lambda one: one.line
        )
        return taken

    def _take_documents(self, session: Session, caller: Caller, lines: Sequence[Document], *, dry_run: bool) -> Taken:
        """Each document in its own savepoint; a dry run throws the whole away."""
        whole, taken = session.begin_nested(), Taken()
        for line in lines:
            one = self._take_document(session, caller, line)
            taken.counts += one.counts
            taken.findings += one.findings
        if dry_run:
            whole.rollback()
            session.expunge_all()
        else:
            whole.commit()
        return taken

    def _take_document(self, session: Session, caller: Caller, line: Document) -> Taken:
        nested = session.begin_nested()
        try:
            taken = self.take_document(session, caller, line)
            nested.commit()
        except DomainError as wrong:
            nested.rollback()
            session.expunge_all()
            return _refused(line, wrong)
        return taken

    def _end(self, name: str, state: State, failure: str) -> None:
        with self.database.transaction() as session:
            entry = store.find(session, name, lock=True)
            if entry is not None:
                now = self.registrar.clock.wall_now()
                store.save(session, replace(entry, state=state, failure=failure, finished_at=now))


def read_rows(content: bytes) -> tuple[Sequence[Row], int]:
    """All rows of a file, and how many to take in at once; raises Invalid."""
    told = format_of(content)
    if told is Format.JSON:
        return list(documents(content)), DOCUMENT_BATCH
    return [read_row(row) for row in listed_rows(content, told)], LIST_BATCH


def _refused(line: Document, wrong: DomainError) -> Taken:
    taken = Taken()
    if isinstance(wrong, Invalid):
        for one in (wrong, *wrong.also):
            reason = f"expected: {one.rule}" if one.rule else one.detail
            taken.findings.append(Finding(line.line, one.field, _short(one.value), reason, Outcome.REFUSED))
    else:
        taken.findings.append(Finding(line.line, "", "", wrong.detail, Outcome.REFUSED))
    taken.counts["refused"] += 1
    return taken


def _short(value: object) -> str:
    """Whole objects may hold a password: they are not repeated."""
    return str(value)[:200] if isinstance(value, str | int | float | None) else type(value).__name__


def _caller_row(caller: Caller) -> dict[str, Any]:
    return {
        "role": caller.role.value,
        "subject": caller.subject,
        "region": caller.region,
        "scopes": list(caller.scopes),
    }


def _caller(row: Mapping[str, Any]) -> Caller:
    return Caller(Role(row["role"]), row["subject"], region=row["region"], scopes=tuple(row["scopes"]))


def find_import(session: Session, caller: Caller, name: str) -> ImportEntry:
    """The import; raises NotFound, also for an officer who did not make it."""
    entry = store.find(session, name)
    if entry is None or not (caller.role is Role.ADMIN or entry.caller["subject"] == caller.subject):
        raise NotFound("no such import")
    return entry
