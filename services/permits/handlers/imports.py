"""Imports: a file kept, its rows taken in batch by batch, each batch with its progress in one transaction.

Whoever stops in the middle goes on behind the last batch. One process works on an import at a time; whatever goes wrong with
a file fails that import alone, and the next one runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from services.permits.domain.import_attempt import ATTEMPTS, Turn
from services.permits.domain.import_report import Failure, FailureKind, crashed, failure_of
from services.permits.handlers.import_attempts import Attempts
from services.permits.handlers.import_batches import TakeDocument, take_documents, take_rows
from services.permits.handlers.official_list import Taken
from services.permits.handlers.publishing import Registrar, must_hold_scope
from services.permits.importing.documents import Document
from services.permits.importing.readers import Format, format_of
from services.permits.importing.source import ReadRow, SourceFile
from services.permits.store import imports as store
from services.permits.store.imports import ImportEntry, State
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.errors import DomainError, Unreachable, no_such
from shared.domain.identity import new_id
from shared.gc_pause import gc_paused

log = structlog.get_logger(__name__)
LIST_BATCH, DOCUMENT_BATCH = 1000, 100  # rows a transaction: about a second for either
POLL_S = 1.0  # how soon an import that another process accepted is seen, and how long stopping may take
Progress = Callable[[ImportEntry], None]
# What code raises on a file's content that nobody expected. An error that is none of these goes to the worker's runner, and
# the attempt counts as one that crashed.
FILE_ERRORS = (
    DomainError, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    TypeError, ValueError, SQLAlchemyError, msgspec.MsgspecError,
)  # fmt: skip


class _Stopped(Exception):
    """The process stops within a batch: it is rolled back."""


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes files in. `take_document`: one JSON document, which the API layer reads; `on_failure`: counts failed imports."""

    registrar: Registrar
    database: Database
    take_document: TakeDocument
    on_failure: Callable[[FailureKind], None] = lambda kind: None
    waiting: threading.Event = field(default_factory=threading.Event)

    def accept(self, caller: Caller, filename: str, content: bytes, *, dry_run: bool) -> ImportEntry:
        """Keep the file to be taken in; raises Invalid for an empty one."""
        must_hold_scope(caller)
        format_of(content)
        entry = ImportEntry(
            id=new_id("imp"),
            filename=filename,
            dry_run=dry_run,
            state=State.WAITING,
            caller=caller,
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
        """Beside the web server: take in what waits, the oldest first."""
        while not stop.is_set():
            self.waiting.clear()
            if not any(self._try(name, stop) for name in self._unfinished()):
                self.waiting.wait(POLL_S)

    def take(self, name: str, stop: threading.Event | None = None, progress: Progress = lambda entry: None) -> None:
        """All rows of one import, or as far as `stop` lets it come; while another process has it, waits for that.

        Raises Unreachable when the database is unavailable.
        """
        stop = stop or threading.Event()
        work = partial(self._work, stop=stop, progress=progress)
        while not stop.is_set() and not self._attempt(name, stop, work):
            stop.wait(POLL_S)

    def _unfinished(self) -> list[str]:
        try:
            with self.database.read() as session:
                return store.unfinished(session)
        except Unreachable as error:
            log.warning("imports wait", reason=error.detail)
            return []

    def _try(self, name: str, stop: threading.Event) -> bool:
        """Whether something was done for this import now."""
        try:
            return not stop.is_set() and self._attempt(name, stop, partial(self._work_patiently, stop=stop))
        except Unreachable as error:
            log.warning("an import waits", import_id=name, reason=error.detail)
            return False

    def _attempt(self, name: str, stop: threading.Event, work: Callable[[str, str], None]) -> bool:
        """One attempt at an import; False when another process has it."""
        holder, attempts = new_id("att"), Attempts(self.database, self.registrar.clock)
        turn = attempts.begin(name, holder)
        if turn is Turn.GIVE_UP:
            self._fail(name, crashed(ATTEMPTS), None)
        if turn is Turn.BEGIN:
            with attempts.held(name, holder, stop):
                self._work_safely(name, holder, work)
        return turn is not Turn.WAIT

    def _work_safely(self, name: str, holder: str, work: Callable[[str, str], None]) -> None:
        """An error on the file's content fails this import alone; a database that is unavailable is not the file's fault."""
        try:
            work(name, holder)
            return
        except Unreachable:
            raise
        except FILE_ERRORS as error:
            failure = failure_of(error)
        self._fail(name, failure, holder)  # out here, where the memory that the work held is free again

    def _work_patiently(self, name: str, holder: str, stop: threading.Event) -> None:
        """The same attempt goes on when the database is back, for the process has not crashed."""
        while not stop.is_set():
            try:
                self._work(name, holder, stop, lambda entry: None)
                return
            except Unreachable as error:
                log.warning("an import waits", import_id=name, reason=error.detail)
                stop.wait(POLL_S)

    def _work(self, name: str, holder: str, stop: threading.Event, progress: Progress) -> None:
        """Count the rows, so that a file which cannot be read to its end changes nothing; then take them in."""
        with self.database.read() as session:
            entry, content = store.find(session, name), store.content_of(session, name)
        if entry is None or content is None:
            return
        file = _OpenFile(SourceFile.of(content), entry, stop)
        try:
            while not stop.is_set() and (moved := self._batch(name, holder, file)) is not None:
                progress(moved)
        except _Stopped:
            log.info("an import stops within a batch", import_id=name)

    def _batch(self, name: str, holder: str, file: _OpenFile) -> ImportEntry | None:
        """The next rows and how far it is then; None when the import is over or no longer ours."""
        batch = file.next_batch()  # out here: what a file costs until its first row is no time of a transaction
        pause = nullcontext() if file.is_one_batch else gc_paused()  # errors are cycles: thousands would pile up
        with self.database.transaction() as session, pause:
            entry = store.find(session, name, lock=True)
            if entry is None or entry.attempt.holder != holder:
                return None
            taken = self._take_rows(session, entry, batch)
            moved = replace(store.moved(entry, rows=batch.size, counts=taken.counts), total=file.total)
            if moved.position >= file.total:
                now = self.registrar.clock.wall_now()
                moved = replace(moved, state=State.DONE, finished_at=now, attempt=entry.attempt.end())
                log.info("import done", import_id=name, dry_run=entry.dry_run, **moved.counts)
            store.add_findings(session, name, taken.findings)
            store.save(session, moved)
        return moved

    def _take_rows(self, session: Session, entry: ImportEntry, batch: _Batch) -> Taken:
        caller, dry_run = entry.caller, entry.dry_run
        if batch.documents is not None:
            return take_documents(self.take_document, session, caller, batch.documents, dry_run=dry_run)
        return take_rows(self.registrar, session, caller, batch.rows, dry_run=dry_run)

    def _fail(self, name: str, failure: Failure, holder: str | None) -> None:
        """The import is over, unless `holder` no longer has it; its rows that were taken in stay."""
        with self.database.transaction() as session:
            entry = store.find(session, name, lock=True)
            if entry is None or entry.over or (holder is not None and entry.attempt.holder != holder):
                return
            now = self.registrar.clock.wall_now()
            ended = replace(entry, state=State.FAILED, failure=failure.reason, finished_at=now)
            store.save(session, replace(ended, attempt=entry.attempt.end()))
        self.on_failure(failure.kind)
        write = log.info if failure.kind is FailureKind.REFUSED else log.error  # a refused file is its sender's to mend
        write("an import failed", import_id=name, kind=failure.kind, reason=failure.reason, places=list(failure.places))


@dataclass(frozen=True, slots=True)
class _Batch:
    """The next `size` rows of a list, or documents, which are read as they are taken in: they may be large."""

    size: int
    rows: Sequence[ReadRow] = ()
    documents: Iterator[Document] | None = None


class _OpenFile:
    """An import's file that is being read, from the first row that is not yet taken in."""

    def __init__(self, source: SourceFile, entry: ImportEntry, stop: threading.Event) -> None:
        scan = source.scan()
        self.total = scan.total
        is_json = source.format is Format.JSON
        self.is_one_batch = is_json and entry.dry_run  # later documents stand on earlier ones
        self._size = self.total if self.is_one_batch else DOCUMENT_BATCH if is_json else LIST_BATCH
        self._left = self.total - entry.position
        self._documents = source.documents(entry.position) if is_json else None
        self._rows = iter(()) if is_json else source.rows(scan.duplicates, entry.position)
        self._stop = stop

    def next_batch(self) -> _Batch:
        size = min(self._size, self._left)
        self._left -= size
        if self._documents is not None:
            return _Batch(size, documents=self._watched(islice(self._documents, size)))
        return _Batch(size, list(islice(self._rows, size)))

    def _watched(self, documents: Iterator[Document]) -> Iterator[Document]:
        """Raises _Stopped when the process stops before all of them are taken in."""
        for document in documents:
            if self._stop.is_set():
                raise _Stopped
            yield document


def find_import(session: Session, caller: Caller, name: str) -> ImportEntry:
    """The import; raises NotFound, also for an officer who did not make it."""
    entry = store.find(session, name)
    if entry is None or not (caller.role is Role.ADMIN or entry.caller.subject == caller.subject):
        raise no_such("import", name)
    return entry
