"""Deliveries: what became of each push, attempt by attempt; pushing one again by hand."""

from __future__ import annotations

from fastapi import APIRouter
from sqlmodel import Session

from services.alerts.api import PREFIX
from services.alerts.api.pages import page_of, read_position
from services.alerts.api.requests import Cursor, Limit
from services.alerts.api.responses import DeliveryOut
from services.alerts.api.roles import Owning, Reader
from services.alerts.handlers.pushes import PushService
from services.alerts.store.paging import Position
from services.alerts.store.pushes import PushFilter, PushState, PushStore
from shared.access import Caller
from shared.database import Database
from shared.runtime.routes import api_router
from shared.runtime.web import Page

TAG = "deliveries"


def delivery_routes(database: Database, store: PushStore, pushes: PushService) -> APIRouter:
    """The routes; long because it is only wiring."""
    router = api_router(PREFIX, TAG)

    @router.get("/deliveries", summary="推送记录，最新在前 / Deliveries with their attempts, newest first")
    def list_deliveries(
        caller: Reader,
        endpoint: str | None = None,
        state: PushState | None = None,
        alert: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[DeliveryOut]:
        filter = PushFilter(endpoint, state, alert)
        with database.read() as session:
            return delivery_page(session, store, caller, filter, limit=limit, cursor=cursor)

    @router.get("/deliveries/{push_id}", summary="一次推送 / One delivery")
    def get_delivery(caller: Reader, push_id: str) -> DeliveryOut:
        with database.read() as session:
            return one_delivery(store, session, push_id, caller)

    @router.post(
        "/deliveries/{push_id}/replay", status_code=202, summary="重推，同一 webhook-id / Push again, same webhook-id"
    )
    def replay_delivery(caller: Owning, push_id: str) -> DeliveryOut:
        with database.transaction() as session:
            pushes.replay(session, push_id, caller)
            return one_delivery(store, session, push_id, caller)

    return router


def delivery_page(
    session: Session, store: PushStore, caller: Caller, filter: PushFilter, *, limit: int, cursor: str | None
) -> Page[DeliveryOut]:
    """The deliveries in the caller's scope behind the cursor, newest first."""
    records = store.page(session, caller, filter, behind=read_position(cursor), limit=limit + 1)
    attempts = store.attempts(session, [push.id for push in records])
    return page_of(
        records,
        limit,
        position=lambda push: Position(push.created_at, push.id),
        item=lambda push: DeliveryOut.of(push, attempts[push.id]),
    )


def one_delivery(store: PushStore, session: Session, push_id: str, caller: Caller) -> DeliveryOut:
    """A delivery with its attempts; raises NotFound outside the caller's scope."""
    push = store.load(session, push_id, caller)
    return DeliveryOut.of(push, store.attempts(session, [push_id])[push_id])
