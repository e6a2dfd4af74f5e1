"""What people look for in lists: objections, overdue answers, what is theirs to do; offices, filters; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.alerts.domain.catalogue import Audience
from shared.database import open_database
from shared.domain.clock import rfc3339
from shared.runtime.migrating import migrate
from tests.support.alerts_case import T0
from tests.support.alerts_harness import AlertsHarness, an_alerts_harness, an_exceedance
from tests.support.migrating import downgrade

CODE = "91150102MA0N0AAA1B"
ME, OFFICER = f"enterprise:{CODE}", "officer:1501"


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[AlertsHarness]:
    database = open_database(database_url, tmp_path, "alerts")
    migrate(database, "services.alerts.migrations", "alerts")
    harness = an_alerts_harness(tmp_path, database=database)
    yield harness
    harness.database.close()


def move(harness: AlertsHarness, who: str, risk: str, verb: str) -> None:
    path = f"/alerts/v1/alerts/{harness.alert(risk).id}/{verb}"
    answer = harness.client(who).post(path, json={"text": "情况说明"})
    assert answer.status_code == 200, answer.text


def listed(harness: AlertsHarness, who: str, **query: Any) -> list[str]:
    return sorted(one["risk"] for one in harness.get(who, "/alerts", **query)["items"])


@pytest.fixture
def states(harness: AlertsHarness) -> AlertsHarness:
    """One alert in each state; the answer to the overdue one was due an hour ago."""
    names = ("open", "objected", "acknowledged", "answered", "withdrawn", "overdue")
    harness.take(*(an_exceedance(CODE, T0, id=f"rsk_{name}") for name in names))
    harness.take(an_exceedance("91150102MA0N0BBB2C", T0, id="rsk_other"))
    move(harness, ME, "rsk_objected", "objection")
    move(harness, ME, "rsk_withdrawn", "objection")
    move(harness, OFFICER, "rsk_withdrawn", "withdraw")
    for name in ("acknowledged", "answered"):
        move(harness, ME, f"rsk_{name}", "acknowledge")
    move(harness, ME, "rsk_answered", "answer")
    with harness.database.transaction() as session:
        harness.parts.alerts.delivered(session, harness.alert("rsk_overdue").id, Audience.ENTERPRISE)
    due = harness.alert("rsk_overdue").due_enterprise
    assert due is not None
    harness.clocks.field_now = due + timedelta(hours=1)
    return harness


def test_objections_that_stand_are_listed_until_they_are_decided_on(states: AlertsHarness) -> None:
    assert listed(states, OFFICER, objected="true") == ["rsk_objected"]
    assert listed(states, ME, objected="true") == ["rsk_objected"]
    move(states, ME, "rsk_objected", "acknowledge")
    move(states, ME, "rsk_objected", "answer")
    assert listed(states, OFFICER, objected="true") == ["rsk_objected"]
    move(states, OFFICER, "rsk_objected", "verify")
    assert listed(states, OFFICER, objected="true") == []


def test_overdue_answers_are_listed_until_they_come(states: AlertsHarness) -> None:
    assert listed(states, OFFICER, overdue="true") == ["rsk_overdue"]
    assert listed(states, "officer:1502", overdue="true") == []
    move(states, ME, "rsk_overdue", "acknowledge")
    assert listed(states, OFFICER, overdue="true") == ["rsk_overdue"]
    move(states, ME, "rsk_overdue", "answer")
    assert listed(states, OFFICER, overdue="true") == []


def test_mine_is_what_the_callers_side_has_to_do(states: AlertsHarness) -> None:
    assert listed(states, ME, mine="true") == ["rsk_acknowledged", "rsk_objected", "rsk_open", "rsk_overdue"]
    assert listed(states, OFFICER, mine="true") == ["rsk_answered", "rsk_objected", "rsk_overdue"]
    assert listed(states, OFFICER, mine="true", overdue="true") == ["rsk_overdue"]


@pytest.mark.parametrize("filter", ["objected_at IS NOT NULL", "due_enterprise < '2026-01-01'"])
def test_the_filters_have_an_index(harness: AlertsHarness, filter: str) -> None:
    column = filter.partition(" ")[0]
    with harness.database.transaction() as session:
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN SELECT id FROM alert WHERE {filter}")).all()
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            plan = connection.execute(text(f"EXPLAIN SELECT id FROM alert WHERE {filter}")).all()
    assert f"ix_alert_{column}" in str(plan)


@pytest.mark.parametrize("since", ["0.5", "1700000000", "2026-11-20", "2026-11-20T09:00:00"])
def test_a_bare_number_or_a_time_without_offset_is_no_time(harness: AlertsHarness, since: str) -> None:
    answer = harness.client(OFFICER).get("/alerts/v1/alerts", params={"since": since})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "since" and answer.json()["errors"][0]["value"] == since


def test_an_alert_names_the_nearest_office(harness: AlertsHarness) -> None:
    admin = harness.client("admin")
    assert (
        admin.put("/alerts/v1/offices/15", json={"name": "厅", "phone": "call me"}).status_code == 422
    )  # no phone number
    for division, name in (("15", "内蒙古自治区生态环境厅"), ("150100", "呼和浩特市生态环境局")):
        answer = admin.put(f"/alerts/v1/offices/{division}", json={"name": name, "phone": "0471-1234567"})
        assert answer.status_code == 200, answer.text
    harness.take(an_exceedance(CODE, T0, id="rsk_near"), an_exceedance("E2", T0, id="rsk_far", region="150202"))
    harness.take(an_exceedance("E3", T0, id="rsk_none", region="110101"))
    contacts = {one["risk"]: one["contact"] for one in harness.get("admin", "/alerts")["items"]}
    assert contacts["rsk_near"] == {"division": "1501", "name": "呼和浩特市生态环境局", "phone": "0471-1234567"}
    assert contacts["rsk_far"]["division"] == "15" and contacts["rsk_none"] is None
    admin.put("/alerts/v1/offices/1501", json={"name": "新局", "phone": "12345"})
    assert [one["name"] for one in harness.get(ME, "/offices")["items"]] == ["内蒙古自治区生态环境厅", "新局"]
    assert admin.delete("/alerts/v1/offices/1501").status_code == 204
    assert admin.delete("/alerts/v1/offices/1501").status_code == 404
    assert admin.put("/alerts/v1/offices/99", json={"name": "x", "phone": "12345"}).status_code == 422
    assert harness.client(OFFICER).put("/alerts/v1/offices/15", json={"name": "x", "phone": "12345"}).status_code == 403


def test_the_upgrade_finds_objections_of_the_history(states: AlertsHarness) -> None:
    downgrade(states.database, "alerts", "0009")
    migrate(states.database, "services.alerts.migrations", "alerts")
    assert listed(states, OFFICER, objected="true") == ["rsk_objected"]
    assert states.alert("rsk_objected").objected_at == T0


def test_an_endpoint_gets_what_its_filter_names(harness: AlertsHarness) -> None:
    me = harness.client(ME)
    asked = {"url": "https://a.example/hook", "name": "ERP", "filter": {"kinds": ["data.*"]}}
    made = me.post("/alerts/v1/endpoints", json=asked)
    assert made.status_code == 201, made.text
    path = f"/alerts/v1/endpoints/{made.json()['id']}"
    harness.take(an_exceedance(CODE, T0, id="rsk_1"))
    assert harness.messages(made.json()["id"]) == []
    changed = me.patch(path, json={"filter": {"events": ["yujing.alert.issued.v1"], "kinds": ["emission.*"]}})
    assert changed.status_code == 200 and changed.json()["name"] == "ERP" and changed.json()["url"] == asked["url"]
    harness.take(an_exceedance(CODE, T0, id="rsk_2"))
    assert [one["type"] for one in harness.messages(made.json()["id"])] == ["yujing.alert.issued.v1"]
    assert me.patch(path, json={"filter": {"kinds": ["emision.*"]}}).status_code == 422
    assert me.patch(path, json={"filter": {"events": ["yujing.alert.isued.v1"]}}).status_code == 422
    assert me.patch(path, json={"url": "ftp://a.example"}).status_code == 422
    assert harness.client("enterprise:91150102MA0N0BBB2C").patch(path, json={"name": "x"}).status_code == 404
    assert [step["what"] for step in me.get(path).json()["history"]] == ["changed"]


def test_a_paused_endpoint_gets_nothing_new_and_what_was_due_waits(harness: AlertsHarness) -> None:
    me = harness.client(ME)
    endpoint, _ = harness.endpoint("https://a.example/hook", credit_code=CODE)
    path = f"/alerts/v1/endpoints/{endpoint}"
    harness.take(an_exceedance(CODE, T0, id="rsk_1"))
    paused = me.post(f"{path}/pause")
    assert (paused.status_code, paused.json()["state"], paused.json()["state_reason"]) == (200, "paused", "by_owner")
    harness.take(an_exceedance(CODE, T0, id="rsk_2"))
    assert [push.state for push in harness.pushes()] == ["due"] and len(harness.messages(endpoint)) == 1
    assert me.post(f"{path}/pause").json()["code"] == "endpoint-not-active"
    assert me.post(f"{path}/resume").json()["state"] == "active"
    assert me.post(f"{path}/resume").json()["code"] == "endpoint-not-paused"
    harness.take(an_exceedance(CODE, T0, id="rsk_3"))
    assert len(harness.messages(endpoint)) == 2


def test_events_name_their_schema_and_their_webhook_ids(harness: AlertsHarness) -> None:
    endpoint, _ = harness.endpoint("https://a.example/hook", credit_code=CODE)
    harness.endpoint("https://b.example/hook", region="150102")
    harness.take(an_exceedance(CODE, T0, id="rsk_1"))
    harness.relay()
    page = harness.get(ME, "/events")
    (event,) = page["items"]
    (push,) = [one for one in harness.pushes() if one.endpoint_id == endpoint]
    assert page["pushes"] == [{"event": event["id"], "webhook_id": push.id, "endpoint": endpoint}]
    assert event["source"] == "/alerts" and event["dataschema"] == "/alerts/v1/schemas/alert.json"
    schema = harness.get(ME, event["dataschema"].removeprefix("/alerts/v1"))
    assert schema["title"] == "Alert" and set(schema["required"]) <= set(event["data"])


def test_a_cursor_ahead_of_the_log_is_refused_with_the_newest(harness: AlertsHarness) -> None:
    harness.take(an_exceedance(CODE, T0, id="rsk_1"))
    harness.relay()
    newest = harness.get(ME, "/events")["next"]
    assert harness.get(ME, "/events", after=newest)["items"] == []
    for path, query, headers in (
        ("events", {"after": 99999999}, {}),
        ("stream", {"after": 99999999}, {}),
        ("stream", {}, {"Last-Event-ID": "99999999"}),
    ):
        answer = harness.client(ME).get(f"/alerts/v1/{path}", params=query, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (410, "cursor-ahead"), path
        (error,) = answer.json()["errors"]
        assert error["value"] == 99999999 and f"after={newest}" in error["rule"]


def test_a_digest_carries_levels_counts_and_links(harness: AlertsHarness) -> None:
    endpoint, _ = harness.endpoint("https://a.example/", region="15")
    body = {"name": "日报", "via": {"endpoint": endpoint}, "digest": "daily"}
    assert harness.client("officer:15").post("/alerts/v1/subscriptions", json=body).status_code == 201
    harness.take(an_exceedance("E1", T0, id="rsk_1"), an_exceedance("E2", T0, id="rsk_2"))
    harness.at(T0 + timedelta(days=1))
    (digest,) = [one for one in harness.messages(endpoint) if one["type"] == "yujing.digest.v1"]
    levels = {alert.id: alert.level.value for alert in (harness.alert("rsk_1"), harness.alert("rsk_2"))}
    alerts = digest["data"]["alerts"]
    assert {one["id"]: one["level"] for one in alerts} == levels
    assert sum(digest["data"]["counts"].values()) == 2 and set(digest["data"]["counts"]) == {
        "blue",
        "yellow",
        "orange",
        "red",
    }
    assert all(one["href"] == f"/alerts/v1/alerts/{one['id']}" for one in alerts)
    assert digest["data"]["to"] <= rfc3339(T0 + timedelta(days=1))
