"""Takes a batch of an import's rows into the register: rows of the official list together, documents one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from sqlmodel import Session

from services.permits.domain.import_report import Finding, Outcome, refusals
from services.permits.handlers.official_list import DUPLICATE, REFUSED, Taken, take_list
from services.permits.handlers.publishing import Registrar
from services.permits.importing.documents import Document
from services.permits.importing.source import ReadRow, RowKind
from services.permits.store.imports import NOT_STORABLE
from shared.access import Caller
from shared.domain.errors import DomainError, Invalid, Unreachable

FINDINGS = 100_000  # of one batch; a dry run of documents is one batch
TakeDocument = Callable[[Session, Caller, Document], Taken]


def take_rows(
    registrar: Registrar, session: Session, caller: Caller, rows: Sequence[ReadRow], *, dry_run: bool
) -> Taken:
    """Rows of the official list; the findings in the order of their lines."""
    entries = [row.entry for row in rows if row.entry is not None]
    taken = take_list(registrar, session, caller, entries, dry_run=dry_run)
    taken.counts[REFUSED] += sum(row.kind is RowKind.REFUSED for row in rows)
    if duplicates := sum(row.kind is RowKind.DUPLICATE for row in rows):
        taken.counts[DUPLICATE] += duplicates
    taken.findings += [finding for row in rows for finding in row.findings]
    taken.findings.sort(key=lambda finding: finding.line)
    return taken


def take_documents(
    take_document: TakeDocument, session: Session, caller: Caller, documents: Iterable[Document], *, dry_run: bool
) -> Taken:
    """Each document in its own savepoint; a dry run throws the whole away."""
    whole, taken = session.begin_nested(), Taken()
    for document in documents:
        one = _take_document(take_document, session, caller, document)
        taken.counts += one.counts
        _keep(taken, one.findings)
    if dry_run:
        whole.rollback()
        session.expunge_all()
    else:
        whole.commit()
    return taken


def _take_document(take_document: TakeDocument, session: Session, caller: Caller, document: Document) -> Taken:
    nested = session.begin_nested()
    try:
        taken = take_document(session, caller, document)
        nested.commit()
    except Unreachable:
        raise
    except DomainError as wrong:
        error = wrong
    except NOT_STORABLE:
        rule = "text without NUL, numbers of at most 64 bits"
        error = Invalid("the database cannot keep a value of the document", field="document", rule=rule)
    else:
        return taken
    nested.rollback()
    session.expunge_all()
    return Taken(Counter({REFUSED: 1}), refusals(document.line, error))


def _keep(taken: Taken, findings: Sequence[Finding]) -> None:
    room = FINDINGS - len(taken.findings)
    taken.findings += findings[:room]
    if 0 <= room < len(findings):
        line = findings[room].line
        taken.findings.append(Finding(line, "", "", f"over {FINDINGS:,} findings; no more are kept", Outcome.REFUSED))
