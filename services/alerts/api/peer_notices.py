"""Peer notices for those who received them, drafts for officers; and the counts of a division."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from services.alerts.api.alerts import Reader, page, read_place
from services.alerts.domain.peer import Outcome
from services.alerts.store.peer_notices import NoticeStore
from services.alerts.store.statistics import counts
from shared.access import Caller, Role, Subject, must_see
from shared.database import Database
from shared.domain.region import full_name, prefix, region
from shared.runtime.auth import allow
from shared.runtime.web import Page

TAG = "同行提醒 / Peer notices"
COUNTS_TAG = "区域 / Divisions"
Officer = Annotated[Caller, allow(Role.OFFICER)]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=300)]


def peer_routes(database: Database) -> APIRouter:
    """The routes; long because it is only wiring."""
    router, store = APIRouter(), NoticeStore()

    @router.get("/peer-notices", tags=[TAG], summary="同行提醒，最新在前 / Peer notices, newest first")
    def list_notices(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[dict[str, Any]]:
        with database.read() as session:
            rows = store.page(session, caller, Outcome.NOTICE, before=read_place(cursor), limit=limit + 1)
        return page([(row.slot, row.id, row.document) for row in rows], limit)

    @router.get(
        "/peer-notices/drafts", tags=[TAG], summary="未发出的提醒草稿及原因 / Drafts that were not sent, and why"
    )
    def list_drafts(caller: Officer, limit: Limit = 50, cursor: Cursor = None) -> Page[dict[str, Any]]:
        with database.read() as session:
            rows = store.page(session, caller, Outcome.DRAFT, before=read_place(cursor), limit=limit + 1)
        return page([(row.slot, row.id, _draft(row)) for row in rows], limit)

    @router.get("/peer-notices/{notice_id}", tags=[TAG], summary="一条同行提醒 / One peer notice")
    def get_notice(caller: Reader, notice_id: str) -> dict[str, Any]:
        with database.read() as session:
            return store.document(session, notice_id, caller)

    @router.get("/regions/{code}/summary", tags=[COUNTS_TAG], summary="区域预警统计 / Counts of a division's alerts")
    def summary(caller: Officer, code: Annotated[str, Path(pattern=r"^[0-9]{2}([0-9]{2}){0,2}$")]) -> dict[str, Any]:
        inside, whole = prefix(code), code.ljust(6, "0")
        must_see(caller, "division", Subject(None, inside))
        region(whole, "code")
        with database.read() as session:
            found = counts(session, caller, inside)
        return {"region": {"code": whole, "name": full_name(whole)}, **found}

    return router


def _draft(row: Any) -> dict[str, Any]:
    """What an officer needs in order to judge it."""
    return {**row.document, "reason": row.reason, "affected": row.affected, "crowd": row.crowd}
