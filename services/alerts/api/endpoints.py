"""Endpoints: where pushes go. Their owner is shown a secret once, nobody else ever; officers and operators may stop one."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from fastapi import APIRouter
from sqlmodel import Session

from services.alerts.api import PREFIX
from services.alerts.api.pages import page_of, read_position
from services.alerts.api.requests import (
    Cursor,
    EndpointChangeIn,
    EndpointFilterIn,
    EndpointIn,
    Limit,
    OwnerIn,
    Statement,
)
from services.alerts.api.responses import DeliveryOut, EndpointDisabled, EndpointOut, EndpointWithSecret
from services.alerts.api.roles import Owning, Reader, Supervising
from services.alerts.channels.base import Channel
from services.alerts.domain.audience import Owner
from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.endpoint_state import EndpointState
from services.alerts.domain.wants import Wants
from services.alerts.handlers.endpoints import EndpointService
from services.alerts.store.endpoints import EndpointChange, EndpointStore, is_owner, new_secret
from services.alerts.store.paging import Position
from services.alerts.store.pushes import PushStore
from shared.access import Caller, Role, acts_for, in_region, own_division, own_enterprise
from shared.database import Database
from shared.domain.clock import Clock, rfc3339
from shared.domain.errors import Forbidden, Invalid, unknown_value
from shared.domain.identity import credit_code
from shared.domain.region import prefix, region
from shared.domain.risk import SCOPE_OF_KIND
from shared.runtime.routes import api_router
from shared.runtime.web import Page

TAG = "endpoints"


def endpoint_routes(
    database: Database,
    endpoints: EndpointService,
    store: EndpointStore,
    pushes: PushStore,
    channel: Channel,
    clock: Clock,
    kinds: frozenset[str],
) -> APIRouter:
    """The routes of endpoints; long because it is only wiring. `kinds`: those of the catalogue."""
    router, known = api_router(PREFIX, TAG), kinds | frozenset(SCOPE_OF_KIND)

    def shown(caller: Caller, endpoint_id: str) -> EndpointOut:
        with database.read() as session:
            endpoint = store.load(session, endpoint_id, caller)
            return EndpointOut.of(endpoint, store.history(session, [endpoint_id])[endpoint_id], clock.wall_now())

    def with_secret(caller: Caller, endpoint_id: str, secret: str) -> EndpointWithSecret:
        return EndpointWithSecret(**dict(shown(caller, endpoint_id)), secret=secret)

    @router.post(
        "/endpoints",
        status_code=201,
        summary="登记推送端点，密钥只向所有者显示一次 / Register; its owner is shown the secret once",
    )
    def register_endpoint(caller: Owning, body: EndpointIn) -> EndpointWithSecret | EndpointOut:
        owner, secret, wants = owner_of(caller, body.owner), new_secret(), wanted(body.filter, known)
        contact = ContactPoint(channel.kind, body.url, secret)
        channel.validate(contact.address)
        channel.verify(contact)
        with database.transaction() as session:
            by = f"{caller.role}:{caller.subject}"
            endpoint_id = endpoints.register(session, contact, owner, by=by, name=body.name, wants=wants)
        return with_secret(caller, endpoint_id, secret) if is_owner(caller, owner) else shown(caller, endpoint_id)

    @router.get("/endpoints", summary="推送端点 / Endpoints")
    def list_endpoints(
        caller: Reader, state: EndpointState | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[EndpointOut]:
        with database.read() as session:
            return endpoint_page(session, store, caller, state, limit=limit, cursor=cursor, now=clock.wall_now())

    @router.get("/endpoints/{endpoint_id}", summary="一个推送端点 / One endpoint")
    def get_endpoint(caller: Reader, endpoint_id: str) -> EndpointOut:
        return shown(caller, endpoint_id)

    @router.patch("/endpoints/{endpoint_id}", summary="修改地址、名称或过滤条件 / Change url, name or filter")
    def change_endpoint(caller: Owning, endpoint_id: str, body: EndpointChangeIn) -> EndpointOut:
        if body.url is not None:
            channel.validate(body.url)
        with database.transaction() as session:
            before = store.load(session, endpoint_id, caller)
            change = EndpointChange(
                address=body.url or before.address,
                name=body.name if "name" in body.model_fields_set else before.name,
                wants=wanted(body.filter, known) if body.filter else before.wants,
            )
            store.change(session, endpoint_id, caller, change, wall_now=clock.wall_now())
        return shown(caller, endpoint_id)

    @router.post("/endpoints/{endpoint_id}/pause", summary="暂停 / Nothing new; what was due waits")
    def pause_endpoint(caller: Owning, endpoint_id: str) -> EndpointOut:
        with database.transaction() as session:
            endpoints.pause(session, endpoint_id, caller)
        return shown(caller, endpoint_id)

    @router.post("/endpoints/{endpoint_id}/resume", summary="恢复 / What waited goes out")
    def resume_endpoint(caller: Owning, endpoint_id: str) -> EndpointOut:
        with database.transaction() as session:
            endpoints.resume(session, endpoint_id, caller)
        return shown(caller, endpoint_id)

    @router.delete("/endpoints/{endpoint_id}", status_code=204, summary="注销推送端点 / Delete an endpoint")
    def delete_endpoint(caller: Owning, endpoint_id: str) -> None:
        with database.transaction() as session:
            endpoints.delete(session, endpoint_id, caller)

    @router.post("/endpoints/{endpoint_id}/test", status_code=202, summary="试推送 / Push a test event the usual way")
    def test_endpoint(caller: Owning, endpoint_id: str) -> DeliveryOut:
        with database.transaction() as session:
            push_id = endpoints.test(session, endpoint_id, caller)
            return DeliveryOut.of(pushes.load(session, push_id, caller), [])

    @router.post(
        "/endpoints/{endpoint_id}/rotate",
        summary="所有者更换密钥 / New secret for its owner; the old one signs for 24 h",
    )
    def rotate_secret(caller: Owning, endpoint_id: str) -> EndpointWithSecret:
        with database.transaction() as session:
            secret = store.rotate(session, endpoint_id, caller, wall_now=clock.wall_now())
        return with_secret(caller, endpoint_id, secret)

    @router.post("/endpoints/{endpoint_id}/disable", summary="停用 / Stop pushes to it; its owner sees who and why")
    def disable_endpoint(caller: Supervising, endpoint_id: str, reason: Statement) -> EndpointDisabled:
        with database.transaction() as session:
            at = endpoints.disable(session, endpoint_id, caller, text=reason.text)
        return EndpointDisabled(id=endpoint_id, state=EndpointState.DISABLED, state_at=rfc3339(at))

    @router.post("/endpoints/{endpoint_id}/enable", summary="重新启用 / Enable again")
    def enable_endpoint(caller: Owning, endpoint_id: str) -> EndpointOut:
        with database.transaction() as session:
            endpoints.enable(session, endpoint_id, caller)
        return shown(caller, endpoint_id)

    return router


def endpoint_page(
    session: Session,
    store: EndpointStore,
    caller: Caller,
    state: EndpointState | None,
    *,
    limit: int,
    cursor: str | None,
    now: datetime,
) -> Page[EndpointOut]:
    """The endpoints in the caller's scope behind the cursor, in order of creation; `state`: only those in it at `now`."""
    records = store.page(session, caller, behind=read_position(cursor), limit=limit + 1, state=state, now=now)
    history = store.history(session, [endpoint.id for endpoint in records])
    return page_of(
        records,
        limit,
        position=lambda endpoint: Position(endpoint.created_at, endpoint.id),
        item=lambda endpoint: EndpointOut.of(endpoint, history[endpoint.id], now),
    )


