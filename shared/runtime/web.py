"""What every route shares: errors as RFC 9457 problem+json, keyset cursors, list answers. Alone knows HTTP numbers."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from http import HTTPStatus
from math import isfinite
from typing import Any, Generic, TypeAlias, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from shared.domain.error_words import NOT_FITTING, field_zh, rule_zh, sentence_zh, title_zh
from shared.domain.errors import (
    Ahead,
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from shared.runtime.unrouted import allowed_methods, method_not_allowed, no_such_path

log = structlog.get_logger(__name__)
Item = TypeVar("Item")

STATUS: dict[type[DomainError], int] = {
    Ahead: 410,
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
    Forbidden: 403,
    Unauthorized: 401,
    RateLimited: 429,
    Unreachable: 503,
}
MEDIA = "application/problem+json"
SCHEMAS = "#/components/schemas/{model}"
SECRET_WORDS = ("password", "secret", "token")
MOST_SHOWN = 200  # characters of what came, in an error
CURSOR = re.compile("[A-Za-z0-9_-]*")  # base64url, as `cursor` makes them
MOST_CURSOR = 1000  # characters; a key of two names of 64 characters of any script makes some 700


Scalar: TypeAlias = str | int | float | bool | None


class FieldProblem(BaseModel):
    """What is wrong in one place: its path, what came (never a secret), and what was expected, in Chinese too."""

    field: str
    value: Scalar = None
    rule: str
    rule_zh: str

    @classmethod
    def of(cls, field: str, value: Scalar, rule: str) -> FieldProblem:
        """The same, with the Chinese of the rule."""
        return cls(field=field, value=value, rule=rule, rule_zh=_writable(rule_zh(rule)) or NOT_FITTING)


class Problem(BaseModel):
    """RFC 9457; `code` is fixed per kind of wrong. `title` and `detail` are English, `title_zh` and `detail_zh` say the same in
    Chinese. `errors` names field, value and rule; `request_id` is also the header X-Request-Id."""

    type: str = "about:blank"
    title: str
    title_zh: str
    status: int
    detail: str
    detail_zh: str
    code: str
    errors: list[FieldProblem] | None = None
    request_id: str | None = None


OpenApi: TypeAlias = dict[str, Any]  # a document, or a part of one, as FastAPI gives and takes it


RETRY_AFTER: OpenApi = {
    "Retry-After": {
        "description": "秒数，此后再试 / whole seconds after which to try again",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}


def problems(*statuses: int) -> dict[int | str, OpenApi]:
    """What OpenAPI says of these errors."""
    content = {MEDIA: {"schema": {"$ref": SCHEMAS.format(model=Problem.__name__)}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        | ({"headers": RETRY_AFTER} if status in (429, 503) else {})
        for status in statuses
    }


def problem_schemas() -> OpenApi:
    """The schemas that `problems` refers to, for the document's components."""
    schema = Problem.model_json_schema(ref_template=SCHEMAS)
    return {**schema.pop("$defs"), Problem.__name__: schema}


def errors_are_problems(document: OpenApi) -> OpenApi:
    """The OpenAPI document with problem+json where a route names the model of an error by itself."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status >= "400" and "application/json" in answer.get("content", {}):
                    answer["content"] = {MEDIA: answer["content"]["application/json"]}
    return document


PROBLEMS = problems(401, 403, 404, 409, 422, 429, 503)


class Refused(HTTPException):
    """A request that is turned away for what it costs; `code` names why."""

    def __init__(self, status: int, detail: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.code = code


class Page(BaseModel, Generic[Item]):
    """A page of a list; `next` is the cursor of the following page, null at the end."""

    items: list[Item]
    next: str | None = None


def named_pages(document: OpenApi) -> OpenApi:
    """The OpenAPI document with a plain name for each page of a list: `AlertPage` for `Page[Alert]`."""
    text = json.dumps(document, ensure_ascii=False)
    for before in [name for name in document["components"]["schemas"] if name.startswith("Page_")]:
        after = before.removeprefix("Page_").removesuffix("_").removesuffix("Out") + "Page"
        text = text.replace(f'"{before}"', f'"{after}"').replace(f'/{before}"', f'/{after}"')
    named: OpenApi = json.loads(text)
    for name, schema in named["components"]["schemas"].items():
        schema["title"] = name
    return named


def operation_id(route: APIRoute) -> str:
    """A route's function is what clients call its operation."""
    return route.name


def cursor(*key: object) -> str:
    """An opaque cursor that stands behind the row with this key."""
    return urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def read_cursor(text: str | None, *kinds: type[int] | type[str]) -> list[Any] | None:
    """The key in a cursor whose parts are of these kinds, in this order; raises Invalid for one that we did not give."""
    if not text:
        return None
    if len(text) > MOST_CURSOR:
        detail = f"cursor of {len(text)} characters, at most {MOST_CURSOR}"
        raise Invalid(detail, field="cursor", value=text, rule="`next` of a former answer")
    try:
        if not CURSOR.fullmatch(text):
            raise ValueError("no base64url")
        key = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as wrong:
        raise Invalid(
            f"cursor {text!r} is not one of ours", field="cursor", value=text, rule="`next` of a former answer"
        ) from wrong
    if not isinstance(key, list) or len(key) != len(kinds) or not all(map(_fits, key, kinds)):
        raise Invalid(
            f"cursor {text!r} is not one of this list", field="cursor", value=text, rule="`next` of this list"
        )
    return key


