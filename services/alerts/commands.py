"""alerts, deliveries, endpoints list: what the API's lists show, on the command line of who owns the data folder."""

from __future__ import annotations

from typing import Annotated

import typer

from services.alerts.api.alerts import alert_page
from services.alerts.api.deliveries import delivery_page
from services.alerts.api.endpoints import endpoint_page
from services.alerts.api.responses import DeliveryOut, DivisionOwner, EndpointOut, EnterpriseOwner
from services.alerts.domain.alert import Status
from services.alerts.domain.catalogue import Level
from services.alerts.domain.endpoint_state import EndpointState
from services.alerts.store.alerts import AlertFilter, AlertStore
from services.alerts.store.endpoints import EndpointStore
from services.alerts.store.pushes import PushFilter, PushState, PushStore
from services.alerts.store.sql_types import StoredDocument
from shared.runtime.service import OpenService
from shared.runtime.terminal import OWNER, AsJson, plain_errors, print_result
from shared.runtime.web import Item, Page

Limit = Annotated[int, typer.Option(min=1, max=500, help="最多几条 / at most so many")]
Cursor = Annotated[str | None, typer.Option(help="上一页的 next / `next` of the page before")]
OfStatus = Annotated[Status | None, typer.Option("--status", help="状态")]
OfLevel = Annotated[Level | None, typer.Option("--level", help="级别")]
OfKind = Annotated[str | None, typer.Option("--kind", help="种类 / such as emission.exceeded")]
InRegion = Annotated[str | None, typer.Option("--region", help="行政区划前缀 / division prefix")]
Overdue = Annotated[bool, typer.Option("--overdue", help="反馈逾期 / an answer was due")]
OfEndpoint = Annotated[str | None, typer.Option("--endpoint", help="端点编号 / an endpoint's id")]
OfAlert = Annotated[str | None, typer.Option("--alert", help="预警编号 / an alert's id")]
PushStates = Annotated[PushState | None, typer.Option("--state", help="推送状态")]
EndpointStates = Annotated[EndpointState | None, typer.Option("--state", help="端点状态 / such as failing")]


def add_commands(app: typer.Typer, open_service: OpenService) -> None:
    """Add the verbs of this service; long because it is only wiring. `open_service`: its context and its database."""
    alerts = typer.Typer(no_args_is_help=True, help="预警 / Alerts.")
    deliveries = typer.Typer(no_args_is_help=True, help="推送 / Deliveries.")
    endpoints = typer.Typer(no_args_is_help=True, help="推送端点 / Endpoints.")
    for name, group in (("alerts", alerts), ("deliveries", deliveries), ("endpoints", endpoints)):
        group.callback()(_group)  # without one, a group of one verb would be that verb
        app.add_typer(group, name=name)

    @alerts.command("list")
    def list_alerts(
        status: OfStatus = None,
        level: OfLevel = None,
        kind: OfKind = None,
        region: InRegion = None,
        overdue: Overdue = False,
        limit: Limit = 50,
        cursor: Cursor = None,
        as_json: AsJson = False,
    ) -> None:
        """预警列表，最新在前 / Alerts, newest first."""
        filter = AlertFilter(status=status, level=level, kind=kind, region=region, overdue=overdue)
        with plain_errors(), open_service() as (context, database), database.read() as session:
            now = context.clock.field_now()
            page = alert_page(session, AlertStore(), OWNER, filter, limit=limit, cursor=cursor, now=now)
        _print(page, [_alert_line(one) for one in page.items], as_json=as_json)

    @deliveries.command("list")
    def list_deliveries(
        endpoint: OfEndpoint = None,
        state: PushStates = None,
        alert: OfAlert = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        as_json: AsJson = False,
    ) -> None:
        """推送记录，最新在前 / Deliveries with their attempts, newest first."""
        filter = PushFilter(endpoint, state, alert)
        with plain_errors(), open_service() as (_context, database), database.read() as session:
            page = delivery_page(session, PushStore(), OWNER, filter, limit=limit, cursor=cursor)
        _print(page, [_delivery_line(one) for one in page.items], as_json=as_json)

    @endpoints.command("list")
    def list_endpoints(
        state: EndpointStates = None, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False
    ) -> None:
        """推送端点 / Endpoints, in order of their registration; never a secret."""
        with plain_errors(), open_service() as (context, database), database.read() as session:
            store, now = EndpointStore(context.sealer), context.clock.wall_now()
            page = endpoint_page(session, store, OWNER, state, limit=limit, cursor=cursor, now=now)
        _print(page, [_endpoint_line(one) for one in page.items], as_json=as_json)


def _group() -> None:
    """A group of verbs."""


def _print(page: Page[Item], lines: list[str], *, as_json: bool) -> None:
    """The page as the API answers it, or a line each."""
    if as_json:
        print_result(page.model_dump(mode="json", by_alias=True), as_json=True)
        return
    for line in lines:
        typer.echo(line)
    more = f"; 下一页 next page: --cursor {page.next}" if page.next else ""
    typer.echo(f"{len(lines)} 条 / {len(lines)} shown{more}")


def _alert_line(one: StoredDocument) -> str:
    return f"{one['opened_at']}  {one['level']:<6}  {one['status']:<12}  {one['kind']:<20}  {one['id']}  {one['headline']['zh']}"


def _delivery_line(one: DeliveryOut) -> str:
    last = one.attempts[-1].reason if one.attempts else "-"
    return (
        f"{one.created_at}  {one.state.value:<9}  {len(one.attempts)} 次 attempts  {last:<15}  {one.id}  "
        f"{one.endpoint}  {one.alert or one.event}"
    )


def _endpoint_line(one: EndpointOut) -> str:
    owner = one.owner
    if isinstance(owner, EnterpriseOwner):
        whose = owner.credit_code
    else:
        whose = owner.region if isinstance(owner, DivisionOwner) else "operators"
    since = f"  自 since {one.failing_since}" if one.failing_since else ""
    return f"{one.id}  {one.state.value:<8}  {one.state_reason or '-':<13}  {whose:<18}  {one.url}{since}"
