"""The inbox: list, read, and what people do with an alert."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from sqlmodel import Session

from services.alerts.api import PREFIX
from services.alerts.api.documents import Alert
from services.alerts.api.pages import page_of, read_position, stored
from services.alerts.api.requests import AlertQuery, Note, Statement
from services.alerts.api.responses import AlertWithHistory, HistoryOut, NotifiedOut
from services.alerts.api.roles import ByEnterprise, ByOfficer, Reader
from services.alerts.domain.alert import Move
from services.alerts.handlers.alerts import AlertService
from services.alerts.store.alerts import AlertFilter, AlertStore
from services.alerts.store.paging import Position
from services.alerts.store.pushes import PushStore
from services.alerts.store.sql_types import StoredDocument
from shared.access import Caller
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import unknown_value
from shared.domain.pollutant import factor
from shared.domain.region import division_prefix
from shared.domain.risk import SCOPE_OF_KIND
from shared.runtime.routes import api_router
from shared.runtime.web import Page

TAG = "alerts"


def alert_routes(
    database: Database,
    alerts: AlertService,
    store: AlertStore,
    pushes: PushStore,
    clock: Clock,
    kinds: frozenset[str],
) -> APIRouter:
    """The routes of the inbox; long because it is only wiring. `kinds`: those of the catalogue."""
    router, known = api_router(PREFIX, TAG), kinds | frozenset(SCOPE_OF_KIND)

    def moved(caller: Caller, alert_id: str, move: Move, text: str) -> JSONResponse:
        with database.transaction() as session:
            store.document(session, alert_id, caller)  # 404 outside the scope
            alerts.move(session, alert_id, move, who=f"{caller.role}:{caller.subject}", text=text)
            return _whole(store, pushes, session, alert_id, caller)

    @router.get("/alerts", response_model=Page[Alert], summary="预警列表，最新在前 / Alerts, newest first")
    def list_alerts(caller: Reader, query: Annotated[AlertQuery, Query()]) -> JSONResponse:
        filter = _filter(query, known)
        with database.read() as session:
            now = clock.field_now()
            page = alert_page(session, store, caller, filter, limit=query.limit, cursor=query.cursor, now=now)
        return stored(page)

    @router.get(
        "/alerts/{alert_id}", response_model=AlertWithHistory, summary="一条预警及其经过 / One alert with its history"
    )
    def get_alert(caller: Reader, alert_id: str) -> JSONResponse:
        with database.read() as session:
            return _whole(store, pushes, session, alert_id, caller)

    @router.post("/alerts/{alert_id}/acknowledge", response_model=AlertWithHistory, summary="签收 / Acknowledge")
    def acknowledge_alert(caller: ByEnterprise, alert_id: str, note: Note | None = None) -> JSONResponse:
        return moved(caller, alert_id, Move.ACKNOWLEDGE, note.text if note else "")

    @router.post(
        "/alerts/{alert_id}/answer",
        response_model=AlertWithHistory,
        summary="反馈原因和措施 / Answer with cause and measures",
    )
    def answer_alert(caller: ByEnterprise, alert_id: str, statement: Statement) -> JSONResponse:
        return moved(caller, alert_id, Move.ANSWER, statement.text)

    @router.post("/alerts/{alert_id}/objection", response_model=AlertWithHistory, summary="提出异议 / Object")
    def object_to_alert(caller: ByEnterprise, alert_id: str, statement: Statement) -> JSONResponse:
        return moved(caller, alert_id, Move.OBJECTION, statement.text)

    @router.post("/alerts/{alert_id}/verify", response_model=AlertWithHistory, summary="核实 / Verify the answer")
    def verify_alert(caller: ByOfficer, alert_id: str, note: Note | None = None) -> JSONResponse:
        return moved(caller, alert_id, Move.VERIFY, note.text if note else "")

    @router.post("/alerts/{alert_id}/close", response_model=AlertWithHistory, summary="办结 / Close")
    def close_alert(caller: ByOfficer, alert_id: str, note: Note | None = None) -> JSONResponse:
        return moved(caller, alert_id, Move.CLOSE, note.text if note else "")

    @router.post(
        "/alerts/{alert_id}/withdraw",
        response_model=AlertWithHistory,
        summary="撤回 / Withdraw: it was not a violation",
    )
    def withdraw_alert(caller: ByOfficer, alert_id: str, statement: Statement) -> JSONResponse:
        return moved(caller, alert_id, Move.WITHDRAW, statement.text)

    return router


def alert_page(
    session: Session,
    store: AlertStore,
    caller: Caller,
    filter: AlertFilter,
    *,
    limit: int,
    cursor: str | None,
    now: datetime,
) -> Page[StoredDocument]:
    """The alerts in the caller's scope behind the cursor, newest first; `now` by the field clock."""
    records = store.page(session, caller, filter, behind=read_position(cursor), limit=limit + 1, now=now)
    return page_of(
        records,
        limit,
        position=lambda alert: Position(alert.opened_at, alert.id),
        item=lambda alert: alert.document,
    )


def _filter(query: AlertQuery, kinds: frozenset[str]) -> AlertFilter:
    """What is asked for; raises Invalid for a kind, a factor or a division that there is not."""
    if query.kind is not None and query.kind not in kinds:
        raise unknown_value("kind of alert", query.kind, kinds, field="kind")
    if query.factor is not None:
        factor(query.factor)
    region = division_prefix(query.region) if query.region is not None else None
    return AlertFilter(**query.model_dump(exclude={"limit", "cursor", "region"}), region=region)


def _whole(store: AlertStore, pushes: PushStore, session: Session, alert_id: str, caller: Caller) -> JSONResponse:
    """The alert, what became of it, and whether those concerned were notified."""
    document = store.document(session, alert_id, caller)
    history = [HistoryOut.of(entry).model_dump(mode="json") for entry in store.history(session, alert_id)]
    notified = [NotifiedOut.of(proof).model_dump(mode="json") for proof in pushes.proof(session, alert_id)]
    return JSONResponse({**document, "history": history, "notified": notified})
