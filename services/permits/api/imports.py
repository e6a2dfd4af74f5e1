"""Routes of imports: a file in, its progress and report out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from pydantic.config import JsonDict

from services.permits.api.dependencies import Cursor, Limit, Writer
from services.permits.domain.import_report import Finding
from services.permits.handlers.imports import Importer, find_import
from services.permits.store import imports as store
from services.permits.store.imports import ImportEntry
from shared.domain.clock import rfc3339
from shared.runtime.body_limit import MB, BodyLimit, body_up_to
from shared.runtime.routes import api_router
from shared.runtime.web import Page, read_cursor
from shared.runtime.web import cursor as cursor_of

LIMIT = BodyLimit(most_bytes=64 * MB, together_bytes=64 * MB)  # about 400,000 rows of the official list
BODY: JsonDict = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class ImportOut(BaseModel):
    """How far an import is. `counts`: created, changed, unchanged, refused, duplicate."""

    id: str
    filename: str
    dry_run: bool
    state: str
    total: int
    position: int
    counts: dict[str, int]
    findings: int
    failure: str | None
    created_at: str
    finished_at: str | None


class FindingOut(BaseModel):
    """What there is to report of a row. `outcome`: refused, mended, left_out, check_character, duplicate."""

    line: int
    field: str
    value: str
    reason: str
    outcome: str


def imports_router(importer: Importer) -> APIRouter:
    """All routes of imports."""
    router = api_router("/permits/v1", "imports")
    database = importer.database

    @router.post(
        "/imports",
        status_code=202,
        summary="导入名录或文件 / Import the official list or documents",
        openapi_extra=BODY,
    )
    def post_import(
        caller: Writer,
        body: Annotated[bytes, body_up_to(LIMIT)],
        filename: Annotated[str, Query(max_length=200)] = "",
        dry_run: Annotated[bool, Query(description="report what would happen and change nothing")] = False,
    ) -> ImportOut:
        """CSV, HTML or XLSX of the official list, or enterprises and permits as a JSON array or one document a line.

        At most 64 MB, one at a time; larger lists in several files."""
        return _view(importer.accept(caller, filename, body, dry_run=dry_run), 0)

    @router.get("/imports/{id}", summary="导入进度 / How far an import is")
    def get_import(id: str, caller: Writer) -> ImportOut:
        with database.read() as session:
            return _view(find_import(session, caller, id), store.count_findings(session, id))

    @router.get("/imports/{id}/report", summary="逐行报告 / Row by row report")
    def get_report(id: str, caller: Writer, cursor: Cursor = None, limit: Limit = 100) -> Page[FindingOut]:
        with database.read() as session:
            find_import(session, caller, id)
            found = store.findings(session, id, after=_behind(cursor), limit=limit + 1)
        shown = found[:limit]
        return Page(
            items=[_finding(one.finding) for one in shown],
            next=cursor_of(shown[-1].number) if len(found) > limit else None,
        )

    return router


def _behind(text: str | None) -> int:
    key = read_cursor(text, int)
    return key[0] if key else 0


def _finding(one: Finding) -> FindingOut:
    return FindingOut(line=one.line, field=one.field, value=one.value, reason=one.reason, outcome=one.outcome.value)


def _view(entry: ImportEntry, findings: int) -> ImportOut:
    return ImportOut(
        id=entry.id,
        filename=entry.filename,
        dry_run=entry.dry_run,
        state=entry.state.value,
        total=entry.total,
        position=entry.position,
        counts=dict(entry.counts),
        findings=findings,
        failure=entry.failure,
        created_at=rfc3339(entry.created_at),
        finished_at=rfc3339(entry.finished_at) if entry.finished_at else None,
    )
