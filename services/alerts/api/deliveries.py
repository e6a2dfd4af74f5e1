"""Deliveries: what became of each push, attempt by attempt; pushing one again by hand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.alerts.api.alerts import Reader, page, read_place, times
from services.alerts.api.endpoints import TAG, Owning
from services.alerts.handlers.alerts import Casework
from services.alerts.store.pushes import PushState, delivery
from shared.database import Database
from shared.runtime.web import MOST_CURSOR, Page


def delivery_routes(database: Database, casework: Casework) -> APIRouter:
    router = APIRouter(tags=[TAG])
    pushes, clock = casework.pushes, casework.clock

    @router.get("/deliveries", summary="推送记录，最新在前 / Deliveries with their attempts, newest first")
    def list_deliveries(
        caller: Reader,
        endpoint: str | None = None,
        state: PushState | None = None,
        alert: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=MOST_CURSOR)] = None,
    ) -> Page[dict[str, Any]]:
        wanted = {"endpoint_id": endpoint, "state": state.value if state else None, "alert_id": alert}
        with database.read() as session:
            rows = pushes.page(session, caller, wanted, before=read_place(cursor), limit=limit + 1)
            tried = pushes.attempts(session, [row.id for row in rows])
        return page([(row.created_at, row.id, times(delivery(row, tried.get(row.id, [])))) for row in rows], limit)

    @router.get("/deliveries/{push_id}", summary="一次推送 / One delivery")
    def get_delivery(caller: Reader, push_id: str) -> dict[str, Any]:
        with database.read() as session:
            return times(pushes.document(session, push_id, caller))

    @router.post(
        "/deliveries/{push_id}/replay", status_code=202, summary="重推，同一 webhook-id / Push again, same webhook-id"
    )
    def replay(caller: Owning, push_id: str) -> dict[str, Any]:
        with database.transaction() as session:
            pushes.replay(session, push_id, caller, wall_now=clock.wall_now())
            casework.hint.when_committed(session)
            return times(pushes.document(session, push_id, caller))

    return router
