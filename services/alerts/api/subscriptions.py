"""Subscriptions of officers: what they want to hear of beyond what they are told unasked, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from services.alerts.api.alerts import page, read_place
from services.alerts.domain.catalogue import Level, Stage
from services.alerts.domain.quiet import read_quiet
from services.alerts.domain.subscription import Filter, check
from services.alerts.store.endpoints import EndpointStore
from services.alerts.store.subscriptions import SubscriptionStore, Wish, subscription
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.clock import Clock, rfc3339
from shared.domain.errors import Forbidden, Invalid
from shared.domain.identity import credit_code
from shared.domain.industry import industry
from shared.domain.region import prefix, region
from shared.domain.risk import INVESTIGATE
from shared.runtime.auth import allow
from shared.runtime.web import Page

TAG = "订阅 / Subscriptions"
Officer = Annotated[Caller, allow(Role.OFFICER)]
Reader = Annotated[Caller, allow(Role.OFFICER, Role.OPS)]
LATER = ("mail", "wecom", "dingtalk", "feishu")
MANY = 200  # entries in one list of a filter


class FilterIn(BaseModel):
    """An empty list: any. Without `stages`: during and after."""

    model_config = ConfigDict(extra="forbid")
    regions: list[Annotated[str, Field(pattern=r"^[0-9]{2}([0-9]{2}){0,2}$")]] = Field(
        default=[], max_length=MANY, description="区划代码前缀 / division prefixes"
    )
    industries: list[Annotated[str, Field(pattern=r"^[A-T][0-9]{0,4}$")]] = Field(
        default=[], max_length=MANY, description="行业代码前缀 / industry prefixes"
    )
    kinds: list[Annotated[str, Field(pattern=r"^[a-z_.*]{1,64}$")]] = Field(
        default=[], max_length=MANY, description="预警种类，可用 * / kinds, with *"
    )
    enterprises: list[Annotated[str, Field(max_length=18)]] = Field(default=[], max_length=MANY)
    stages: list[Stage] = Field(default=[], max_length=3, description="留空不含事前 / empty: not the stage `before`")
    min_level: Level | None = None


class QuietIn(BaseModel):
    """Shanghai time; may pass midnight. Red is never held."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    start: str = Field(alias="from", pattern=r"^[0-9]{2}:[0-9]{2}$")
    end: str = Field(alias="to", pattern=r"^[0-9]{2}:[0-9]{2}$")


class SubscriptionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    filter: FilterIn = Field(default_factory=FilterIn)
    via: dict[str, Any] = Field(description='{"endpoint": "end_…"}', max_length=1, min_length=1)
    digest: Literal["daily", "weekly"] | None = None
    quiet: QuietIn | None = None


def subscription_routes(
    database: Database, store: SubscriptionStore, endpoints: EndpointStore, clock: Clock
) -> APIRouter:
    """The routes; long because it is only wiring."""
    router = APIRouter(tags=[TAG])

    def shown(session: Session, subscription_id: str, caller: Caller) -> dict[str, Any]:
        return _document(store.load(session, subscription_id, caller))

    @router.post("/subscriptions", status_code=201, summary="新建订阅 / Subscribe")
    def subscribe(caller: Officer, asked: SubscriptionIn) -> dict[str, Any]:
        with database.transaction() as session:
            wish = _wish(session, endpoints, caller, asked)
            by = f"{caller.role}:{caller.subject}"
            subscription_id = store.add(session, wish, by=by, wall_now=clock.wall_now())
            return shown(session, subscription_id, caller)

    @router.get("/subscriptions", summary="订阅列表 / Subscriptions")
    def list_subscriptions(
        caller: Reader,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=300)] = None,
    ) -> Page[dict[str, Any]]:
        with database.read() as session:
            rows = store.page(session, caller, after=read_place(cursor), limit=limit + 1)
        return page([(row.created_at, row.id, _document(row)) for row in rows], limit)

    @router.get("/subscriptions/{subscription_id}", summary="一个订阅 / One subscription")
    def get_subscription(caller: Reader, subscription_id: str) -> dict[str, Any]:
        with database.read() as session:
            return shown(session, subscription_id, caller)

    @router.put("/subscriptions/{subscription_id}", summary="修改订阅 / Change a subscription")
    def change_subscription(caller: Officer, subscription_id: str, asked: SubscriptionIn) -> dict[str, Any]:
        with database.transaction() as session:
            store.change(session, subscription_id, caller, _wish(session, endpoints, caller, asked))
            return shown(session, subscription_id, caller)

    @router.delete("/subscriptions/{subscription_id}", status_code=204, summary="取消订阅 / Unsubscribe")
    def unsubscribe(caller: Officer, subscription_id: str) -> None:
        with database.transaction() as session:
            store.delete(session, subscription_id, caller)

    return router


def _wish(session: Session, endpoints: EndpointStore, caller: Caller, asked: SubscriptionIn) -> Wish:
    """What is asked for, checked; it reaches no further than the owner and the endpoint do."""
    if caller.role is Role.OFFICER and not caller.region:
        raise Forbidden("the token names no division")
    endpoint_id, reach = _endpoint(session, endpoints, caller, asked.via)
    scopes = (INVESTIGATE,) if caller.role is Role.ADMIN else caller.scopes
    wanted = _filter(asked.filter)
    check(wanted, region=reach, scopes=scopes)
    return Wish(
        name=asked.name,
        region=reach,
        scopes=scopes,
        filter=wanted,
        endpoint=endpoint_id,
        digest=asked.digest,
        quiet=read_quiet(asked.quiet.start, asked.quiet.end) if asked.quiet else None,
    )


def _endpoint(session: Session, endpoints: EndpointStore, caller: Caller, via: dict[str, Any]) -> tuple[str, str]:
    """The officers' endpoint that is named, and the division prefix that it may hear of; raises Invalid, NotFound."""
    ((way, to),) = via.items()
    if way in LATER:
        rule = 'for now {"endpoint": "end_…"}'
        raise Invalid(f"via {way!r} is not there yet", field=f"via.{way}", value=way, rule=rule, code="not-yet")
    if way != "endpoint" or not isinstance(to, str):
        raise Invalid(f"via {way!r} is no way out", field="via", value=way, rule='{"endpoint": "end_…"}')
    row = endpoints.load(session, to, caller)
    if row.credit_code is not None:
        rule = "an endpoint of officers"
        raise Invalid(
            "an enterprise's endpoint hears of its own alerts only", field="via.endpoint", value=to, rule=rule
        )
    return to, row.region or prefix(caller.region or "")


def _filter(asked: FilterIn) -> Filter:
    for number, code in enumerate(asked.regions):
        region(code.ljust(6, "0"), f"filter.regions[{number}]")
    for number, code in enumerate(asked.industries):
        industry(code, f"filter.industries[{number}]")
    for number, code in enumerate(asked.enterprises):
        credit_code(code, f"filter.enterprises[{number}]")
    return Filter(
        regions=tuple(prefix(code) for code in asked.regions),
        industries=tuple(asked.industries),
        kinds=tuple(asked.kinds),
        enterprises=tuple(asked.enterprises),
        stages=tuple(dict.fromkeys(asked.stages)),
        min_level=asked.min_level,
    )


def _document(row: Any) -> dict[str, Any]:
    found = subscription(row)
    return {**found, "created_at": rfc3339(found["created_at"])}
