"""Wiring of alerts: which topic goes to which handler, what runs beside the web server. Decides nothing."""

from __future__ import annotations

from services.alerts.api import routes
from services.alerts.catalogue.loader import load_catalogue
from services.alerts.channels.guard import Guard
from services.alerts.channels.webhook import Webhooks
from services.alerts.delivery.event_stream import Feed
from services.alerts.delivery.sender import Delivery, Policy
from services.alerts.handlers.alerts import Casework
from services.alerts.handlers.digests import Digests
from services.alerts.handlers.peer_notices import Peers
from services.alerts.handlers.risk_records import Handlers
from services.alerts.store.alerts import AlertStore
from services.alerts.store.endpoints import EndpointStore
from services.alerts.store.push_queue import PushQueue
from services.alerts.store.pushes import PushStore
from services.alerts.store.tables import LEASE, OUTBOX, PROGRESS
from shared.commit_signal import Hint
from shared.domain.events import REGISTRY, RISKS
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.runtime.consuming import Consumption
from shared.runtime.service import Context, Job, LoopWorker, Service

NAME = "alerts"


def build(context: Context, *, policy: Policy | None = None) -> Service:
    """The service, wired."""
    database, settings = context.database(NAME), context.settings
    guard = Guard(settings.allow_private_targets, ports=settings.push_ports)
    casework = Casework(
        catalogue=load_catalogue(),
        alerts=AlertStore(),
        endpoints=EndpointStore(context.sealer),
        pushes=PushStore(),
        clock=context.clock,
        metrics=context.metrics,
        hint=Hint(),
        public_url=settings.public_url or "",
    )
    handlers = Handlers(casework)
    peers = Peers(database, context.clock, context.metrics, casework.hint)
    policy = policy or Policy()
    feed = Feed(database)
    delivery = Delivery(
        database=database,
        queue=PushQueue(lease=policy.lease, fail_for=policy.fail_for),
        casework=casework,
        channel=lambda: Webhooks(guard),
        clock=context.clock,
        metrics=context.metrics,
        policy=policy,
    )
    return Service(
        name=NAME,
        router=routes(database, casework, guard, feed),
        database=database,
        progress=Progress(PROGRESS),
        outbox=Outbox(OUTBOX),
        outbox_table=OUTBOX,
        lease_table=LEASE,
        consumptions=[
            Consumption("alerts-register", {REGISTRY: handlers.take_register}),
            Consumption("alerts", {RISKS: handlers.take_risks}),
        ],
        jobs=[Job("alerts-peers", peers.run), Job("alerts-digests", Digests(database, casework).run)],
        workers=[LoopWorker("alerts-delivery", delivery.run), feed],
    )
