"""Routes of the register: enterprises, permits, points, divisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Response

from services.permits.api.dependencies import (
    CreditCode,
    Cursor,
    Limit,
    Named,
    Overseer,
    Reader,
    Writer,
    behind,
    told,
    writing,
)
from services.permits.api.fields import Day
from services.permits.api.requests import EnterpriseIn, PermitIn, PointAloneIn, PointIn, RegionIn
from services.permits.api.responses import (
    EnterpriseOut,
    EnterpriseWritten,
    PermitOut,
    PermitWritten,
    PointOut,
    PointWritten,
    RegionOut,
    RegionWritten,
)
from services.permits.domain.permit import Wish
from services.permits.domain.point import PointWish
from services.permits.handlers import enterprises, permits, points
from services.permits.handlers.permits import Placed
from services.permits.handlers.points import Place
from services.permits.handlers.publishing import Registrar
from services.permits.store import register as store
from shared.database import Database
from shared.domain.errors import Invalid
from shared.domain.region import prefix
from shared.runtime.web import PROBLEMS, Page, cursor

T = TypeVar("T")
CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "Created"}}
RegionPrefix = Annotated[str | None, Query(pattern=r"^([0-9]{2}){1,3}$", description="2, 4 or 6 digits")]
IndustryPrefix = Annotated[str | None, Query(pattern=r"^[A-Z][0-9]{0,4}$", description="D, D44, D4411")]


def register_router(registrar: Registrar, database: Database) -> APIRouter:
    """All routes of the register. Long because it only lists them."""
    router = APIRouter(prefix="/permits/v1", responses=PROBLEMS)
    _enterprises(router, registrar, database)
    _permits(router, registrar, database)
    _points(router, registrar, database)
    _regions(router, registrar, database)
    return router


def _enterprises(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[Any] = ["enterprises"]

    @router.put(
        "/enterprises/{credit_code}",
        tags=tags,
        summary="登记企业 / Register an enterprise",
        response_model=EnterpriseWritten,
        responses=CREATED | {201: {"model": EnterpriseWritten}},
    )
    def put_enterprise(credit_code: Named, body: EnterpriseIn, caller: Writer, response: Response) -> Any:
        with writing(database) as session:
            written = enterprises.put_enterprise(
                registrar, session, caller, credit_code=credit_code, document=body.model_dump(mode="json")
            )
        return told(written, response)

    @router.get(
        "/enterprises/{credit_code}",
        tags=tags,
        summary="企业 / One enterprise",
        response_model=EnterpriseOut,
    )
    def get_enterprise(credit_code: Named, caller: Reader) -> Any:
        with database.read() as session:
            return enterprises.enterprise_view(enterprises.enterprise(session, caller, credit_code))

    @router.get("/enterprises", tags=tags, summary="企业清单 / Enterprises", response_model=Page[EnterpriseOut])
    def list_enterprises(
        caller: Reader,
        region: RegionPrefix = None,
        industry: IndustryPrefix = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Any:
        with database.read() as session:
            found = store.list_enterprises(
                session,
                caller,
                region=prefix(region) if region else None,
                industry=industry,
                after=behind(cursor),
                limit=limit + 1,
            )
        return _page(found, limit, lambda one: one.credit_code, enterprises.enterprise_view)


def _permits(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[Any] = ["permits"]

    @router.put(
        "/permits/{number}",
        tags=tags,
        summary="登记许可证或其新版本 / Register a permit, or a version of it",
        response_model=PermitWritten,
        responses=CREATED | {201: {"model": PermitWritten}},
    )
    def put_permit(number: Named, body: PermitIn, caller: Writer, response: Response) -> Any:
        """The first version holds from `valid_from`, a later one from today or `effective_from`. A document equal to
        the one in force then changes nothing. Only a correction with its reason reaches before today."""
        with writing(database) as session:
            written = permits.put_permit(
                registrar, session, caller, number=number, wish=permit_wish(body), placed=placed(body)
            )
        return told(written, response)

    @router.get(
        "/permits/{number}", tags=tags, summary="许可证 / The permit in force on a day", response_model=PermitOut
    )
    def get_permit(number: Named, caller: Reader, on: Annotated[Day | None, Query()] = None) -> Any:
        with database.read() as session:
            return permits.show_permit(registrar, session, permits.permit(session, caller, number), on)

    @router.get("/permits", tags=tags, summary="许可证清单 / Permits", response_model=Page[PermitOut])
    def list_permits(
        caller: Reader,
        credit_code: CreditCode = None,
        expiring_by: Annotated[Day | None, Query(description="newest period ends on this day or before")] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Any:
        with database.read() as session:
            found = store.list_permits(
                session,
                caller,
                credit_code=credit_code,
                expiring_by=expiring_by,
                after=behind(cursor),
                limit=limit + 1,
            )
            return _page(
                found, limit, lambda one: one.number, lambda one: permits.show_permit(registrar, session, one, None)
            )


def _points(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[Any] = ["points"]

    @router.put(
        "/points/{mn}",
        tags=tags,
        summary="登记监测点 / Register a monitoring point",
        response_model=PointWritten,
        responses=CREATED | {201: {"model": PointWritten}},
    )
    def put_point(mn: Named, body: PointAloneIn, caller: Writer, response: Response) -> Any:
        if body.mn not in (None, mn):
            raise Invalid(f"mn {body.mn!r} is not {mn!r}", field="mn", value=body.mn, rule="the one of the address")
        place = Place(body.credit_code, body.outlet, body.permit)
        with writing(database) as session:
            written = points.put_point(registrar, session, caller, wish=_point_wish(mn, body), place=place)
        return told(written, response)

    @router.get("/points/{mn}", tags=tags, summary="监测点 / One monitoring point", response_model=PointOut)
    def get_point(mn: Named, caller: Reader) -> Any:
        with database.read() as session:
            return points.point_view(points.point(registrar, session, caller, mn))

    @router.delete(
        "/points/{mn}", tags=tags, summary="停用监测点 / Take a point out of service", response_model=PointWritten
    )
    def delete_point(mn: Named, caller: Writer, response: Response) -> Any:
        with writing(database) as session:
            written = points.remove_point(registrar, session, caller, mn)
        return told(written, response)

    @router.get("/points", tags=tags, summary="监测点清单 / Monitoring points", response_model=Page[PointOut])
    def list_points(caller: Reader, credit_code: CreditCode = None, cursor: Cursor = None, limit: Limit = 100) -> Any:
        with database.read() as session:
            found = store.list_points(
                session, caller, registrar.sealer, credit_code=credit_code, after=behind(cursor), limit=limit + 1
            )
        return _page(found, limit, lambda one: one.mn, points.point_view)


def _regions(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[Any] = ["regions"]

    @router.put(
        "/regions/{code}",
        tags=tags,
        summary="登记行政区划 / Say whether a division's register is complete",
        response_model=RegionWritten,
        responses=CREATED | {201: {"model": RegionWritten}},
    )
    def put_region(code: Named, body: RegionIn, caller: Writer, response: Response) -> Any:
        with writing(database) as session:
            written = enterprises.put_region(
                registrar, session, caller, code=code, register_complete=body.register_complete
            )
        return told(written, response)

    @router.get("/regions/{code}", tags=tags, summary="行政区划 / One division", response_model=RegionOut)
    def get_region(code: Named, caller: Overseer) -> Any:
        with database.read() as session:
            return enterprises.region_view(enterprises.one_region(session, caller, code))

    @router.get("/regions", tags=tags, summary="行政区划清单 / Divisions", response_model=Page[RegionOut])
    def list_regions(caller: Overseer, cursor: Cursor = None, limit: Limit = 100) -> Any:
        with database.read() as session:
            found = store.list_regions(session, caller, after=behind(cursor), limit=limit + 1)
        return _page(found, limit, lambda one: one.code, enterprises.region_view)


def _page(
    found: Sequence[T], limit: int, key: Callable[[T], str], view: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """A page from one row more than asked for."""
    shown = found[:limit]
    return {
        "items": [view(one) for one in shown],
        "next": cursor(key(shown[-1])) if len(found) > limit else None,
    }


def permit_wish(body: PermitIn) -> Wish:
    """The document without its points' settings: those belong to the points."""
    document = body.model_dump(mode="json", exclude={"effective_from", "correction", "reason"})
    for outlet in document["outlets"] or ():
        if outlet["points"] is not None:
            outlet["points"] = [{"mn": point["mn"], "system": point["system"]} for point in outlet["points"]]
    return Wish(document, body.effective_from, body.correction, body.reason)


def placed(body: PermitIn) -> list[Placed]:
    return [
        Placed(f"outlets[{i}].points[{j}]", outlet.code, _point_wish(point.mn, point))
        for i, outlet in enumerate(body.outlets or ())
        for j, point in enumerate(outlet.points or ())
    ]


def _point_wish(mn: Named, body: PointIn) -> PointWish:
    """Only what was said."""
    said = body.model_dump(include={"system", "strict", "interval_s", "units", "dialect"}, exclude_unset=True)
    return PointWish(mn, said, "password" in body.model_fields_set, body.password)
