"""Endpoints: where pushes go. Their owner is shown a secret once, nobody else ever; officers and operators may stop one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.alerts.api.alerts import Reader, Said, page, read_place, times
from services.alerts.channels.base import Channel
from services.alerts.domain.audience import Owner
from services.alerts.domain.contact import ContactPoint
from services.alerts.handlers.endpoints import EndpointService
from services.alerts.store.endpoints import EndpointState, EndpointStore, endpoint, is_owner, new_secret
from services.alerts.store.pushes import PushStore
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Forbidden, Invalid
from shared.domain.identity import credit_code
from shared.domain.region import prefix
from shared.runtime.auth import allow
from shared.runtime.web import MOST_CURSOR, Page

TAG = "推送端点 / Endpoints"
Owning = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER, Role.OPS)]
Supervising = Annotated[Caller, allow(Role.OFFICER, Role.OPS)]


class OwnerIn(BaseModel):
    """Exactly one of them."""

    model_config = ConfigDict(extra="forbid")
    credit_code: str | None = Field(default=None, max_length=18)
    region: str | None = Field(default=None, pattern=r"^\d{2}(\d{2}){0,2}$")
    operators: bool = False


class EndpointIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str = Field(min_length=1, max_length=2048)
    owner: OwnerIn | None = Field(default=None, description="admin only, or to choose one of several credit codes")


def endpoint_routes(
    database: Database,
    endpoints: EndpointService,
    store: EndpointStore,
    pushes: PushStore,
    channel: Channel,
    clock: Clock,
) -> APIRouter:
    """The routes of endpoints; long because it is only wiring."""
    router = APIRouter(tags=[TAG])

    def shown(caller: Caller, endpoint_id: str) -> dict[str, Any]:
        with database.read() as session:
            row = store.load(session, endpoint_id, caller)
            history = store.history(session, [endpoint_id])
            return times(endpoint(row, history.get(endpoint_id, [])))

    @router.post(
        "/endpoints",
        status_code=201,
        summary="登记推送端点，密钥只向所有者显示一次 / Register; its owner is shown the secret once",
    )
    def register(caller: Owning, asked: EndpointIn) -> dict[str, Any]:
        owner = owner_of(caller, asked.owner)
        contact = ContactPoint(channel.kind, asked.url, new_secret())
        channel.validate(contact.address)
        channel.verify(contact)
        with database.transaction() as session:
            by = f"{caller.role}:{caller.subject}"
            endpoint_id = endpoints.register(session, contact, owner, by=by)
        registered = shown(caller, endpoint_id)
        return {**registered, "secret": contact.secret} if is_owner(caller, owner) else registered

    @router.get("/endpoints", summary="推送端点 / Endpoints")
    def list_endpoints(
        caller: Reader,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=MOST_CURSOR)] = None,
    ) -> Page[dict[str, Any]]:
        with database.read() as session:
            rows = store.page(session, caller, after=read_place(cursor), limit=limit + 1)
            history = store.history(session, [row.id for row in rows])
        documents = [times(endpoint(row, history.get(row.id, []))) for row in rows]
        return page([(row.created_at, row.id, document) for row, document in zip(rows, documents, strict=True)], limit)

    @router.get("/endpoints/{endpoint_id}", summary="一个推送端点 / One endpoint")
    def get_endpoint(caller: Reader, endpoint_id: str) -> dict[str, Any]:
        return shown(caller, endpoint_id)

    @router.delete("/endpoints/{endpoint_id}", status_code=204, summary="注销推送端点 / Delete an endpoint")
    def delete_endpoint(caller: Owning, endpoint_id: str) -> None:
        with database.transaction() as session:
            endpoints.delete(session, endpoint_id, caller)

    @router.post("/endpoints/{endpoint_id}/test", status_code=202, summary="试推送 / Push a test event the usual way")
    def test_endpoint(caller: Owning, endpoint_id: str) -> dict[str, Any]:
        with database.transaction() as session:
            push_id = endpoints.test(session, endpoint_id, caller)
            return times(pushes.document(session, push_id, caller))

    @router.post(
        "/endpoints/{endpoint_id}/rotate",
        summary="所有者更换密钥 / New secret for its owner; the old one signs for 24 h",
    )
    def rotate(caller: Owning, endpoint_id: str) -> dict[str, Any]:
        with database.transaction() as session:
            secret = store.rotate(session, endpoint_id, caller, wall_now=clock.wall_now())
        return {**shown(caller, endpoint_id), "secret": secret}

    @router.post("/endpoints/{endpoint_id}/disable", summary="停用 / Stop pushes to it; its owner sees who and why")
    def disable(caller: Supervising, endpoint_id: str, reason: Said) -> dict[str, Any]:
        with database.transaction() as session:
            at = endpoints.disable(session, endpoint_id, caller, text=reason.text)
        return times({"id": endpoint_id, "state": EndpointState.DISABLED.value, "state_at": at})

    @router.post("/endpoints/{endpoint_id}/enable", summary="重新启用 / Enable again")
    def enable(caller: Owning, endpoint_id: str) -> dict[str, Any]:
        with database.transaction() as session:
            endpoints.enable(session, endpoint_id, caller)
        return shown(caller, endpoint_id)

    return router


def owner_of(caller: Caller, asked: OwnerIn | None) -> Owner:
    """Whose the new endpoint is: the caller's own, unless an admin says whose."""
    if caller.role is Role.ADMIN:
        return _named(asked)
    if caller.role is Role.ENTERPRISE:
        return _enterprise(caller, asked)
    if asked is not None and caller.role is Role.OPS:
        raise Forbidden("operators register endpoints of their own only: leave out `owner`")
    if caller.role is Role.OPS:
        return Owner(operators=True)
    region = prefix(asked.region) if asked and asked.region else caller.region or ""
    if not caller.region or not region.startswith(prefix(caller.region)) or (asked and not asked.region):
        raise Forbidden(f"an officer's endpoint belongs to a division inside {caller.region}")
    return Owner(region=prefix(region))


def _named(asked: OwnerIn | None) -> Owner:
    given = asked or OwnerIn()
    if sum((given.credit_code is not None, given.region is not None, given.operators)) != 1:
        rule = 'exactly one of {"credit_code": …}, {"region": …}, {"operators": true}'
        raise Invalid(f"owner: expected {rule}", field="owner", rule=rule)
    if given.credit_code is not None:
        return Owner(credit_code=credit_code(given.credit_code, "owner.credit_code"))
    return Owner(operators=True) if given.operators else Owner(region=prefix(given.region or ""))


def _enterprise(caller: Caller, asked: OwnerIn | None) -> Owner:
    named = asked.credit_code if asked else None
    if named is None and len(caller.credit_codes) == 1:
        named = caller.credit_codes[0]
    if named is None:
        rule = "one of the token's credit codes"
        raise Invalid(f"owner.credit_code: expected {rule}", field="owner.credit_code", rule=rule)
    if named not in caller.credit_codes:
        raise Forbidden("the endpoint may only be the caller's own enterprise's")
    return Owner(credit_code=named)
