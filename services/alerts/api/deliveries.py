"""Deliveries: what became of each push, attempt by attempt; pushing one again by hand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.alerts.api.alerts import Reader, page, read_place, times
from services.alerts.api.endpoints import TAG, Owning
from services.alerts.handlers.pushes import PushService
from services.alerts.store.pushes import PushFilter, PushState, PushStore, delivery
from shared.database import Database
from shared.runtime.web import MOST_CURSOR, Page


def delivery_routes(database: Database, store: PushStore, pushes: PushService) -> APIRouter:
    router = APIRouter(tags=[TAG])

    @router.get("/deliveries", summary="推送记录，最新在前 / Deliveries with their attempts, newest first")
    def list_deliveries(
        caller: Reader,
        endpoint: str | None = None,
        state: PushState | None = None,
        alert: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=MOST_CURSOR)] = None,
    ) -> Page[dict[str, Any]]:
        filter = PushFilter(endpoint, state, alert)
        with database.read() as session:
            rows = store.page(session, caller, filter, before=read_place(cursor), limit=limit + 1)
            tried = store.attempts(session, [row.id for row in rows])
        return page([(row.created_at, row.id, times(delivery(row, tried.get(row.id, [])))) for row in rows], limit)

    @router.get("/deliveries/{push_id}", summary="一次推送 / One delivery")
    def get_delivery(caller: Reader, push_id: str) -> dict[str, Any]:
        with database.read() as session:
            return times(store.document(session, push_id, caller))

    @router.post(
        "/deliveries/{push_id}/replay", status_code=202, summary="重推，同一 webhook-id / Push again, same webhook-id"
    )
    def replay(caller: Owning, push_id: str) -> dict[str, Any]:
        with database.transaction() as session:
            pushes.replay(session, push_id, caller)
            return times(store.document(session, push_id, caller))

    return router
