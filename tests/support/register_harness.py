"""The permits service on real parts in one process: SQLite, the embedded log, its routes behind a test client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from services.permits.service import build
from services.permits.store.tables import PermitsOutbox
from shared.access import Caller, Role
from shared.domain.clock import Clock
from shared.runtime.auth import SigningKey, Verifier, claims, signing_key
from shared.runtime.body_limit import BodyLimits
from shared.runtime.service import Context, Service
from shared.runtime.web import install_problems
from tests.support.clients import client_of
from tests.support.contexts import a_context, migrated
from tests.support.product import Source

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai


@dataclass
class ManualClock:
    """A clock that is set by hand."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at


@dataclass
class Ring:
    """Keys and revocations as the register has published them so far."""

    office: RegisterHarness

    def public_key(self, kid: str) -> str | None:
        return self.office.key.public_pem() if kid == self.office.key.kid else None

    def revoked(self, jti: str) -> bool:
        return any(event["subject"] == f"revocation:{jti}" for event in self.office.published())


@dataclass
class RegisterHarness:
    """The service, and what it published."""

    context: Context
    service: Service
    key: SigningKey
    clock: ManualClock
    app: FastAPI = field(default_factory=FastAPI)

    def client(self, role: Role = Role.ADMIN, **scope: Any) -> TestClient:
        body = claims(Caller(role, scope.pop("subject", role.value), **scope), now=self.clock.at)
        return self.bare({"Authorization": f"Bearer {self.key.sign(body)}"})

    def bare(self, headers: dict[str, str] | None = None) -> TestClient:
        return client_of(self.app, headers)

    def register(self, *sources: Source) -> TestClient:
        """Put each source's enterprise and permit; an admin's client."""
        admin = self.client()
        for source in sources:
            put(admin, f"/permits/v1/enterprises/{source.code}", source.enterprise())
            put(admin, f"/permits/v1/permits/{source.permit}", source.document())
        return admin

    def published(self, subject: str | None = None, topic: str = "registry") -> list[dict[str, Any]]:
        """Events for one topic in the outbox, in order."""
        with self.service.database.read() as session:
            rows = session.exec(select(PermitsOutbox).order_by(PermitsOutbox.id)).all()  # type: ignore[arg-type]
        events = [json.loads(row.value or b"{}") for row in rows if row.topic == topic]
        return [event for event in events if subject is None or event["subject"] == subject]

    def tomorrow(self, days: int = 1) -> None:
        self.clock.at += timedelta(days=days)


@contextmanager
def register_harness(folder: Path, database_url: str | None = None) -> Iterator[RegisterHarness]:
    clock = ManualClock()
    context = migrated(a_context(folder, Clock(clock.now, clock.now), database_url=database_url), "permits")
    service = build(context)
    opened = RegisterHarness(context, service, signing_key(context.settings.signing_key), clock)
    opened.app.state.verifier = Verifier(Ring(opened), clock.now)
    install_problems(opened.app)
    opened.app.add_middleware(BodyLimits, metrics=context.metrics)
    opened.app.router.routes.extend(service.router.routes)
    try:
        yield opened
    finally:
        service.database.close()
        context.log.close()


def put(client: TestClient, path: str, body: dict[str, Any], status: int | None = None) -> dict[str, Any]:
    answer = client.put(path, json=body)
    assert answer.status_code in ((status,) if status else (200, 201)), answer.text
    return dict(answer.json())


def refusal(client: TestClient, path: str, body: Any) -> list[dict[str, Any]]:
    answer = client.put(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid" and problem["detail"]
    for error in problem["errors"]:
        assert error["field"] and error["rule"] and "value" in error, problem
    return list(problem["errors"])
