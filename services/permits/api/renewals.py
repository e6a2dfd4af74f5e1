"""Routes of time and cover: permits running out, what enterprises lack, the working-day calendar."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Annotated, Self

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from services.permits.api.dependencies import (
    Admin,
    Anyone,
    Cursor,
    Limit,
    Overseer,
    Reader,
    RegionPrefix,
    answered,
    behind,
    writing,
)
from services.permits.api.fields import Day, Document, PlainText
from services.permits.handlers import calendar as calendars
from services.permits.handlers.coverage import coverage
from services.permits.handlers.expiring import expiring
from services.permits.handlers.publishing import Registrar, Written
from services.permits.handlers.renewals import as_of_now
from services.permits.store import register as store
from services.permits.store.calendar import YearEntry, years
from services.permits.store.renewals import FIRST, Place
from shared.database import Database
from shared.domain.clock import rfc3339
from shared.domain.errors import Invalid
from shared.domain.region import division_prefix
from shared.runtime.routes import api_router
from shared.runtime.web import Page, read_cursor
from shared.runtime.web import cursor as cursor_of

Year = Annotated[int, Path(ge=1990, le=2199)]


class ExpiringOut(BaseModel):
    """A permit with few days left. `step`: of the warning, null when it waits for an application."""

    number: str
    credit_code: str
    name: str | None
    region: str | None
    valid_to: date
    left_days: int = Field(description="0 on the last valid day, below when expired")
    step: str | None
    apply_by: date = Field(description="last working day not after valid_to - 60 days (管理条例 Art. 14)")
    provisional: bool = Field(description="apply_by stands on a year whose notice is not published")
    renewal_applied_on: date | None = Field(description="of an application that is pending")
    renewal_refused_on: date | None = Field(description="of the last application, withdrawn or refused")


class CoverageOut(BaseModel):
    """An enterprise and what it lacks: permit, valid_permit, outlets, limits, points, covered_points, endpoint (nobody
    receives its warnings), working_endpoint (it has endpoints, and pushes to all of them fail now), period_stamp (the points in
    `stamps_end` probably stamp the end of their periods and are registered to stamp the start, 疑似以时段结束时刻标记).
    Empty: nothing."""

    credit_code: str
    name: str
    region: str
    industry: str
    permits: int
    points: int
    lacks: list[str]
    stamps_end: list[str]


class CalendarYearIn(Document):
    """A year's notice of the State Council: free days, and weekend days worked instead."""

    holidays: list[Day] = Field(max_length=120)
    workdays: list[Day] = Field(default=[], max_length=120)
    source: PlainText = Field(description="the notice's number")


class CalendarYearOut(BaseModel):
    year: int
    holidays: list[date]
    workdays: list[date]
    source: str
    recorded_at: str
    revision: int

    @classmethod
    def of(cls, entry: YearEntry) -> CalendarYearOut:
        return CalendarYearOut(
            year=entry.year,
            holidays=list(entry.holidays),
            workdays=list(entry.workdays),
            source=entry.source,
            recorded_at=rfc3339(entry.recorded_at),
            revision=entry.revision,
        )


class CalendarYearWritten(CalendarYearOut):
    changed: bool

    @classmethod
    def after(cls, written: Written[YearEntry]) -> Self:
        return cls(**dict(CalendarYearOut.of(written.value)), changed=written.changed)


def renewals_router(registrar: Registrar, database: Database) -> APIRouter:
    """All routes of time and cover."""
    router = api_router("/permits/v1")
    _expiring(router, registrar, database)
    _coverage(router, registrar, database)
    _calendar(router, registrar, database)
    return router


def _expiring(router: APIRouter, registrar: Registrar, database: Database) -> None:
    @router.get(
        "/expiring",
        tags=["permits"],
        summary="即将到期的许可证 / Permits running out",
    )
    def list_expiring(
        caller: Reader,
        on: Annotated[Day | None, Query(description="as seen on this day; today by default")] = None,
        within_days: Annotated[int, Query(ge=0, le=3650)] = 180,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[ExpiringOut]:
        with database.read() as session:
            as_of = as_of_now(registrar, session)
            day = on or as_of.today
            found = expiring(
                session, caller, day, as_of, within_days=within_days, limit=limit + 1, after=_place(cursor)
            )
        shown = found[:limit]
        return Page(
            items=[ExpiringOut.model_validate(one, from_attributes=True) for one in shown],
            next=_cursor(shown[-1].place) if len(found) > limit else None,
        )


def _cursor(place: Place) -> str:
    return cursor_of(place.day.isoformat(), place.number)


def _place(text: str | None) -> Place:
    key = read_cursor(text, str, str)
    if key is None:
        return FIRST
    try:
        return Place(date.fromisoformat(key[0]), key[1])
    except ValueError as wrong:
        raise Invalid(
            "cursor is not one of this list", field="cursor", value=text, rule="`next` of this list"
        ) from wrong


def _coverage(router: APIRouter, registrar: Registrar, database: Database) -> None:
    @router.get(
        "/coverage",
        tags=["enterprises"],
        summary="保护缺口 / What enterprises lack to be protected",
    )
    def list_coverage(
        caller: Overseer, region: RegionPrefix = None, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[CoverageOut]:
        with database.read() as session:
            found = store.list_enterprises(
                session,
                caller,
                region=division_prefix(region) if region else None,
                after=behind(cursor),
                limit=limit + 1,
            )
            shown = found[:limit]
            items = [
                CoverageOut.model_validate(one, from_attributes=True) for one in coverage(registrar, session, shown)
            ]
        return Page(items=items, next=cursor_of(shown[-1].credit_code) if len(found) > limit else None)


def _calendar(router: APIRouter, registrar: Registrar, database: Database) -> None:
    tags: list[str | Enum] = ["calendar"]

    @router.put(
        "/calendar/{year}",
        tags=tags,
        summary="登记工作日安排 / Load or correct a year's working days",
        responses={201: {"model": CalendarYearWritten, "description": "Created"}},
    )
    def put_year(year: Year, body: CalendarYearIn, _caller: Admin, response: Response) -> CalendarYearWritten:
        """What was decided while the year was provisional is decided again at the next sweep."""
        with writing(database) as session:
            written = calendars.put_year(
                registrar, session, year=year, holidays=body.holidays, workdays=body.workdays, source=body.source
            )
        return CalendarYearWritten.after(answered(written, response))

    @router.get("/calendar/{year}", tags=tags, summary="工作日安排 / One year's working days")
    def get_year(year: Year, _caller: Anyone) -> CalendarYearOut:
        with database.read() as session:
            return CalendarYearOut.of(calendars.one_year(session, year))

    @router.get("/calendar", tags=tags, summary="已公布年份 / Years published")
    def list_years(_caller: Anyone) -> Page[CalendarYearOut]:
        with database.read() as session:
            return Page(items=[CalendarYearOut.of(one) for one in years(session)])
