"""HTTP of alerts: the inbox, events, endpoints, deliveries, subscriptions, peer notices. Decides nothing; handlers do."""

from __future__ import annotations

from fastapi import APIRouter

from shared.runtime.web import PROBLEMS

PREFIX = "/alerts/v1"


def routes(*resources: APIRouter) -> APIRouter:
    """The routes of all resources, in this order."""
    router = APIRouter(prefix=PREFIX, responses=PROBLEMS)
    for resource in resources:
        router.include_router(resource)
    return router
