"""Wiring of alerts: which topic goes to which handler, what runs beside the web server. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from fastapi import APIRouter

from services.alerts.api import TAGS
from services.alerts.api.alerts import alert_routes
from services.alerts.api.deliveries import delivery_routes
from services.alerts.api.endpoints import endpoint_routes
from services.alerts.api.events import event_routes
from services.alerts.api.offices import office_routes
from services.alerts.api.peer_notices import peer_routes
from services.alerts.api.schemas import schema_routes
from services.alerts.api.subscriptions import subscription_routes
from services.alerts.api.webhooks import webhook_routes
from services.alerts.catalogue.loader import load_catalogue
from services.alerts.channels import Channels, all_channels
from services.alerts.channels.base import REFUSALS, Why
from services.alerts.channels.guard import Guard
from services.alerts.channels.webhook import KIND as WEBHOOK
from services.alerts.delivery.attempts import Attempts
from services.alerts.delivery.containment import Step
from services.alerts.delivery.event_stream import EventStream
from services.alerts.delivery.policy import Policy
from services.alerts.delivery.sender import Delivery, NewChannels
from services.alerts.delivery.turns import Turns
from services.alerts.domain.catalogue import UNKNOWN, Level
from services.alerts.domain.decision import Reason
from services.alerts.domain.peer import Reason as PeerReason
from services.alerts.domain.retry import STANDARD, Schedule
from services.alerts.handlers.alerts import AlertService
from services.alerts.handlers.digests import Digests
from services.alerts.handlers.endpoint_counts import EndpointCounts, FailingEndpoints
from services.alerts.handlers.endpoints import EndpointService
from services.alerts.handlers.peer_notices import PeerNotices
from services.alerts.handlers.pushes import PushService
from services.alerts.handlers.registry import RegistryRecords
from services.alerts.handlers.risk_records import IGNORED, RiskRecords
from services.alerts.handlers.routing import Routing
from services.alerts.store.alerts import AlertStore
from services.alerts.store.digests import DigestStore
from services.alerts.store.endpoints import EndpointStore
from services.alerts.store.offices import OfficeStore
from services.alerts.store.peer_facts import PeerStore
from services.alerts.store.push_queue import PushQueue
from services.alerts.store.pushes import PushStore
from services.alerts.store.subscriptions import SubscriptionStore
from services.alerts.store.tables import LEASE, OUTBOX, PROGRESS
from shared.commit_signal import CommitSignal
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.events import REGISTRY, RISKS
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.runtime.consuming import Consumption
from shared.runtime.metrics import Metrics, begin
from shared.runtime.routes import side_by_side
from shared.runtime.secrets import Sealer
from shared.runtime.service import Context, Job, LoopWorker, Service

NAME = "alerts"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service consists of. Only the wiring holds it: everything else is handed the parts that it needs."""

    database: Database
    clock: Clock
    metrics: Metrics
    signal: CommitSignal
    kinds: frozenset[str]
    alert_store: AlertStore
    endpoint_store: EndpointStore
    push_store: PushStore
    subscription_store: SubscriptionStore
    offices: OfficeStore
    pushes: PushService
    routing: Routing
    counts: EndpointCounts
    alerts: AlertService
    endpoints: EndpointService
    digests: Digests
    peer_notices: PeerNotices
    risk_records: RiskRecords
    registry_records: RegistryRecords


def parts(
    database: Database,
    sealer: Sealer,
    clock: Clock,
    metrics: Metrics,
    *,
    public_url: str = "",
    schedule: Schedule = STANDARD,
) -> Parts:
    """The parts, each with those that it works with; long because it is only wiring."""
    alert_store, endpoint_store, push_store = AlertStore(), EndpointStore(sealer), PushStore()
    subscription_store, digest_store, peer_facts, offices = (
        SubscriptionStore(),
        DigestStore(),
        PeerStore(),
        OfficeStore(),
    )
    signal, counts, catalogue = CommitSignal(), EndpointCounts(clock), load_catalogue()
    pushes = PushService(push_store, clock, signal, schedule)
    routing = Routing(endpoint_store, push_store, clock, subscription_store, digest_store)
    alerts = AlertService(
        catalogue=catalogue,
        store=alert_store,
        peer_facts=peer_facts,
        offices=offices,
        routing=routing,
        pushes=pushes,
        clock=clock,
        metrics=metrics,
        public_url=public_url,
    )
    return Parts(
        database=database,
        clock=clock,
        metrics=metrics,
        signal=signal,
        kinds=frozenset(catalogue.entries) - {UNKNOWN},
        alert_store=alert_store,
        endpoint_store=endpoint_store,
        push_store=push_store,
        subscription_store=subscription_store,
        offices=offices,
        pushes=pushes,
        routing=routing,
        counts=counts,
        alerts=alerts,
        endpoints=EndpointService(endpoint_store, subscription_store, pushes, counts, clock),
        digests=Digests(database, digest_store, endpoint_store, routing, pushes, public_url),
        peer_notices=PeerNotices(database, clock, metrics, pushes, public_url=public_url),
        risk_records=RiskRecords(alerts, alert_store, clock, metrics),
        registry_records=RegistryRecords(peer_facts),
    )


