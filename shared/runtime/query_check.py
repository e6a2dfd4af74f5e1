"""A query parameter that a route does not know is refused: `?regoin=15` must not list everything.

What a route knows is read from the service's OpenAPI document, which FastAPI makes of the routes themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from fastapi import Request
from starlette.types import Scope

from shared.domain.errors import Invalid
from shared.runtime.auth import check_roles
from shared.runtime.web import OpenApi

MOST_ERRORS = 20  # of one request are named
MOST_SHOWN = 100  # characters of a name that we do not know


@dataclass(frozen=True, slots=True)
class Operation:
    """A route by its method and path template, e.g. GET /alerts/v1/alerts/{alert_id}."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class QueryParameters:
    """What a route declares: every name, and those that may come more than once."""

    names: frozenset[str]
    lists: frozenset[str]

    def errors(self, given: Counter[str]) -> list[Invalid]:
        """What is wrong with the names that came, by how often each did."""
        unknown = [self._unknown(name[:MOST_SHOWN]) for name in given if name not in self.names]
        repeated = [name for name, count in given.items() if count > 1 and name in self.names - self.lists]
        return [*unknown, *(_repeated(name, given[name]) for name in repeated)]

    def _unknown(self, name: str) -> Invalid:
        if not self.names:
            rule = "this route has no query parameters"
            return Invalid(f"unknown query parameter {name!r}: {rule}", field=name, rule=rule)
        (nearest,) = get_close_matches(name, sorted(self.names), n=1, cutoff=0.0)
        rule = f"one of {', '.join(sorted(self.names))}"
        return Invalid(f"unknown query parameter {name!r}: did you mean {nearest!r}?", field=name, rule=rule)


NONE = QueryParameters(frozenset(), frozenset())


def _repeated(name: str, count: int) -> Invalid:
    return Invalid(f"query parameter {name!r} came {count} times, once is expected", field=name, rule="given once")


def read_operations(document: OpenApi) -> Mapping[Operation, QueryParameters]:
    """The query parameters of every operation in an OpenAPI document."""
    found: dict[Operation, QueryParameters] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            declared = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
            lists = frozenset(one["name"] for one in declared if _takes_list(one["schema"]))
            names = frozenset(one["name"] for one in declared)
            found[Operation(method.upper(), path)] = QueryParameters(names, lists)
    return found


def _takes_list(schema: OpenApi) -> bool:
    return any(kind.get("type") == "array" for kind in (schema, *schema.get("anyOf", ())))


class QueryCheck:
    """The dependency of every route of a service. Who calls is checked first: an unknown caller learns nothing of names."""

    def __init__(self, document: OpenApi) -> None:
        self._known = read_operations(document)

    async def __call__(self, request: Request) -> None:
        """Raises: Unauthorized and Forbidden as the route itself would; Invalid that names each wrong parameter."""
        if not request.scope["query_string"]:
            return
        check_roles(request.scope)
        given = Counter(name for name, _value in request.query_params.multi_items())
        known = self._known.get(Operation(request.method, template(request.scope)), NONE)
        wrong = known.errors(given)[:MOST_ERRORS]
        if wrong:
            first = wrong[0]
            raise Invalid(first.detail, field=first.field, rule=first.rule, also=wrong[1:])


def template(scope: Scope) -> str:
    """The whole template of the route that answers: a nested router's route knows only its own part of it."""
    own = getattr(scope.get("route"), "path", None)
    if own is None:
        return "unmatched"
    parts = scope["path"].split("/")
    return "/".join(parts[: len(parts) - own.count("/")]) + str(own)
