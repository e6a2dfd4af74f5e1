"""HTTP of alerts: the inbox, events, endpoints, deliveries, subscriptions, peer notices. Decides nothing; `casework` does."""

from __future__ import annotations

from fastapi import APIRouter

from services.alerts.api.alerts import alert_routes
from services.alerts.api.deliveries import delivery_routes
from services.alerts.api.endpoints import endpoint_routes
from services.alerts.api.events import event_routes
from services.alerts.api.peer_notices import peer_routes
from services.alerts.api.subscriptions import subscription_routes
from services.alerts.channels.guard import Guard
from services.alerts.delivery.event_stream import Feed
from services.alerts.handlers.alerts import Casework
from shared.database import Database
from shared.runtime.web import PROBLEMS

PREFIX = "/alerts/v1"


def routes(database: Database, casework: Casework, guard: Guard, feed: Feed) -> APIRouter:
    """All routes of alerts."""
    router = APIRouter(prefix=PREFIX, responses=PROBLEMS)
    router.include_router(alert_routes(database, casework))
    router.include_router(event_routes(database, feed))
    router.include_router(endpoint_routes(database, casework, guard))
    router.include_router(delivery_routes(database, casework))
    router.include_router(subscription_routes(database, casework))
    router.include_router(peer_routes(database))
    return router
