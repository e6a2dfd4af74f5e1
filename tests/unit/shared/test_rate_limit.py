"""A token over its budget gets 429 with Retry-After; others, and its bodies of packets, do not feel it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pytest
import structlog
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from shared.access import Caller, Role
from shared.domain.budget import Budget
from shared.runtime.auth import Authentication, SigningKey, Verifier, allow, claims, signing_key
from shared.runtime.metrics import Metrics
from shared.runtime.rate_limit import Budgets, RateLimits, Reason
from shared.runtime.web import MEDIA, install_problems

NOW = datetime(2026, 11, 20, tzinfo=UTC)
CALLER = Caller(Role.OFFICER, "desk", region="15")
METRIC = "yujing_http_rate_limited_total"


@dataclass
class Ring:
    """The one key."""

    key: SigningKey

    def public_key(self, kid: str) -> str | None:
        return self.key.public_pem() if kid == self.key.kid else None

    def revoked(self, _jti: str) -> bool:
        return False


@dataclass
class LimitedSite:
    """An app of three routes; `at_s` is its clock."""

    key: SigningKey
    metrics: Metrics = field(default_factory=Metrics)
    budgets: Budgets = field(
        default_factory=lambda: Budgets({Reason.CALLS: Budget(2, 4), Reason.PACKETS: Budget(5, 6)})
    )
    at_s: float = 1000.0
    bodies: int = 0

    def __post_init__(self) -> None:
        app = FastAPI()
        app.state.verifier = Verifier(Ring(self.key), lambda: NOW)
        install_problems(app)

        @app.get("/things")
        def things(_caller: Annotated[Caller, allow(Role.OFFICER)]) -> str:
            return "here"

        @app.post("/packets")
        @app.post("/things")
        def put(_caller: Annotated[Caller, allow(Role.OFFICER)], body: list[int]) -> int:
            self.bodies += 1
            return len(body)

        @app.get("/open")
        def open_to_all() -> str:
            return "open"

        packets = frozenset({"/packets"})
        app.add_middleware(
            RateLimits,
            budgets=self.budgets,
            packet_paths=packets,
            metrics=self.metrics,
            monotonic=lambda: self.at_s,
        )
        app.add_middleware(Authentication)
        self.client = TestClient(app)

    def token(self, caller: Caller = CALLER) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key.sign(claims(caller, now=NOW))}"}

    def counted(self, reason: str, role: str) -> float | None:
        return self.metrics.registry.get_sample_value(METRIC, {"reason": reason, "role": role})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LimitedSite]:
    yield LimitedSite(signing_key(tmp_path / "key"))


def calls(site: LimitedSite, headers: dict[str, str], count: int, path: str = "/things") -> list[Response]:
    return [site.client.get(path, headers=headers) for _ in range(count)]


def statuses(answers: list[Response]) -> list[int]:
    return [one.status_code for one in answers]


def test_a_token_over_its_budget_is_refused_and_learns_when_to_come_again(site: LimitedSite) -> None:
    token = site.token()
    answers = calls(site, token, 5)
    assert statuses(answers) == [200] * 4 + [429]
    refused = answers[-1]
    assert (refused.headers["content-type"], refused.headers["retry-after"]) == (MEDIA, "1")  # 0.5 s in whole seconds
    assert refused.json()["code"] == "rate-limited"
    assert "2 calls a second, 4 at once" in refused.json()["detail"]
    site.at_s += 1
    assert statuses(calls(site, token, 3)) == [200, 200, 429]


def test_each_token_has_its_own_budget_also_two_of_one_subject(site: LimitedSite) -> None:
    first, second = site.token(), site.token()
    assert statuses(calls(site, first, 5))[-1] == 429
    assert statuses(calls(site, second, 4)) == [200] * 4


def test_bodies_of_packets_have_a_budget_of_their_own(site: LimitedSite) -> None:
    token = site.token()
    assert statuses(calls(site, token, 5))[-1] == 429
    sent = [site.client.post("/packets", json=[1], headers=token) for _ in range(7)]
    assert statuses(sent) == [200] * 6 + [429]
    assert "(packets)" in sent[-1].json()["detail"]


def test_a_refused_call_is_not_read(site: LimitedSite) -> None:
    token = site.token()
    calls(site, token, 4)
    refused = site.client.post("/things", content=b"no json", headers=token)
    assert (refused.status_code, site.bodies) == (429, 0)


def test_who_has_no_valid_token_and_open_routes_are_not_counted(site: LimitedSite) -> None:
    assert statuses(calls(site, {"authorization": "Bearer x"}, 6)) == [401] * 6
    assert statuses(calls(site, {}, 6, "/open")) == [200] * 6
    assert len(site.budgets) == 0


def test_refusals_are_counted_by_reason_and_role(site: LimitedSite) -> None:
    calls(site, site.token(), 6)
    assert site.counted("calls", "officer") == 2
    assert site.counted("packets", "officer") is None


def test_one_line_a_minute_names_who_and_never_the_token(site: LimitedSite) -> None:
    token = site.token()
    with structlog.testing.capture_logs() as logged:
        calls(site, token, 8)
        calls(site, site.token(), 5)
    lines = [one for one in logged if one["event"] == "a token has used up its budget of calls"]
    assert [(one["subject"], one["role"], one["reason"]) for one in lines] == [("desk", "officer", "calls")] * 2
    assert lines[0]["token_id"] != lines[1]["token_id"]
    assert token["authorization"].split()[1] not in str(logged)


def test_full_buckets_are_forgotten(site: LimitedSite) -> None:
    for _ in range(20):
        calls(site, site.token(), 1)
    assert len(site.budgets) == 20
    site.at_s += 61
    calls(site, site.token(), 1)
    assert len(site.budgets) == 1
