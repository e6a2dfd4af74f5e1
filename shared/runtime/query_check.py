"""A query parameter that a route does not know is refused: `?regoin=15` must not list everything.

What a route knows is read from the route itself, when it is asked: a start need not make the OpenAPI documents for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import isclass
from typing import get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from starlette.types import Scope

from shared.domain.errors import Invalid
from shared.runtime.auth import check_roles

MOST_ERRORS = 20  # of one request are named
MOST_SHOWN = 100  # characters of a name that we do not know


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


def _repeated(name: str, count: int) -> Invalid:
    return Invalid(f"query parameter {name!r} came {count} times, once is expected", field=name, rule="given once")


def query_parameters(dependant: Dependant) -> QueryParameters:
    """The query parameters of a route and of what it depends on."""
    declared = list(_declared(dependant))
    lists = frozenset(name for name, kind in declared if _takes_list(kind))
    return QueryParameters(frozenset(name for name, _kind in declared), lists)


def _declared(dependant: Dependant) -> Iterator[tuple[str, object]]:
    """Names and types; those of a model are its fields'."""
    for parameter in dependant.query_params:
        kind = parameter.field_info.annotation
        if isclass(kind) and issubclass(kind, BaseModel):
            for name, field in kind.model_fields.items():
                yield field.alias or name, field.annotation
        else:
            yield parameter.alias, kind
    for dependency in dependant.dependencies:
        yield from _declared(dependency)


def _takes_list(kind: object) -> bool:
    return get_origin(kind) is list or any(map(_takes_list, get_args(kind)))


async def check_query(request: Request) -> None:
    """The dependency of every route of a service. Who calls is checked first: an unknown caller learns nothing of names.

    Raises: Unauthorized and Forbidden as the route itself would; Invalid that names each wrong parameter.
    """
    if not request.scope["query_string"]:
        return
    check_roles(request.scope)
    given = Counter(name for name, _value in request.query_params.multi_items())
    wrong = query_parameters(request.scope["route"].dependant).errors(given)[:MOST_ERRORS]
    if wrong:
        first = wrong[0]
        raise Invalid(first.detail, field=first.field, rule=first.rule, also=wrong[1:])


def template(scope: Scope) -> str:
    """The template of the route that answers."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
