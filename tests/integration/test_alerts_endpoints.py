"""Endpoints: whose secret is shown to whom, who may stop one and what its owner is shown of that, which URLs are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from services.alerts.delivery.turns import Finished
from services.alerts.store.tables import ATTEMPT, ENDPOINT, ENDPOINT_HISTORY
from shared.database import open_database
from shared.domain.clock import rfc3339
from shared.runtime.migrating import migrate
from tests.support.alerts_case import T0, a_risk
from tests.support.alerts_harness import COUNTY, AlertsHarness, an_alerts_harness
from tests.support.migrating import downgrade
from tests.support.product import Source

CODE = Source(number=4301, region=COUNTY).code
OWNER = f"enterprise:{CODE}"
PATH = "/alerts/v1/endpoints"
URL = "http://127.0.0.1:9/hook"
OWNERS = [(OWNER, {"credit_code": CODE}), (f"officer:{COUNTY}", {"region": COUNTY}), ("ops", {"operators": True})]


@pytest.fixture
def harness(tmp_path: Path, empty_database_url: str | None) -> Iterator[AlertsHarness]:
    database = open_database(empty_database_url, tmp_path, "alerts")
    if empty_database_url is not None:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS alerts")
    made = an_alerts_harness(tmp_path, database=database)
    made.register_enterprises(CODE)
    yield made
    made.database.close()


def post(harness: AlertsHarness, who: str, path: str = "", **body: Any) -> Any:
    return harness.client(who).post(f"{PATH}{path}", json=body or None)


def registered(harness: AlertsHarness, who: str = OWNER, **body: Any) -> dict[str, Any]:
    answer = post(harness, who, url=URL, **body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(("who", "owner"), OWNERS)
def test_only_the_owner_is_answered_a_secret(harness: AlertsHarness, who: str, owner: dict[str, Any]) -> None:
    own = registered(harness, who)
    assert own["secret"].startswith("whsec_") and own["owner"] == owner
    renewed = post(harness, who, f"/{own['id']}/rotate")
    assert renewed.status_code == 200 and renewed.json()["secret"].startswith("whsec_")
    assert [step["what"] for step in renewed.json()["history"]] == ["rotated"]
    for other in {"admin", "ops", "officer:15", "officer:1502", "enterprise:E999", *dict(OWNERS)} - {who, "officer:15"}:
        refused = post(harness, other, f"/{own['id']}/rotate")
        assert refused.status_code in (403, 404), f"{other}: {refused.text}"
        assert "whsec_" not in refused.text
        assert "secret" not in harness.client(other).get(f"{PATH}/{own['id']}").text.replace("secret_set", "")


@pytest.mark.parametrize(("who", "owner"), OWNERS)
def test_an_endpoint_that_an_admin_made_gives_its_secret_to_its_owner_alone(
    harness: AlertsHarness, who: str, owner: dict[str, Any]
) -> None:
    made = registered(harness, "admin", owner=owner)
    assert "secret" not in made and made["secret_set"] is True and made["owner"] == owner
    assert post(harness, "admin", f"/{made['id']}/rotate").json()["code"] == "not-the-owner"
    assert post(harness, who, f"/{made['id']}/rotate").json()["secret"].startswith("whsec_")


def test_a_superior_officer_owns_the_endpoints_of_divisions_inside(harness: AlertsHarness) -> None:
    made = registered(harness, "officer:15", owner={"region": COUNTY})
    assert made["secret"] and post(harness, "officer:15", f"/{made['id']}/rotate").status_code == 200


@pytest.mark.parametrize("who", [f"officer:{COUNTY}", "officer:15", "ops", "admin"])
def test_who_supervises_stops_an_endpoint_and_its_owner_is_shown_who_and_why(harness: AlertsHarness, who: str) -> None:
    endpoint = registered(harness)["id"]
    stopped = post(harness, who, f"/{endpoint}/disable", text="接收地址被他人占用")
    assert stopped.status_code == 200, stopped.text
    assert stopped.json() == {"id": endpoint, "state": "disabled", "state_at": rfc3339(T0)}
    shown = harness.get(OWNER, f"/endpoints/{endpoint}")
    assert (shown["state"], shown["state_reason"]) == ("disabled", f"by_{who.partition(':')[0]}")
    step = {"at": rfc3339(T0), "what": "disabled", "who": f"{who.partition(':')[0]}:{who}", "why": "接收地址被他人占用"}
    assert shown["history"] == [step]
    assert harness.get(OWNER, "/endpoints")["items"][0]["history"] == [step]
    assert post(harness, who, f"/{endpoint}/disable", text="再次").status_code == 409
    harness.take_at_their_time(a_risk(credit_code=CODE))
    assert harness.pushes() == []


def test_the_owner_enables_again_what_was_stopped_and_that_is_written_too(harness: AlertsHarness) -> None:
    endpoint = registered(harness)["id"]
    assert post(harness, "ops", f"/{endpoint}/disable", text="误报").status_code == 200
    enabled = post(harness, OWNER, f"/{endpoint}/enable")
    assert enabled.status_code == 200 and enabled.json()["state"] == "active"
    assert [(step["what"], step["who"]) for step in enabled.json()["history"]] == [
        ("disabled", "ops:ops"),
        ("enabled", f"enterprise:{OWNER}"),
    ]


@pytest.mark.parametrize(
    ("who", "status"),
    [("officer:1502", 404), ("officer:150103", 404), (OWNER, 403), ("enterprise:E999", 403), ("device", 403)],
)
def test_who_does_not_supervise_stops_nothing(harness: AlertsHarness, who: str, status: int) -> None:
    endpoint = registered(harness)["id"]
    assert post(harness, who, f"/{endpoint}/disable", text="x").status_code == status
    assert harness.get(OWNER, f"/endpoints/{endpoint}")["state"] == "active"
    assert post(harness, "ops", f"/{endpoint}/disable").status_code == 422  # why must be written
    assert post(harness, "ops", "/end_none/disable", text="x").status_code == 404


def test_an_officer_who_may_stop_an_enterprise_s_endpoint_is_not_shown_its_address(harness: AlertsHarness) -> None:
    endpoint = registered(harness)["id"]
    officer = harness.client(f"officer:{COUNTY}")
    assert officer.get(f"{PATH}/{endpoint}").status_code == 404
    assert URL not in officer.post(f"{PATH}/{endpoint}/disable", json={"text": "x"}).text
    assert officer.post(f"{PATH}/{endpoint}/enable").status_code == 404


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1.", "http://%31%32%37.0.0.1", "http://127.0.0.1\\.x.com", "http://[v1.x]", "http://x..com",
     "http://[::1", "http://2130706433", "http://u:p@x.example", "http://x.example/", "https://x.example:22/",
     "https://[fec0::1]/", "https://192.0.0.192/", "http://x.example/\x00", "\x00"],
)  # fmt: skip
def test_a_url_that_is_no_target_is_refused_with_the_url_and_the_rule(harness: AlertsHarness, url: str) -> None:
    answer = post(harness, OWNER, url=url)
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert repr(url) in problem["detail"]
    (error,) = problem["errors"]
    assert error["field"] == "url" and error["value"] and error["rule"]
    assert harness.rows(ENDPOINT) == []


def test_the_upgrade_adds_the_history_and_forgets_what_receivers_answered(
    empty_database_url: str | None, tmp_path: Path
) -> None:
    database = open_database(empty_database_url, tmp_path, "alerts")
    assert migrate(database, "services.alerts.migrations", "alerts")
    attempt = {"push_id": "psh_a", "number": 1, "at": T0, "outcome": "later", "reason": "blocked", "latency_ms": 1}
    with database.transaction() as session:
        session.connection().execute(insert(ATTEMPT).values({**attempt, "snippet": "intranet"}))
    downgrade(database, "alerts", "0004")
    assert migrate(database, "services.alerts.migrations", "alerts")
    with database.read() as session:
        assert session.connection().execute(select(ATTEMPT.c.snippet)).scalars().all() == [""]
        assert session.connection().execute(select(ENDPOINT_HISTORY)).all() == []
    database.close()


def test_an_endpoint_without_success_for_two_minutes_is_failing_in_lists_and_metric_until_it_is_paused(
    harness: AlertsHarness,
) -> None:
    failing, well = registered(harness)["id"], registered(harness)["id"]
    with harness.database.transaction() as session:
        session.connection().execute(update(ENDPOINT).where(ENDPOINT.c.id == failing).values(failing_since=T0))
    before = harness.clocks.wall_now = T0 + timedelta(seconds=119)  # type: ignore[attr-defined]
    assert states(harness) == {"active": {failing, well}, "failing": set(), "paused": set(), "disabled": set()}
    harness.clocks.wall_now = before + timedelta(seconds=1)  # type: ignore[attr-defined]
    assert states(harness) == {"active": {well}, "failing": {failing}, "paused": set(), "disabled": set()}
    shown = harness.get(OWNER, f"/endpoints/{failing}")
    assert (shown["state"], shown["state_reason"], shown["state_at"]) == ("failing", "no_success", rfc3339(T0))
    assert gauge(harness) == {"active": 1, "failing": 1, "paused": 0, "disabled": 0}
    assert post(harness, OWNER, f"/{failing}/pause").json()["state"] == "paused"
    assert states(harness) == {"active": {well}, "failing": set(), "paused": {failing}, "disabled": set()}
    assert harness.client(OWNER).get(PATH, params={"state": "broken"}).status_code == 422


def states(harness: AlertsHarness) -> dict[str, set[str]]:
    """The ids in the list of each state."""
    names = ("active", "failing", "paused", "disabled")
    return {one: {item["id"] for item in harness.get(OWNER, "/endpoints", state=one)["items"]} for one in names}


def gauge(harness: AlertsHarness) -> dict[str, float]:
    """The metric, measured now."""
    harness.sender().turns.take(Finished(), {})
    (family,) = [one for one in harness.parts.metrics.registry.collect() if one.name == "yujing_endpoints"]
    return {sample.labels["state"]: sample.value for sample in family.samples}
