"""How many active endpoints an enterprise has: published once a change, to the log alone, in the transaction of the change."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from services.alerts.channels.base import Delivered, Outcome, Refused, TryLater, Why
from services.alerts.delivery.turns import Finished
from services.alerts.handlers.endpoint_counts import FailingEndpoints
from services.alerts.store.tables import ENDPOINT
from shared.database import open_database
from shared.domain.events import ALERTS, ENDPOINT_COUNT_CHANGED
from shared.runtime.migrating import migrate
from tests.support.alerts_case import ENTERPRISE as MINE
from tests.support.alerts_case import a_risk
from tests.support.alerts_harness import AlertsHarness, an_alerts_harness
from tests.support.migrating import downgrade

ANOTHER = "91150103MA0N0CCC3D"
ME = f"enterprise:{MINE}"
CALLERS = ("admin", "officer:15", "officer:150102", ME)


@pytest.fixture
def harness(tmp_path: Path, empty_database_url: str | None) -> Iterator[AlertsHarness]:
    database = open_database(empty_database_url, tmp_path, "alerts")
    if empty_database_url is not None:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS alerts")
    made = an_alerts_harness(tmp_path, database=database)
    yield made
    made.database.close()


def register(harness: AlertsHarness, who: str = ME, name: str = "hook") -> str:
    answer = harness.client(who).post("/alerts/v1/endpoints", json={"url": f"http://127.0.0.1:1/{name}"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def reaches(harness: AlertsHarness) -> list[dict[str, Any]]:
    """What was published, in order."""
    return [json.loads(row.value) for row in harness.published() if ENDPOINT_COUNT_CHANGED.encode() in row.value]


def counts(harness: AlertsHarness) -> list[tuple[str, int, int]]:
    return [(one["data"]["credit_code"], one["data"]["endpoints"], one["revision"]) for one in reaches(harness)]


def attempt(harness: AlertsHarness, outcome: Outcome) -> None:
    """Every due push is tried, and this comes of it."""
    sender, now = harness.sender(), harness.parts.clock.wall_now()
    with harness.database.transaction() as session:
        claimed = sender.turns.queue.claim(session, now, limit=50, held={}, a_lane=50)
    assert claimed
    with harness.database.transaction() as session:
        sender.turns.record(session, Finished([sender.attempts.judge(push, outcome, now, 0.1) for push in claimed]))


def test_registering_and_deleting_say_how_many_are_left(harness: AlertsHarness) -> None:
    first, _ = register(harness, name="1"), register(harness, name="2")
    register(harness, f"enterprise:{ANOTHER}")
    assert harness.client(ME).delete(f"/alerts/v1/endpoints/{first}").status_code == 204
    assert counts(harness) == [(MINE, 1, 1), (MINE, 2, 2), (ANOTHER, 1, 1), (MINE, 1, 3)]
    one = reaches(harness)[0]
    assert (one["type"], one["subject"], one["id"]) == (ENDPOINT_COUNT_CHANGED, f"reach:{MINE}", f"reach:{MINE}:1")
    assert {(row.topic, row.key) for row in harness.published()} == {(ALERTS, MINE), (ALERTS, ANOTHER)}


def test_what_changes_no_number_is_not_published(harness: AlertsHarness) -> None:
    mine = register(harness)
    client = harness.client(ME)
    assert client.post(f"/alerts/v1/endpoints/{mine}/rotate").status_code == 200
    assert client.post(f"/alerts/v1/endpoints/{mine}/enable").status_code == 409
    assert client.post("/alerts/v1/endpoints", json={"url": "ftp://x"}).status_code == 422
    assert client.delete("/alerts/v1/endpoints/end_none").status_code == 404
    register(harness, "officer:150102")
    register(harness, "ops")
    assert counts(harness) == [(MINE, 1, 1)]


def test_deleting_an_endpoint_that_was_disabled_is_no_news(harness: AlertsHarness) -> None:
    mine = register(harness)
    harness.take(a_risk())
    attempt(harness, Refused(Why.GONE, 410))
    assert harness.client(ME).delete(f"/alerts/v1/endpoints/{mine}").status_code == 204
    assert counts(harness) == [(MINE, 1, 1), (MINE, 0, 2)]


def test_410_says_that_nobody_is_left_and_enabling_that_somebody_is(harness: AlertsHarness) -> None:
    mine = register(harness)
    harness.take(a_risk(), a_risk(id="rsk_b"))
    attempt(harness, Refused(Why.GONE, 410))  # both pushes in one transaction
    assert counts(harness) == [(MINE, 1, 1), (MINE, 0, 2)]
    assert harness.client(ME).post(f"/alerts/v1/endpoints/{mine}/enable").status_code == 200
    assert counts(harness)[2:] == [(MINE, 1, 3)]


def test_failing_is_no_news_until_it_disables(harness: AlertsHarness) -> None:
    register(harness)
    harness.take(a_risk())
    attempt(harness, TryLater(Why.TIMEOUT))
    assert counts(harness) == [(MINE, 1, 1)]
    now = harness.parts.clock.wall_now()
    with harness.database.transaction() as session:
        since = {"failing_since": now - timedelta(hours=121), "last_failure_at": now - timedelta(hours=20)}
        session.connection().execute(update(ENDPOINT).values(**since))
    harness.clocks.wall_now += timedelta(days=1)  # type: ignore[attr-defined]
    attempt(harness, TryLater(Why.TIMEOUT))
    assert counts(harness)[1:] == [(MINE, 0, 2)]


def test_an_endpoint_that_takes_nothing_for_two_minutes_is_news_at_the_next_tick_and_so_is_its_recovery(
    harness: AlertsHarness,
) -> None:
    register(harness)
    register(harness, name="2")
    harness.take(a_risk())
    tick = FailingEndpoints(harness.database, harness.parts.counts).run
    attempt(harness, TryLater(Why.TIMEOUT))
    for seconds, published in ((119, 2), (2, 3), (600, 3)):
        harness.clocks.wall_now += timedelta(seconds=seconds)  # type: ignore[attr-defined]
        tick(harness.clocks.field_now)
        assert len(reaches(harness)) == published, seconds
    last = reaches(harness)[-1]
    assert (last["data"], last["revision"]) == ({"credit_code": MINE, "endpoints": 2, "failing": 2}, 3)
    attempt(harness, Delivered(200))
    tick(harness.clocks.field_now)
    assert [(one["data"]["endpoints"], one["data"]["failing"]) for one in reaches(harness)[3:]] == [(2, 0)]


def test_no_caller_s_list_shows_it_and_nothing_is_pushed(harness: AlertsHarness) -> None:
    register(harness)
    harness.take(a_risk())
    register(harness, name="2")
    harness.relay()
    for who in CALLERS:
        found = harness.get(who, "/events")["items"]
        assert [one["type"] for one in found] == ["yujing.alert.issued.v1"], who
    assert [push.notification["type"] for push in harness.pushes()] == ["yujing.alert.issued.v1"]
    last = harness.get(ME, "/events")["next"]
    register(harness, name="3")
    harness.relay()
    assert harness.get("admin", "/events", after=last)["items"] == []


def test_registering_and_deleting_side_by_side_never_leaves_a_wrong_number(harness: AlertsHarness) -> None:
    former = [register(harness, name=f"old{n}") for n in range(4)]
    gate, client = threading.Barrier(8), harness.client(ME)
    acts = [lambda n=n: register(harness, name=f"new{n}") for n in range(4)]
    acts += [lambda one=one: client.delete(f"/alerts/v1/endpoints/{one}") for one in former]

    def act(what: Any) -> None:
        gate.wait()
        what()

    threads = [threading.Thread(target=act, args=(what,)) for what in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    active = sum(row.state == "active" for row in harness.rows(ENDPOINT))
    by_revision = sorted((revision, endpoints) for _, endpoints, revision in counts(harness))
    assert active == 4 and by_revision[-1][1] == active
    assert len({revision for revision, _ in by_revision}) == len(by_revision)


def test_endpoints_of_an_older_database_are_published_once_by_the_upgrade(
    empty_database_url: str | None, tmp_path: Path
) -> None:
    database = open_database(empty_database_url, tmp_path, "alerts")
    assert migrate(database, "services.alerts.migrations", "alerts")
    harness = an_alerts_harness(tmp_path, database=database)
    harness.endpoint("http://127.0.0.1:1/1", credit_code=MINE)
    harness.endpoint("http://127.0.0.1:1/county", region="150102")
    downgrade(database, "alerts", "0002")
    assert migrate(database, "services.alerts.migrations", "alerts")
    assert counts(harness) == [(MINE, 1, 1)]
    register(harness)
    assert counts(harness)[1:] == [(MINE, 2, 2)]
    database.close()
