"""How a service's routes are made and put together: side by side, not nested, which FastAPI would build twice at a start."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Depends

from shared.runtime.query_check import check_query
from shared.runtime.web import PROBLEMS, operation_id


def api_router(prefix: str, *tags: str) -> APIRouter:
    """An empty router for routes under `prefix`, with the errors and the check of query parameters that all have."""
    return APIRouter(
        prefix=prefix,
        tags=list(tags),
        responses=PROBLEMS,
        generate_unique_id_function=operation_id,
        dependencies=[Depends(check_query)],
    )


def side_by_side(routers: Sequence[APIRouter]) -> APIRouter:
    """One router with the routes of all, in this order."""
    joined = APIRouter()
    for router in routers:
        joined.routes.extend(router.routes)
    return joined
