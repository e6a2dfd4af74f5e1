"""Offices by division: whom an alert names as its contact. Admins keep them, everybody reads them."""

from __future__ import annotations

from fastapi import APIRouter

from services.alerts.api import PREFIX, documents
from services.alerts.api.requests import DivisionPath, OfficeIn
from services.alerts.api.roles import ByAdmin, Reader
from services.alerts.domain.office import Office
from services.alerts.store.offices import OfficeStore
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.region import prefix, region
from shared.runtime.routes import api_router
from shared.runtime.web import Page

TAG = "offices"


def office_routes(database: Database, store: OfficeStore, clock: Clock) -> APIRouter:
    """The routes; long because it is only wiring."""
    router = api_router(PREFIX, TAG)

    @router.get("/offices", summary="联系单位 / Offices by division")
    def list_offices(caller: Reader) -> Page[documents.Office]:
        with database.read() as session:
            return Page(items=[_shown(one) for one in store.all(session)])

    @router.put("/offices/{division}", summary="设置联系单位 / Set the office of a division")
    def put_office(caller: ByAdmin, division: DivisionPath, body: OfficeIn) -> documents.Office:
        region(division.ljust(6, "0"), "division")
        office = Office(prefix(division), body.name, body.phone)
        with database.transaction() as session:
            store.put(session, office, by=f"{caller.role}:{caller.subject}", wall_now=clock.wall_now())
        return _shown(office)

    @router.delete("/offices/{division}", status_code=204, summary="删除联系单位 / The division has no office")
    def delete_office(caller: ByAdmin, division: DivisionPath) -> None:
        with database.transaction() as session:
            store.delete(session, prefix(division))

    return router


def _shown(office: Office) -> documents.Office:
    return documents.Office(**office.document())
