"""Peer notices for those who received them, drafts for officers; and the counts of a division."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.alerts.api import PREFIX
from services.alerts.api.documents import PeerNotice, PeerNoticeDraft
from services.alerts.api.pages import read_position, stored_page
from services.alerts.api.requests import Cursor, DivisionPath, Limit
from services.alerts.api.responses import DivisionOut, DivisionSummary
from services.alerts.api.roles import ByOfficer, Reader
from services.alerts.domain.peer import Outcome
from services.alerts.store.paging import Position
from services.alerts.store.peer_notices import Notice, NoticeStore
from services.alerts.store.sql_types import StoredDocument
from services.alerts.store.statistics import counts
from shared.access import Subject, must_see
from shared.database import Database
from shared.domain.region import full_name, prefix, region
from shared.runtime.routes import api_router
from shared.runtime.web import Page

TAG = "peer-notices"
COUNTS_TAG = "divisions"


def peer_routes(database: Database) -> APIRouter:
    """The routes; long because it is only wiring."""
    router, store = api_router(PREFIX), NoticeStore()

    @router.get(
        "/peer-notices",
        response_model=Page[PeerNotice],
        tags=[TAG],
        summary="同行提醒，最新在前 / Peer notices, newest first",
    )
    def list_peer_notices(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
        with database.read() as session:
            notices = store.page(session, caller, Outcome.NOTICE, behind=read_position(cursor), limit=limit + 1)
        return stored_page(notices, limit, position=_position, item=lambda notice: notice.document)

    @router.get(
        "/peer-notices/drafts",
        response_model=Page[PeerNoticeDraft],
        tags=[TAG],
        summary="未发出的提醒草稿及原因 / Drafts that were not sent, and why",
    )
    def list_peer_notice_drafts(caller: ByOfficer, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
        with database.read() as session:
            drafts = store.page(session, caller, Outcome.DRAFT, behind=read_position(cursor), limit=limit + 1)
        return stored_page(drafts, limit, position=_position, item=_draft)

    @router.get(
        "/peer-notices/{notice_id}", response_model=PeerNotice, tags=[TAG], summary="一条同行提醒 / One peer notice"
    )
    def get_peer_notice(caller: Reader, notice_id: str) -> JSONResponse:
        with database.read() as session:
            return JSONResponse(store.document(session, notice_id, caller))

    @router.get("/regions/{code}/summary", tags=[COUNTS_TAG], summary="区域预警统计 / Counts of a division's alerts")
    def get_division_summary(caller: ByOfficer, code: DivisionPath) -> DivisionSummary:
        inside, whole = prefix(code), code.ljust(6, "0")
        must_see(caller, "division", code, Subject(None, inside))
        region(whole, "code")
        with database.read() as session:
            found = counts(session, caller, inside)
        return DivisionSummary(region=DivisionOut(code=whole, name=full_name(whole)), **asdict(found))

    return router


def _position(notice: Notice) -> Position:
    return Position(notice.slot, notice.id)


def _draft(notice: Notice) -> StoredDocument:
    """What an officer needs in order to judge it."""
    return {**notice.document, "reason": notice.reason, "affected": notice.affected, "crowd": notice.crowd}