def router(of: Parts, channels: Channels, event_stream: EventStream) -> APIRouter:
    """All routes, each resource with the parts that it needs."""
    database = of.database
    resources = (
        alert_routes(database, of.alerts, of.alert_store, of.push_store, of.clock, of.kinds),
        event_routes(database, event_stream),
        endpoint_routes(
            database, of.endpoints, of.endpoint_store, of.push_store, channels[WEBHOOK], of.clock, of.kinds
        ),
        delivery_routes(database, of.push_store, of.pushes),
        subscription_routes(database, of.subscription_store, of.endpoint_store, of.clock, of.kinds),
        peer_routes(database),
        office_routes(database, of.offices, of.clock),
        schema_routes(),
    )
    return side_by_side(resources)


def delivery(of: Parts, new_channels: NewChannels, policy: Policy) -> Delivery:
    """The sender over the parts."""
    turns = Turns(
        database=of.database,
        queue=PushQueue(lease=policy.lease, fail_for=policy.fail_for),
        alerts=of.alerts,
        pushes=of.push_store,
        counts=of.counts,
        clock=of.clock,
        metrics=of.metrics,
        policy=policy,
    )
    attempts = Attempts(of.endpoint_store, of.clock, of.metrics, policy)
    return Delivery(turns, attempts, of.signal, new_channels, policy)


def build(context: Context, *, policy: Policy | None = None) -> Service:
    """The service, wired."""
    database, settings = context.database(NAME), context.settings
    guard = Guard(settings.allow_private_targets, ports=settings.push_ports)
    of = parts(database, context.sealer, context.clock, context.metrics, public_url=settings.public_url or "")
    event_stream = EventStream(database)

    _begin_metrics(context.metrics, of.kinds | {UNKNOWN})
    sender = delivery(of, lambda: all_channels(guard), policy or Policy())
    return Service(
        name=NAME,
        router=router(of, all_channels(guard), event_stream),
        database=database,
        progress=Progress(PROGRESS),
        outbox=Outbox(OUTBOX),
        outbox_table=OUTBOX,
        lease_table=LEASE,
        consumptions=[
            Consumption("alerts-register", {REGISTRY: of.registry_records.take}),
            Consumption("alerts", {RISKS: of.risk_records.take}),
        ],
        jobs=[
            Job("alerts-peers", of.peer_notices.run),
            Job("alerts-digests", of.digests.run),
            Job("alerts-endpoints", FailingEndpoints(database, of.counts).run),
        ],
        workers=[LoopWorker("alerts-delivery", sender.run), event_stream],
        tags=TAGS,
        webhooks=webhook_routes(),
    )


def _begin_metrics(metrics: Metrics, kinds: Collection[str]) -> None:
    """Every counter stands at 0 for what may come."""
    later = [why.value for why in Why if why is not Why.OK and why not in REFUSALS]
    begin(metrics.delivery_attempts, [WEBHOOK], ["delivered"], [Why.OK.value])
    begin(metrics.delivery_attempts, [WEBHOOK], ["refused"], [why.value for why in REFUSALS])
    begin(metrics.delivery_attempts, [WEBHOOK], ["later"], later)
    begin(metrics.delivery_failures, list(Step))
    begin(metrics.push_decisions, [*Reason, IGNORED, *(f"peer_{reason.value}" for reason in PeerReason)])
    begin(metrics.alerts_issued, kinds, [level.value for level in Level])