def wanted(filter: EndpointFilterIn, kinds: frozenset[str]) -> Wants:
    """What an endpoint wants; raises Invalid for a kind that is none of `kinds`."""
    for number, kind in enumerate(filter.kinds):
        if not any(fnmatchcase(one, kind) for one in kinds):
            raise unknown_value("kind of alert", kind, kinds, field=f"filter.kinds[{number}]")
    return Wants(tuple(one.value for one in filter.events), tuple(filter.kinds))


def owner_of(caller: Caller, body: OwnerIn | None) -> Owner:
    """Whose the new endpoint is: the caller's own, unless an admin names the owner."""
    if caller.role is Role.ADMIN:
        return _named(body)
    if caller.role is Role.ENTERPRISE:
        return _enterprise(caller, body)
    if body is not None and caller.role is Role.OPS:
        raise Forbidden("operators register endpoints of their own only: leave out `owner`")
    if caller.role is Role.OPS:
        return Owner(operators=True)
    return _division(caller, body)


def _division(caller: Caller, body: OwnerIn | None) -> Owner:
    """An officer's own division, or the one inside it that is named."""
    own = own_division(caller)
    division = prefix((body.region if body else own) or "")
    _known(division)
    if not in_region(caller, division):
        raise Forbidden(f"an officer's endpoint belongs to a division inside {own}")
    return Owner(region=division)


def _named(body: OwnerIn | None) -> Owner:
    given = body or OwnerIn()
    if sum((given.credit_code is not None, given.region is not None, given.operators)) != 1:
        rule = 'exactly one of {"credit_code": …}, {"region": …}, {"operators": true}'
        raise Invalid(f"owner: expected {rule}", field="owner", rule=rule)
    if given.credit_code is not None:
        return Owner(credit_code=credit_code(given.credit_code, "owner.credit_code"))
    if given.operators:
        return Owner(operators=True)
    _known(given.region or "")
    return Owner(region=prefix(given.region or ""))


def _known(division: str) -> None:
    """Raises Invalid for a prefix that is no division's."""
    region(division.ljust(6, "0"), "owner.region")


def _enterprise(caller: Caller, body: OwnerIn | None) -> Owner:
    named = own_enterprise(caller) if body is None or body.credit_code is None else body.credit_code
    if named is None:
        rule = "one of the token's credit codes"
        raise Invalid(f"owner.credit_code: expected {rule}", field="owner.credit_code", rule=rule)
    if not acts_for(caller, named):
        raise Forbidden("the endpoint may only be the caller's own enterprise's")
    return Owner(credit_code=named)
