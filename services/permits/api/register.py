"""Routes of the register: enterprises, permits, points, divisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Response

from services.permits.api.dependencies import (
    CreditCode,
    Cursor,
    Division,
    Limit,
    Named,
    NewCreditCode,
    NewMn,
    NewNumber,
    Overseer,
    Reader,
    RegionPrefix,
    Writer,
    answered,
    behind,
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
from services.permits.domain.encoding import decode
from services.permits.domain.enterprise import EnterpriseDocument
from services.permits.domain.permit import Wish
from services.permits.domain.permit_document import PermitDocument
from services.permits.domain.point import GivenSettings, PointWish
from services.permits.handlers import enterprises, permits, points
from services.permits.handlers.permits import OutletWish
from services.permits.handlers.points import WishedPosition
from services.permits.handlers.publishing import Registrar
from services.permits.store import register as store
from shared.database import Database
from shared.domain.errors import Invalid
from shared.domain.industry import industry as known_industry
from shared.domain.region import division_prefix
from shared.runtime.routes import api_router
from shared.runtime.web import Page, cursor

Found = TypeVar("Found")
Shown = TypeVar("Shown")
CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "Created"}}
AcceptCheckCharacter = Annotated[
    bool, Query(description="the code was issued so, although its check character does not fit (GB 32100-2015)")
]
IndustryPrefix = Annotated[str | None, Query(pattern=r"^[A-Z][0-9]{0,4}$", description="D, D44, D4411")]


def register_router(registrar: Registrar, database: Database) -> APIRouter:
    """All routes of the register. Long because it only lists them."""
    router = api_router("/permits/v1")
    _enterprises(router, registrar, database)
    _permits(router, registrar, database)
    _points(router, registrar, database)
    _regions(router, registrar, database)
    return router


def _enterprises(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[str | Enum] = ["enterprises"]

    @router.put(
        "/enterprises/{credit_code}",
        tags=tags,
        summary="登记企业 / Register an enterprise",
        responses=CREATED | {201: {"model": EnterpriseWritten}},
    )
    def put_enterprise(
        credit_code: NewCreditCode,
        body: EnterpriseIn,
        caller: Writer,
        response: Response,
        accept_check_character: AcceptCheckCharacter = False,
    ) -> EnterpriseWritten:
        with writing(database) as session:
            document = enterprise_document(credit_code, body)
            written = enterprises.put_enterprise(
                registrar,
                session,
                caller,
                credit_code=credit_code,
                document=document,
                accept_check_character=accept_check_character,
            )
        return EnterpriseWritten.after(answered(written, response))

    @router.get(
        "/enterprises/{credit_code}",
        tags=tags,
        summary="企业 / One enterprise",
    )
    def get_enterprise(credit_code: Named, caller: Reader) -> EnterpriseOut:
        with database.read() as session:
            return EnterpriseOut.of(enterprises.enterprise(session, caller, credit_code))

    @router.get("/enterprises", tags=tags, summary="企业清单 / Enterprises")
    def list_enterprises(
        caller: Reader,
        region: RegionPrefix = None,
        industry: IndustryPrefix = None,
        check_character_doubtful: Annotated[bool | None, Query(description="codes to be looked into")] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[EnterpriseOut]:
        if industry is not None:
            known_industry(industry)
        with database.read() as session:
            found = store.list_enterprises(
                session,
                caller,
                region=division_prefix(region) if region else None,
                industry=industry,
                doubtful=check_character_doubtful,
                after=behind(cursor),
                limit=limit + 1,
            )
        return _page(found, limit, lambda one: one.credit_code, EnterpriseOut.of)


def _permits(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[str | Enum] = ["permits"]

    @router.put(
        "/permits/{number}",
        tags=tags,
        summary="登记许可证或其新版本 / Register a permit, or a version of it",
        responses=CREATED | {201: {"model": PermitWritten}},
    )
    def put_permit(number: NewNumber, body: PermitIn, caller: Writer, response: Response) -> PermitWritten:
        """The first version holds from `valid_from`, a later one from today or `effective_from`. A document equal to
        the one in force then changes nothing. Only a correction with its reason reaches before today."""
        with writing(database) as session:
            wish, points = permit_wish(number, body), outlet_wishes(body)
            written = permits.put_permit(registrar, session, caller, number=number, wish=wish, points=points)
            return PermitWritten.after(answered(written, response))

    @router.get("/permits/{number}", tags=tags, summary="许可证 / The permit in force on a day")
    def get_permit(number: Named, caller: Reader, on: Annotated[Day | None, Query()] = None) -> PermitOut:
        with database.read() as session:
            return PermitOut.of(permits.show_permit(registrar, session, permits.permit(session, caller, number), on))

    @router.get("/permits", tags=tags, summary="许可证清单 / Permits")
    def list_permits(
        caller: Reader,
        credit_code: CreditCode = None,
        expiring_by: Annotated[Day | None, Query(description="newest period ends on this day or before")] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[PermitOut]:
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
                found,
                limit,
                lambda one: one.number,
                lambda one: PermitOut.of(permits.show_permit(registrar, session, one, None)),
            )


def _points(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[str | Enum] = ["points"]

    @router.put(
        "/points/{mn}",
        tags=tags,
        summary="登记监测点 / Register a monitoring point",
        responses=CREATED | {201: {"model": PointWritten}},
    )
    def put_point(mn: NewMn, body: PointAloneIn, caller: Writer, response: Response) -> PointWritten:
        if body.mn not in (None, mn):
            raise Invalid(f"mn {body.mn!r} is not {mn!r}", field="mn", value=body.mn, rule="the one of the address")
        wished = WishedPosition(body.credit_code, body.outlet, body.permit)
        with writing(database) as session:
            written = points.put_point(registrar, session, caller, wish=_point_wish(mn, body), wished=wished)
        return PointWritten.after(answered(written, response))

    @router.get("/points/{mn}", tags=tags, summary="监测点 / One monitoring point")
    def get_point(mn: Named, caller: Reader) -> PointOut:
        with database.read() as session:
            return PointOut.of(points.point(registrar, session, caller, mn))

    @router.delete("/points/{mn}", tags=tags, summary="停用监测点 / Take a point out of service")
    def delete_point(mn: Named, caller: Writer, response: Response) -> PointWritten:
        with writing(database) as session:
            written = points.remove_point(registrar, session, caller, mn)
        return PointWritten.after(answered(written, response))

    @router.get("/points", tags=tags, summary="监测点清单 / Monitoring points")
    def list_points(
        caller: Reader, credit_code: CreditCode = None, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[PointOut]:
        with database.read() as session:
            found = store.list_points(
                session, caller, registrar.sealer, credit_code=credit_code, after=behind(cursor), limit=limit + 1
            )
        return _page(found, limit, lambda one: one.mn, PointOut.of)


def _regions(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[str | Enum] = ["regions"]

    @router.put(
        "/regions/{code}",
        tags=tags,
        summary="登记行政区划 / Declare whether a division's register is complete",
        responses=CREATED | {201: {"model": RegionWritten}},
    )
    def put_region(code: Division, body: RegionIn, caller: Writer, response: Response) -> RegionWritten:
        with writing(database) as session:
            written = enterprises.put_region(
                registrar, session, caller, code=code, register_complete=body.register_complete
            )
        return RegionWritten.after(answered(written, response))

    @router.get("/regions/{code}", tags=tags, summary="行政区划 / One division")
    def get_region(code: Named, caller: Overseer) -> RegionOut:
        with database.read() as session:
            return RegionOut.of(enterprises.one_region(session, caller, code))

    @router.get("/regions", tags=tags, summary="行政区划清单 / Divisions")
    def list_regions(caller: Overseer, cursor: Cursor = None, limit: Limit = 100) -> Page[RegionOut]:
        with database.read() as session:
            found = store.list_regions(session, caller, after=behind(cursor), limit=limit + 1)
        return _page(found, limit, lambda one: one.code, RegionOut.of)


def _page(
    found: Sequence[Found], limit: int, key: Callable[[Found], str], show: Callable[[Found], Shown]
) -> Page[Shown]:
    """A page from one row more than asked for."""
    shown = found[:limit]
    following = cursor(key(shown[-1])) if len(found) > limit else None
    return Page(items=[show(one) for one in shown], next=following)


def enterprise_document(credit_code: str, body: EnterpriseIn) -> EnterpriseDocument:
    """The document; `credit_code` of the address where the body has none."""
    return decode({**body.model_dump(mode="json"), "credit_code": body.credit_code or credit_code}, EnterpriseDocument)


def permit_wish(number: str, body: PermitIn) -> Wish:
    """The document without its points' settings: those belong to the points. `number` of the address where it has none."""
    document = body.model_dump(mode="json", exclude={"effective_from", "correction", "reason"})
    names = {"number": body.number or number, "credit_code": body.credit_code or number[:18]}
    return Wish(decode({**document, **names}, PermitDocument), body.effective_from, body.correction, body.reason)


def outlet_wishes(body: PermitIn) -> list[OutletWish]:
    """The points to be registered at the document's outlets."""
    return [
        OutletWish(f"outlets[{i}].points[{j}]", outlet.code, _point_wish(point.mn, point))
        for i, outlet in enumerate(body.outlets or ())
        for j, point in enumerate(outlet.points or ())
    ]


def _point_wish(mn: Named, body: PointIn) -> PointWish:
    """Only what was given."""
    given = body.model_dump(
        include={"system", "strict", "interval_s", "units", "dialect", "period_stamp"}, exclude_unset=True
    )
    return PointWish(mn, decode(given, GivenSettings), "password" in body.model_fields_set, body.password)
