"""Peer notices for those who received them, drafts for officers; and the counts of a division."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from services.alerts.api.pages import page_of, read_position
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
from shared.runtime.web import Page

TAG = "同行提醒 / Peer notices"
COUNTS_TAG = "区域 / Divisions"


def peer_routes(database: Database) -> APIRouter:
    """The routes; long because it is only wiring."""
    router, store = APIRouter(), NoticeStore()

    @router.get("/peer-notices", tags=[TAG], summary="同行提醒，最新在前 / Peer notices, newest first")
    def list_notices(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[StoredDocument]:
        with database.read() as session:
            notices = store.page(session, caller, Outcome.NOTICE, behind=read_position(cursor), limit=limit + 1)
        return page_of(notices, limit, position=_position, item=lambda notice: notice.document)

    @router.get(
        "/peer-notices/drafts", tags=[TAG], summary="未发出的提醒草稿及原因 / Drafts that were not sent, and why"
    )
    def list_drafts(caller: ByOfficer, limit: Limit = 50, cursor: Cursor = None) -> Page[StoredDocument]:
        with database.read() as session:
            drafts = store.page(session, caller, Outcome.DRAFT, behind=read_position(cursor), limit=limit + 1)
        return page_of(drafts, limit, position=_position, item=_draft)

    @router.get("/peer-notices/{notice_id}", tags=[TAG], summary="一条同行提醒 / One peer notice")
    def get_notice(caller: Reader, notice_id: str) -> StoredDocument:
        with database.read() as session:
            return store.document(session, notice_id, caller)

    @router.get("/regions/{code}/summary", tags=[COUNTS_TAG], summary="区域预警统计 / Counts of a division's alerts")
    def summary(caller: ByOfficer, code: DivisionPath) -> DivisionSummary:
        inside, whole = prefix(code), code.ljust(6, "0")
        must_see(caller, "division", Subject(None, inside))
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