def written_time(value: object) -> object:
    """Refuses a bare number, which would be read as seconds since 1970."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and "-" in value[1:]):
        raise ValueError("expected a time of RFC 3339 with its offset, 2026-11-20T09:00:00+08:00")
    return value


def _fits(part: object, kind: type) -> bool:
    """Whether a database takes the part: a whole number of 64 bits, a text that can be shown."""
    if kind is int:
        return type(part) is int and abs(part) < 2**62
    return isinstance(part, str) and part.isprintable()


def problem(
    status: int,
    detail: str,
    code: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem+json answer."""
    detail_zh = field_zh(errors[0].field, errors[0].rule) if errors else sentence_zh(code, detail)
    body = Problem(
        title=HTTPStatus(status).phrase,
        title_zh=title_zh(code),
        status=status,
        detail=_writable(detail),
        detail_zh=_writable(detail_zh),
        code=code,
        errors=list(errors) or None,
    )
    return problem_answer(body, headers)


def problem_answer(body: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer that a problem, or one of its kinds that says more, leaves as."""
    known = body.model_copy(update={"request_id": structlog.contextvars.get_contextvars().get("request_id")})
    without = {name for name in ("errors", "request_id") if getattr(known, name) is None}
    content = known.model_dump(mode="json", exclude=without)
    return JSONResponse(content, body.status, dict(headers or {}), media_type=MEDIA)


def install_problems(app: FastAPI, paths: Callable[[], Collection[str]] = tuple) -> None:
    """Every error of every route leaves as problem+json. `paths`: gives templates of those there are, to name the nearest
    of; it is called when a request finds none."""
    app.state.paths = paths
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _domain(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    headers = {}
    if isinstance(error, Unreachable | RateLimited):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    errors: list[FieldProblem] = []
    if isinstance(error, Invalid) and error.field:
        errors = [
            FieldProblem.of(_writable(one.field), _short(one.value), _writable(one.rule or one.detail))
            for one in (error, *error.also)
        ]
    return problem(status, error.detail, error.code, errors, headers)


def _validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [FieldProblem.of(_path(e["loc"]), _came(e), _rule(e)) for e in error.errors()]
    return problem(422, f"{errors[0].field}: {errors[0].rule}", "invalid", errors)


def _path(loc: Sequence[int | str]) -> str:
    """`outlets[0].limits[2].limit`; the body as a whole is `body`."""
    path = ""
    for part in loc[1:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return _writable(path.removeprefix(".")) or str(loc[0])


def _rule(error: ErrorDetails) -> str:
    """What was expected; of a closed set of values also the nearest."""
    rule = _writable(error["msg"].removeprefix("Value error, "))
    came, known = error.get("input"), re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    if error["type"] not in ("enum", "literal_error") or not isinstance(came, str) or not known:
        return rule
    (nearest,) = get_close_matches(came, known, n=1, cutoff=0.0)
    return f"{rule}; the nearest is {nearest}"


def _came(error: ErrorDetails) -> Scalar:
    """What came at the wrong place, null where nothing did; never a secret, and never what stands under a name we do not know."""
    name = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "")
    hidden = error["type"] in ("extra_forbidden", "missing") or any(word in name.lower() for word in SECRET_WORDS)
    return None if hidden else _short(error.get("input"))


def _short(value: object) -> Scalar:
    """What came, as JSON where it is an object or a list; cut where it is large, null where it may hold a secret."""
    if isinstance(value, str):
        return _cut(_writable(value))
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, default=str)
        return None if any(word in text.lower() for word in SECRET_WORDS) else _cut(_writable(text))
    if not isinstance(value, int | float | bool | None):
        return None  # bytes of a body that is no JSON
    if isinstance(value, int) and len(str(value)) > MOST_SHOWN:
        return _cut(str(value))
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # JSON has no word for it
    return value


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def _writable(text: str) -> str:
    """A lone surrogate from a JSON escape cannot leave as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and isinstance(error.__cause__, RecursionError | ValueError):
        # FastAPI answers 400 when parsing fails in any way but a syntax error, which is 422
        rule = "UTF-8 JSON nested a few levels deep, with numbers of ordinary length"
        return problem(422, f"the body is not {rule}", "invalid", [FieldProblem.of("body", "bytes", rule)])
    phrase = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    code = error.code if isinstance(error, Refused) else phrase
    if error.status_code == 404:
        return problem(404, no_such_path(request), code)
    if error.status_code == 405:  # raised by the first route of the path, which knows its own methods only
        allowed = allowed_methods(request)
        return problem(405, method_not_allowed(request, allowed), code, headers={"Allow": ", ".join(allowed)})
    return problem(error.status_code, str(error.detail), code, headers=error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("a request failed unexpectedly", path=request.url.path, error=type(error).__name__, exc_info=error)
    named = {
        name: request.scope[name] for name in ("x-request-id",) if name in request.scope
    }  # made outside RequestLog
    return problem(500, "an unexpected error; it was logged", "unexpected", headers=named)
