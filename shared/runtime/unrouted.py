"""The detail for a request that no route answers: which methods its path has, or which path is the nearest."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from fastapi import Request
from starlette.routing import Match

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
MOST_SHOWN = 200  # characters of a path, in an error


def allowed_methods(request: Request) -> list[str]:
    """The methods that are answered at the request's path, whichever of its routes has them."""
    routes = request.app.router.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def method_not_allowed(request: Request, allowed: Collection[str]) -> str:
    """`DELETE is not a method of /alerts/v1/alerts: allowed are GET`."""
    return f"{request.method[:20]} is not a method of {_path(request)}: allowed are {', '.join(allowed)}"


def no_such_path(request: Request) -> str:
    """`no such path /alerts/v1/alert: the nearest is /alerts/v1/alerts`."""
    path = _path(request)
    known = {_filled(template, path): template for template in request.app.state.paths()}
    nearest = [known[one] for one in get_close_matches(path, known, n=1, cutoff=0.0)]
    return f"no such path {path}: " + (f"the nearest is {nearest[0]}" if nearest else "see /docs for those there are")


def _filled(template: str, path: str) -> str:
    """The template with the path's own parts where it has parameters, so that a long id does not outweigh the words."""
    parts = template.split("/")
    came = path.split("/") + [""] * len(parts)
    return "/".join(there if part.startswith("{") else part for part, there in zip(parts, came, strict=False))


def _path(request: Request) -> str:
    path = request.url.path
    return path if len(path) <= MOST_SHOWN else path[: MOST_SHOWN - 1] + "…"
