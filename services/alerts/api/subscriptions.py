"""Subscriptions of officers: of which alerts they want to be notified beyond those that concern them anyway, and how."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from services.alerts.api import PREFIX
from services.alerts.api.pages import page_of, read_position
from services.alerts.api.requests import Cursor, FilterIn, Limit, SubscriptionIn
from services.alerts.api.responses import SubscriptionOut
from services.alerts.api.roles import ByOfficer, OfficeReader
from services.alerts.domain.quiet import read_quiet
from services.alerts.domain.subscription import Filter, check
from services.alerts.store.endpoints import Endpoint, EndpointStore
from services.alerts.store.paging import Position
from services.alerts.store.previews import preview as preview_of
from services.alerts.store.subscriptions import NewSubscription, SubscriptionStore
from shared.access import Caller, Role, own_division
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Forbidden, Invalid
from shared.domain.identity import credit_code
from shared.domain.industry import industry
from shared.domain.region import prefix, region
from shared.domain.risk import INVESTIGATE, SCOPE_OF_KIND
from shared.runtime.routes import api_router
from shared.runtime.web import Page

TAG = "subscriptions"


def subscription_routes(
    database: Database, store: SubscriptionStore, endpoints: EndpointStore, clock: Clock, kinds: Iterable[str]
) -> APIRouter:
    """The routes; long because it is only wiring. `kinds`: those of the catalogue."""
    router, known = api_router(PREFIX, TAG), frozenset(kinds) | frozenset(SCOPE_OF_KIND)

    def shown(session: Session, subscription_id: str, caller: Caller, *, with_preview: bool = False) -> SubscriptionOut:
        record = store.load(session, subscription_id, caller)
        if not with_preview:
            return SubscriptionOut.of(record)
        return SubscriptionOut.of(record, preview_of(session, caller, record.subscription, now=clock.field_now()))

    @router.post("/subscriptions", status_code=201, summary="新建订阅 / Subscribe")
    def create_subscription(caller: ByOfficer, body: SubscriptionIn) -> SubscriptionOut:
        with database.transaction() as session:
            new = _checked(session, endpoints, caller, body, known)
            by = f"{caller.role}:{caller.subject}"
            subscription_id = store.add(session, new, by=by, wall_now=clock.wall_now())
            return shown(session, subscription_id, caller, with_preview=True)

    @router.get("/subscriptions", summary="订阅列表 / Subscriptions")
    def list_subscriptions(caller: OfficeReader, limit: Limit = 50, cursor: Cursor = None) -> Page[SubscriptionOut]:
        with database.read() as session:
            records = store.page(session, caller, behind=read_position(cursor), limit=limit + 1)
        return page_of(
            records,
            limit,
            position=lambda record: Position(record.created_at, record.subscription.id),
            item=SubscriptionOut.of,
        )

    @router.get("/subscriptions/{subscription_id}", summary="一个订阅 / One subscription")
    def get_subscription(
        caller: OfficeReader,
        subscription_id: str,
        preview: Annotated[bool, Query(description="also what it would have matched in the last 7 days")] = False,
    ) -> SubscriptionOut:
        with database.read() as session:
            return shown(session, subscription_id, caller, with_preview=preview)

    @router.put("/subscriptions/{subscription_id}", summary="修改订阅 / Change a subscription")
    def change_subscription(caller: ByOfficer, subscription_id: str, body: SubscriptionIn) -> SubscriptionOut:
        with database.transaction() as session:
            store.change(session, subscription_id, caller, _checked(session, endpoints, caller, body, known))
            return shown(session, subscription_id, caller, with_preview=True)

    @router.delete("/subscriptions/{subscription_id}", status_code=204, summary="取消订阅 / Unsubscribe")
    def delete_subscription(caller: ByOfficer, subscription_id: str) -> None:
        with database.transaction() as session:
            store.delete(session, subscription_id, caller)

    return router


def _checked(
    session: Session, endpoints: EndpointStore, caller: Caller, body: SubscriptionIn, kinds: frozenset[str]
) -> NewSubscription:
    """What is asked for, checked; it reaches no further than the owner and the endpoint do."""
    if caller.role is Role.OFFICER and own_division(caller) is None:
        raise Forbidden("the token names no division")
    endpoint = _endpoint(session, endpoints, caller, body.via.endpoint)
    reach = endpoint.owner.region or prefix(own_division(caller) or "")
    scopes = (INVESTIGATE,) if caller.role is Role.ADMIN else caller.scopes
    filter = _filter(body.filter)
    check(filter, region=reach, scopes=scopes, kinds=kinds)
    return NewSubscription(
        name=body.name,
        region=reach,
        scopes=scopes,
        filter=filter,
        endpoint=endpoint.id,
        digest=body.digest,
        quiet=read_quiet(body.quiet.start, body.quiet.end) if body.quiet else None,
    )


def _endpoint(session: Session, endpoints: EndpointStore, caller: Caller, endpoint_id: str) -> Endpoint:
    """The officers' endpoint that is named; raises Invalid for an enterprise's, NotFound outside the caller's scope."""
    endpoint = endpoints.load(session, endpoint_id, caller)
    if endpoint.owner.credit_code is not None:
        raise Invalid(
            "an enterprise's endpoint receives alerts of its own enterprise only",
            field="via.endpoint",
            value=endpoint_id,
            rule="an endpoint of officers",
        )
    return endpoint


def _filter(body: FilterIn) -> Filter:
    for number, code in enumerate(body.regions):
        region(code.ljust(6, "0"), f"filter.regions[{number}]")
    for number, code in enumerate(body.industries):
        industry(code, f"filter.industries[{number}]")
    for number, code in enumerate(body.enterprises):
        credit_code(code, f"filter.enterprises[{number}]")
    return Filter(
        regions=tuple(prefix(code) for code in body.regions),
        industries=tuple(body.industries),
        kinds=tuple(body.kinds),
        enterprises=tuple(body.enterprises),
        stages=tuple(dict.fromkeys(body.stages)),
        min_level=body.min_level,
    )
