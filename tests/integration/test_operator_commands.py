"""What an operator does at the machine beside a running host: tokens listed and revoked, alerts, deliveries, endpoints listed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import update

from services.alerts.store.tables import ENDPOINT
from services.permits.handlers.known_tokens import known_tokens
from services.permits.store import tokens as token_store
from services.permits.store.tokens import Issuance
from shared.database import Database
from shared.domain.clock import system_clock
from shared.runtime.host import Host
from tests.support.commands import printed, quiet_commands, run
from tests.support.product import Source, eventually
from tests.support.whole import Whole, whole

SOURCE = Source(number=4510)


@pytest.fixture
def product(tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Whole]:
    """The product, and commands beside it on the same data."""
    data = tmp_path / "data"
    env = {"YUJING_DATABASE_URL": database_url} if database_url else {}
    with whole(data, database_url) as made, quiet_commands(monkeypatch, tmp_path, data, **env):
        yield made


def database_of(host: Host, name: str) -> Database:
    (found,) = [service.database for service in host.services if service.name == name]
    return found


def jti_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])


def test_tokens_are_listed_with_what_they_are_for_and_a_revoked_one_is_refused_by_the_running_host(
    product: Whole,
) -> None:
    made = printed("keys", "create", "--role", "officer", "--region", "15", "--scope", "register")
    ops = jti_of(product.token("ops", subject="night-shift"))
    token = str(made["token"])
    officer = product.client(token)
    assert officer.get("/alerts/v1/alerts").status_code == 200
    listed = printed("keys", "list")
    (key,) = listed["keys"]
    assert key["signs"] is True
    by_role = {one["role"]: one for one in listed["tokens"]}
    assert set(by_role) == {"officer", "admin", "ops"}
    assert (by_role["ops"]["jti"], by_role["ops"]["subject"], by_role["ops"]["issued_by"]) == (
        ops,
        "night-shift",
        "admin",
    )
    shown = by_role["officer"]
    assert (shown["jti"], shown["kid"], shown["state"]) == (made["jti"], key["kid"], "in_force")
    assert shown["scope"] == {"credit_codes": [], "regions": ["15"], "scopes": ["register"], "mns": []}
    assert (shown["issued_by"], by_role["admin"]["issued_by"]) == ("command-line", "host")
    assert token not in run("keys", "list").output

    assert printed("keys", "revoke", str(made["jti"]))["state"] == "revoked"
    eventually(lambda: officer.get("/alerts/v1/alerts").status_code == 401, what="the host refuses it")
    assert officer.get("/alerts/v1/alerts").json()["code"] == "token-revoked"
    assert printed("keys", "revoke", token)["state"] == "revoked before"
    again = {one["jti"]: one for one in printed("keys", "list")["tokens"]}[made["jti"]]
    assert again["state"] == "revoked" and again["revoked_at"]
    assert f"{made['jti']}  revoked" in run("keys", "list").output


def test_tokens_of_an_older_version_expired_ones_and_those_signed_elsewhere_differ(
    product: Whole, tmp_path: Path
) -> None:
    now = system_clock().wall_now()
    with database_of(product.host, "permits").transaction() as session:
        for jti, days in (("a" * 24, 1), ("b" * 24, -1)):
            old = Issuance(jti, "officer", "o", "admin", now - timedelta(days=90), now + timedelta(days=days))
            token_store.save_issuance(session, old)
    assert printed("keys", "revoke", "c" * 24)["state"] == "revoked"

    def states(*more: str) -> dict[str, tuple[Any, ...]]:
        tokens = printed("keys", "list", *more)["tokens"]
        return {one["jti"][0]: (one["state"], one["role"], one["kid"]) for one in tokens if one["role"] != "admin"}

    in_force, foreign = ("in_force", "officer", None), ("revoked", None, None)
    assert states() == {"a": in_force, "c": foreign}
    assert states("--expired") == {"a": in_force, "b": ("expired", "officer", None), "c": foreign}
    with database_of(product.host, "permits").read() as session:
        found = known_tokens(session, tmp_path / "absent", now, expired=True)
    assert [one.jti[0] for one in found] == ["a", "b", "c"], "no file, no admin's token"


def test_what_is_no_token_is_not_revoked(product: Whole) -> None:
    for which in ("", "x", "A" * 24, "a.b.c", "../../etc"):
        refused = run("keys", "revoke", "--", which)
        assert refused.exit_code == 2 and "token" in refused.output and "Traceback" not in refused.output
    assert [one["role"] for one in printed("keys", "list")["tokens"]] == ["admin"]


def test_lists_show_what_the_api_shows_an_admin(product: Whole) -> None:
    admin = product.client()
    SOURCE.register(admin)
    product.knows_point(SOURCE.mn)
    owner = {"credit_code": SOURCE.code}
    made = admin.post("/alerts/v1/endpoints", json={"url": "http://127.0.0.1:9/hook", "owner": owner}).json()
    product.exceeds(SOURCE)

    def deliveries() -> list[dict[str, Any]]:
        return list(admin.get("/alerts/v1/deliveries").json()["items"])

    eventually(lambda: any(len(one["attempts"]) > 1 for one in deliveries()), what="two attempts")
    for path, group in (("alerts", "alerts"), ("endpoints", "endpoints")):
        assert printed(group, "list") == admin.get(f"/alerts/v1/{path}").json()
    (listed,) = printed("deliveries", "list", "--endpoint", made["id"], "--state", "due")["items"]
    assert listed["id"] == deliveries()[0]["id"] and listed["url"] == "http://127.0.0.1:9/hook"
    (alert,) = printed("alerts", "list", "--kind", "emission.exceeded", "--status", "open")["items"]
    assert printed("alerts", "list", "--status", "closed")["items"] == []
    assert alert["headline"]["zh"] in run("alerts", "list").output
    assert listed["attempts"][0]["reason"] in run("deliveries", "list", "--alert", alert["id"]).output
    assert "whsec" not in run("endpoints", "list", "--json").output
    assert run("alerts", "list", "--cursor", "x").exit_code == 2

    with database_of(product.host, "alerts").transaction() as session:
        since = system_clock().wall_now() - timedelta(minutes=3)
        session.connection().execute(update(ENDPOINT).values(failing_since=since))
    (failing,) = printed("endpoints", "list", "--state", "failing")["items"]
    assert failing["id"] == made["id"]
    assert SOURCE.code in run("endpoints", "list", "--state", "failing").output
    assert printed("endpoints", "list", "--state", "active")["items"] == []

    first = printed("endpoints", "list", "--limit", "1")
    assert first["next"] is None
    admin.post("/alerts/v1/endpoints", json={"url": "http://127.0.0.1:9/2", "owner": {"operators": True}})
    first = printed("endpoints", "list", "--limit", "1")
    rest = printed("endpoints", "list", "--limit", "1", "--cursor", first["next"])
    assert {one["id"] for one in first["items"] + rest["items"]} > {made["id"]} and rest["next"] is None
