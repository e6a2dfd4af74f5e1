"""Exceeding windows and episodes of exceedance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, Table, select, tuple_

from services.monitoring.api.requests import Cursor, From, Limit, Span, To, span_of
from services.monitoring.api.responses import EpisodeOut, Time, VerdictOut, shown_time
from services.monitoring.api.scope import enterprises_seen
from services.monitoring.detectors.exceedance import KIND
from services.monitoring.domain.verdict import Status, shown_value
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.store.tables import DECISION, RISK
from services.monitoring.store.verdicts import read_row
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.pollutant import factor as known_factor
from shared.runtime.auth import allow
from shared.runtime.web import Page, cursor, read_cursor

Reader = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER)]


class Of(StrEnum):
    WINDOWS = "windows"
    EPISODES = "episodes"


class Order(StrEnum):
    DESC = "desc"
    ASC = "asc"


class WindowSpan(BaseModel):
    """From its start to its end, excluded."""

    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    averaging: str

    @classmethod
    def of(cls, row: VerdictRow) -> WindowSpan:
        return cls(**{"from": shown_time(row.start_s), "to": shown_time(row.end_s), "averaging": row.averaging})


class WindowOut(VerdictOut):
    """An exceeding window of one point."""

    credit_code: str
    permit: str
    outlet: str
    factor: str
    point: str
    window: WindowSpan
    measured: str | None
    reference_o2_pct: str | None
    first_seen_at: Time
    historical: bool

    @classmethod
    def of_row(cls, row: VerdictRow) -> WindowOut:
        return cls(
            **VerdictOut.of(row).model_dump(),
            credit_code=row.credit_code,
            permit=row.permit,
            outlet=row.outlet,
            factor=row.factor,
            point=row.mn,
            window=WindowSpan.of(row),
            measured=shown_value(row.measured, row.bound),
            reference_o2_pct=row.reference_o2_pct,
            first_seen_at=shown_time(row.first_seen_s),
            historical=row.historical,
        )


class ExceedancePage(BaseModel):
    """Windows or episodes, as asked; `next` is the cursor of the following page, null at the end."""

    items: list[WindowOut | EpisodeOut]
    next: str | None


def add_exceedances(router: APIRouter, database: Database) -> None:
    """GET exceedances."""

    @router.get(
        "/exceedances",
        response_model=ExceedancePage,
        tags=["exceedances"],
        summary="超标时段与超标过程 / Exceeding windows and episodes",
    )
    def list_exceedances(
        caller: Reader,
        of: Of = Of.WINDOWS,
        credit_code: str | None = None,
        outlet: str | None = None,
        factor: str | None = None,
        since: From = None,
        to: To = None,
        order: Annotated[Order, Query(description="by the start: newest first, or oldest first")] = Order.DESC,
        after: Cursor = None,
        limit: Limit = 200,
    ) -> JSONResponse:
        """`of=windows`: each exceeding window; `of=episodes`: each episode as its risk has it."""
        if factor is not None:
            known_factor(factor)
        query = _Query(caller, credit_code, outlet, factor, span_of(since, to), order, after, limit)
        page = _windows(database, query) if of is Of.WINDOWS else _episodes(database, query)
        return JSONResponse(page.model_dump())


@dataclass(frozen=True, slots=True)
class _Query:
    """A list that is asked for: by whom, of what, from when to when, in which order, how much of it."""

    caller: Caller
    credit_code: str | None
    outlet: str | None
    factor: str | None
    span: Span
    order: Order
    after: str | None
    limit: int

    def narrowed(self, table: Table) -> list[ColumnElement[bool]]:
        columns = table.c
        named = {"credit_code": self.credit_code, "outlet": self.outlet, "factor": self.factor}
        return [
            columns["start_s"] >= self.span.low_s,
            columns["start_s"] < self.span.high_s,
            enterprises_seen(self.caller, columns["credit_code"]),
            *(columns[name] == value for name, value in named.items() if value),
        ]

    def paged(self, rows: Select[object], *key: ColumnElement[object]) -> Select[object]:
        """In order of `key`, behind the cursor, one row more than the page: it shows whether there is a next."""
        behind = read_cursor(self.after, *(column.type.python_type for column in key))
        newest_first = self.order is Order.DESC
        if behind:
            here, there = tuple_(*key), tuple_(*behind)
            rows = rows.where(here < there if newest_first else here > there)
            # says nothing new, but by it PostgreSQL leaves out the months before, or behind
            rows = rows.where(key[0] <= behind[0] if newest_first else key[0] >= behind[0])
        return rows.order_by(*(c.desc() if newest_first else c for c in key)).limit(self.limit + 1)


def _windows(database: Database, query: _Query) -> Page[dict[str, object]]:
    d = DECISION.c
    over = select(DECISION).where(d.status == Status.OVER.value, *query.narrowed(DECISION))
    with database.read() as session:
        found = session.connection().execute(query.paged(over, d.start_s, d.mn, d.factor, d.averaging))
        rows = [read_row(row) for row in found]
    items = [WindowOut.of_row(row).model_dump(mode="json", by_alias=True) for row in rows[: query.limit]]
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    return Page(items=items, next=cursor(last.start_s, last.mn, last.factor, last.averaging) if last else None)


def _episodes(database: Database, query: _Query) -> Page[dict[str, object]]:
    r = RISK.c
    episodes = select(r.start_s, r.id, r.document).where(r.kind == KIND, *query.narrowed(RISK))
    with database.read() as session:
        rows = session.connection().execute(query.paged(episodes, r.start_s, r.id)).all()
    last = rows[query.limit - 1] if len(rows) > query.limit else None
    return Page(
        items=[row.document for row in rows[: query.limit]], next=cursor(last.start_s, last.id) if last else None
    )
