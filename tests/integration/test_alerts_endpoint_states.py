"""An endpoint in each of its states, on both databases: who may change it, what waits, what is written down."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.alerts.store.endpoints import sealed_secrets
from services.alerts.store.tables import ENDPOINT, ENDPOINT_HISTORY
from tests.support.alerts_case import OTHER, T0, a_risk
from tests.support.alerts_harness import AlertsHarness, an_exceedance, minutes, opened_on

CODE = "91150102MA0N0AAA1B"
OWNER, OFFICER = f"enterprise:{CODE}", "officer:150102"
PATH = "/alerts/v1/endpoints"
URL = "https://127.0.0.1/hook"


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[AlertsHarness]:
    for made in opened_on(database_url, tmp_path):
        made.register_enterprises(CODE, OTHER)
        yield made


def registered(harness: AlertsHarness, who: str = OWNER, **body: Any) -> str:
    answer = harness.client(who).post(PATH, json={"url": URL, **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def post(harness: AlertsHarness, who: str, endpoint: str, verb: str) -> Any:
    body = {"text": "核查中"} if verb == "disable" else None
    return harness.client(who).post(f"{PATH}/{endpoint}/{verb}", json=body)


def steps(harness: AlertsHarness, endpoint: str) -> list[str]:
    return [one["what"] for one in harness.get(OWNER, f"/endpoints/{endpoint}")["history"]]


REACHED = {"active": (), "paused": ("pause",), "disabled": ("disable",)}
EXPECTED = {
    ("active", "pause"): (200, "paused"),
    ("active", "resume"): (409, "endpoint-not-paused"),
    ("active", "disable"): (200, "disabled"),
    ("active", "enable"): (409, "endpoint-active"),
    ("paused", "pause"): (409, "endpoint-not-active"),
    ("paused", "resume"): (200, "active"),
    ("paused", "disable"): (200, "disabled"),
    ("paused", "enable"): (200, "active"),
    ("disabled", "pause"): (409, "endpoint-not-active"),
    ("disabled", "resume"): (409, "endpoint-not-paused"),
    ("disabled", "disable"): (409, "endpoint-not-active"),
    ("disabled", "enable"): (200, "active"),
}


def test_every_verb_in_every_state_leads_on_or_is_refused_with_a_code(harness: AlertsHarness) -> None:
    for (state, verb), (status, outcome) in EXPECTED.items():
        endpoint = registered(harness)
        for before in REACHED[state]:
            assert post(harness, "ops" if before == "disable" else OWNER, endpoint, before).status_code == 200
        written = steps(harness, endpoint)
        answer = post(harness, "ops" if verb == "disable" else OWNER, endpoint, verb)
        assert answer.status_code == status, (state, verb, answer.text)
        if status == 200:
            assert answer.json()["state"] == outcome
            assert len(steps(harness, endpoint)) == len(written) + 1
        else:
            assert answer.json()["code"] == outcome
            assert steps(harness, endpoint) == written, "a refused verb was written"
        assert harness.client(OWNER).delete(f"{PATH}/{endpoint}").status_code == 204


def test_a_paused_endpoint_can_be_stopped_so_that_resuming_does_not_start_it(harness: AlertsHarness) -> None:
    endpoint = registered(harness)
    assert post(harness, OWNER, endpoint, "pause").status_code == 200
    assert post(harness, OFFICER, endpoint, "disable").status_code == 200
    assert post(harness, OWNER, endpoint, "resume").status_code == 409
    shown = harness.get(OWNER, f"/endpoints/{endpoint}")
    assert (shown["state"], shown["state_reason"]) == ("disabled", "by_officer")
    assert steps(harness, endpoint) == ["paused", "disabled"]


def test_operators_do_not_end_a_pause_of_the_owner(harness: AlertsHarness) -> None:
    endpoint = registered(harness)
    assert post(harness, OWNER, endpoint, "pause").status_code == 200
    refused = post(harness, "ops", endpoint, "enable")
    assert (refused.status_code, refused.json()["code"]) == (403, "not-the-owner")
    assert harness.get(OWNER, f"/endpoints/{endpoint}")["state"] == "paused"
    assert post(harness, OWNER, endpoint, "enable").json()["state"] == "active"


@pytest.mark.parametrize("verb", ["pause", "resume", "enable", "test", "rotate", "disable"])
def test_a_deleted_endpoint_is_as_one_that_never_was(harness: AlertsHarness, verb: str) -> None:
    endpoint = registered(harness)
    assert harness.client(OWNER).delete(f"{PATH}/{endpoint}").status_code == 204
    who = "ops" if verb == "disable" else OWNER
    gone, never = post(harness, who, endpoint, verb), post(harness, who, "end_none", verb)
    assert gone.status_code == never.status_code == 404
    assert gone.json()["detail"].replace(endpoint, "end_none") == never.json()["detail"]
    assert harness.client(OWNER).delete(f"{PATH}/{endpoint}").status_code == 404
    assert harness.client(OWNER).patch(f"{PATH}/{endpoint}", json={"name": "x"}).status_code == 404
    assert harness.get(OWNER, "/endpoints")["items"] == []


def test_deleting_takes_the_secret_and_stops_what_was_due_but_keeps_its_deliveries(harness: AlertsHarness) -> None:
    endpoint = registered(harness)
    harness.take(a_risk(credit_code=CODE))
    assert [one["state"] for one in harness.get(OWNER, "/deliveries")["items"]] == ["due"]
    assert harness.client(OWNER).delete(f"{PATH}/{endpoint}").status_code == 204
    (row,) = harness.rows(ENDPOINT)
    assert (row.sealed_secret, row.sealed_previous, row.state) == (None, None, "deleted")
    (delivery,) = harness.get(OWNER, "/deliveries")["items"]
    assert delivery["state"] == "cancelled"
    replayed = harness.client(OWNER).post(f"/alerts/v1/deliveries/{delivery['id']}/replay")
    assert (replayed.status_code, replayed.json()["code"]) == (409, "endpoint-not-active")
    assert "deleted" in replayed.json()["detail"]


@pytest.mark.parametrize("state", ["paused", "disabled"])
def test_a_delivery_is_not_replayed_to_an_endpoint_that_is_stopped(harness: AlertsHarness, state: str) -> None:
    endpoint = registered(harness)
    push = harness.client(OWNER).post(f"{PATH}/{endpoint}/test").json()["id"]
    for verb in REACHED[state]:
        assert post(harness, "ops" if verb == "disable" else OWNER, endpoint, verb).status_code == 200
    refused = harness.client(OWNER).post(f"/alerts/v1/deliveries/{push}/replay")
    assert refused.status_code == 409 and state in refused.json()["detail"]
    assert post(harness, OWNER, endpoint, "enable").status_code == 200
    assert harness.client(OWNER).post(f"/alerts/v1/deliveries/{push}/replay").status_code == 202


def test_a_new_alert_makes_a_push_for_active_endpoints_alone(harness: AlertsHarness) -> None:
    active, paused, disabled, deleted = (registered(harness) for _ in range(4))
    assert post(harness, OWNER, paused, "pause").status_code == 200
    assert post(harness, "ops", disabled, "disable").status_code == 200
    assert harness.client(OWNER).delete(f"{PATH}/{deleted}").status_code == 204
    harness.take(a_risk(credit_code=CODE))
    assert [push.endpoint_id for push in harness.pushes()] == [active]
    harness.take(an_exceedance(OTHER, T0))
    assert len(harness.pushes()) == 1, "an alert of another enterprise went out"


def test_the_list_by_state_shows_each_endpoint_in_exactly_one(harness: AlertsHarness) -> None:
    made = {state: registered(harness) for state in REACHED}
    for state, verbs in REACHED.items():
        for verb in verbs:
            assert post(harness, "ops" if verb == "disable" else OWNER, made[state], verb).status_code == 200
    for state, endpoint in made.items():
        items = harness.get(OWNER, "/endpoints", state=state)["items"]
        assert [one["id"] for one in items] == [endpoint]
    assert harness.get(OWNER, "/endpoints", state="failing")["items"] == []
    refused = harness.client(OWNER).get(PATH, params={"state": "aktive"})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert (error["field"], error["value"]) == ("state", "aktive")
    assert error["rule"].endswith("the nearest is active")


def test_an_owner_changes_what_it_names_and_nothing_else(harness: AlertsHarness) -> None:
    kinds = {"events": ["yujing.alert.issued.v1"], "kinds": ["data.*"]}
    endpoint = registered(harness, name="值班室", filter=kinds)
    client = harness.client(OWNER)
    changed = client.patch(f"{PATH}/{endpoint}", json={"url": "https://127.0.0.1/other"}).json()
    assert (changed["url"], changed["name"], changed["filter"]) == ("https://127.0.0.1/other", "值班室", kinds)
    changed = client.patch(f"{PATH}/{endpoint}", json={"name": None}).json()
    assert (changed["name"], changed["filter"]) == (None, kinds)
    changed = client.patch(f"{PATH}/{endpoint}", json={"filter": {}}).json()
    assert changed["filter"] == {"events": [], "kinds": []}
    assert steps(harness, endpoint) == ["changed"] * 3


def test_a_wrong_change_leaves_the_endpoint_as_it_was(harness: AlertsHarness) -> None:
    endpoint = registered(harness, name="值班室")
    before = harness.get(OWNER, f"/endpoints/{endpoint}")
    client = harness.client(OWNER)
    for body, field in (
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"name": "n" * 101}, "name"),
        ({"filter": {"kinds": ["emision.exceeded"]}}, "filter.kinds[0]"),
        ({"filter": {"kinds": ["EMISSION"]}}, "filter.kinds[0]"),
        ({"filter": {"events": ["issued"]}}, "filter.events[0]"),
        ({"state": "active"}, "state"),
    ):
        answer = client.patch(f"{PATH}/{endpoint}", json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert answer.json()["errors"][0]["field"] == field and answer.json()["errors"][0]["rule"]
    assert harness.get(OWNER, f"/endpoints/{endpoint}") == before


def test_operators_see_every_endpoint_and_change_none_of_others(harness: AlertsHarness) -> None:
    theirs, own = registered(harness), registered(harness, "ops")
    assert {one["id"] for one in harness.get("ops", "/endpoints")["items"]} == {theirs, own}
    for verb in ("pause", "rotate"):
        assert post(harness, "ops", theirs, verb).json()["code"] == "not-the-owner"
        assert post(harness, "ops", own, verb).status_code == 200
    assert harness.client("ops").patch(f"{PATH}/{theirs}", json={"name": "x"}).status_code == 403


@pytest.mark.parametrize("who", [f"enterprise:{OTHER}", "officer:1502", "officer:150102"])
def test_an_enterprises_endpoint_is_hidden_from_all_who_do_not_own_it(harness: AlertsHarness, who: str) -> None:
    endpoint = registered(harness)
    assert harness.get(who, "/endpoints")["items"] == []
    assert harness.client(who).get(f"{PATH}/{endpoint}").status_code == 404
    for verb in ("pause", "resume", "enable", "test", "rotate"):
        assert post(harness, who, endpoint, verb).status_code == 404, verb
    assert harness.client(who).delete(f"{PATH}/{endpoint}").status_code == 404
    assert harness.rows(ENDPOINT_HISTORY) == []


def test_rotating_twice_keeps_the_last_two_secrets_for_a_day(harness: AlertsHarness) -> None:
    first = harness.client(OWNER).post(PATH, json={"url": URL}).json()
    path = f"{PATH}/{first['id']}/rotate"
    second = harness.client(OWNER).post(path).json()["secret"]
    harness.at(T0 + minutes(60))
    third = harness.client(OWNER).post(path).json()["secret"]
    assert len({first["secret"], second, third}) == 3
    (row,) = harness.rows(ENDPOINT)
    store, sealed = harness.parts.endpoint_store, sealed_secrets(row)
    assert store.secrets(sealed, T0 + minutes(61)) == (third, second)
    last_moment = T0 + timedelta(hours=25)
    assert store.secrets(sealed, last_moment - timedelta(seconds=1)) == (third, second)
    assert store.secrets(sealed, last_moment) == (third,)
    assert steps(harness, first["id"]) == ["rotated", "rotated"]


def test_of_many_who_pause_at_once_one_does_and_one_step_is_written(harness: AlertsHarness) -> None:
    endpoint = registered(harness)
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(one.result().status_code for one in [
            pool.submit(post, harness, OWNER, endpoint, "pause") for _ in range(4)
        ])  # fmt: skip
    assert statuses == [200, 409, 409, 409]
    assert steps(harness, endpoint) == ["paused"]
