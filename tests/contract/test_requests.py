"""schemathesis asks every route of every service what its OpenAPI document allows and what it does not, as an enterprise and as
an officer, in all of its phases: examples, coverage of each rule, random requests, sequences of requests.

A request that fits the document may be refused only by a rule that no schema can say: RULES names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from starlette.types import ASGIApp, Receive, Scope, Send

from services.composition import SERVICES
from tests.support.product import Source
from tests.support.whole import Whole, whole_with_exceedance

EXAMPLES = 2  # random requests of each kind a route; the phase `coverage` asks some 1,400 a service by itself
STREAM = "/alerts/v1/stream"  # never ends
ROLES = ("enterprise", "officer")
READS_ONLY = {("permits", "enterprise")}  # every other route answers 403, whatever is sent
RULES = re.compile(
    "|".join(
        (
            "`next` of (a former answer|this list)",  # a cursor is opaque
            "at most [0-9]+, the newest: go on with",
            "; the nearest is ",  # divisions, industries, kinds, factors: tables
            "^a factor of HJ 212-2017 Annex B",
            "^one of %, 1, g/L",
            r"^18 characters.* \(GB 32100-2015\)$",  # check characters, departments and kinds
            "^18 characters with the check character",
            "^the credit code of an organisation",
            r"^credit code \+ 3 digits",
            "^the one of the address",  # one value beside another
            ", as the address begins$",
            "; it stands already at ",
            "^later than valid_from",
            "^not before ",
            "^from ≤ to$",
            "^two different times",
            "^a day that the calendar has",
            "^convertible to ",
            "^a factor of (air|water)",
            "^its enterprise first",  # what is registered, and whose it is
            "^a permit of this enterprise",
            "^an endpoint of officers",
            "^a division inside ",
            "^CSV, HTML, XLSX or JSON$",
            "^a host of at most 253 characters",  # of a URL
            "^(https|a port|a host|an IPv|neither|no user|http)",
        )
    )
)


class Running:
    """The application of a host that runs: nobody starts or stops it by way of ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_with_exceedance(tmp_path_factory.mktemp("requests"), 4001) as made:
        yield made


@pytest.fixture(scope="module")
def tokens(product: Whole) -> dict[str, str]:
    return {
        "enterprise": product.token("enterprise", credit_codes=[Source(number=4001).code]),
        "officer": product.token("officer", region="15", scopes=["register", "investigate"]),
    }


def configured(token: str) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": f"Bearer {token}"},
            "parameters": {"query.wait": 0},
            "continue-on-failure": True,
            "generation": {"max-examples": EXAMPLES, "database": "none", "no-shrink": True, "deterministic": True},
            "phases": {"stateful": {"max-steps": 3}},
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("service", SERVICES)
def test_no_request_of_any_phase_finds_anything(
    product: Whole, tokens: dict[str, str], service: str, role: str
) -> None:
    path = f"/{service}/v1/openapi.json"
    schema = schemathesis.openapi.from_asgi(path, Running(product.host.app), config=configured(tokens[role]))
    found: list[str] = []
    ran: set[str] = set()
    schema = schema.exclude(path=STREAM)
    if (service, role) in READS_ONLY:
        schema = schema.include(method="GET")
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            found += failures(event.recorder)
            ran.add(event.phase.name.partition("_")[0].lower())
        elif isinstance(event, events.NonFatalError):
            found.append(str(event.info))
        elif isinstance(event, events.FatalError):
            raise event.exception
    assert not found, "\n".join([f"{len(found)} found, the first of them:", *found[:5]])
    assert {"coverage", "fuzzing", "stateful"} <= ran, ran


def failures(recorder: ScenarioRecorder) -> list[str]:
    """What the checks of a scenario found, and the request that shows it."""
    found = []
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.status is not Status.FAILURE or check.failure_info is None:
                continue
            interaction = recorder.interactions.get(case)
            answer = interaction.response if interaction else None
            if check.name == "positive_data_acceptance" and answer and beyond_schemas(answer.json()):
                continue
            shown = f"{answer.status_code} {answer.text[:400]}" if answer else ""
            message = check.failure_info.failure.message
            found.append(f"{recorder.label} {check.name}: {message}\n{check.failure_info.code_sample}\n{shown}")
    return found


def beyond_schemas(problem: dict[str, Any]) -> bool:
    """Whether all that was wrong breaks rules that no schema can say."""
    errors = problem.get("errors") or []
    return bool(errors) and all(RULES.search(error["rule"]) for error in errors)
