"""Subscriptions say what they would match, and refuse what nothing could match; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.alerts.domain.subscription import matches
from services.alerts.handlers.routing import facts
from services.alerts.store.tables import SUBSCRIPTION
from shared.access import Caller, Role
from shared.database import open_database
from shared.domain.clock import rfc3339
from shared.runtime.migrating import migrate
from tests.support.alerts_case import T0
from tests.support.alerts_harness import AlertsHarness, an_alerts_harness, an_exceedance

PATH = "/alerts/v1/subscriptions"
HUHHOT, BAOTOU, BEIJING = "150102", "150202", "110101"


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[AlertsHarness]:
    database = open_database(database_url, tmp_path, "alerts")
    migrate(database, "services.alerts.migrations", "alerts")
    harness = an_alerts_harness(tmp_path, database=database)
    yield harness
    harness.database.close()


@pytest.fixture
def week(harness: AlertsHarness) -> AlertsHarness:
    """Alerts of several kinds, levels, industries and divisions, one of them eight days old."""
    harness.take(
        an_exceedance("E001", T0, id="rsk_1"),
        an_exceedance("E002", T0 + timedelta(minutes=1), id="rsk_2", region=BAOTOU, industry="C3110"),
        an_exceedance("E003", T0 + timedelta(minutes=2), id="rsk_3", condition="serious"),
        an_exceedance("E004", T0 + timedelta(minutes=3), id="rsk_4", kind="data.suspect", condition="flat"),
        an_exceedance("E005", T0 + timedelta(minutes=4), id="rsk_5", kind="data.fault", condition="zero"),
        an_exceedance("E006", T0 + timedelta(minutes=5), id="rsk_6", region=BEIJING),
        an_exceedance("E007", T0 - timedelta(days=8), id="rsk_7"),
        an_exceedance("E008", T0 + timedelta(minutes=6), id="rsk_8", kind="emission.nearing", condition="hour"),
    )
    return harness


def posted(harness: AlertsHarness, who: str = "officer:15", **filter: Any) -> Any:
    endpoint, _ = harness.endpoint("https://a.example/", region="15")
    body = {"name": "重点", "via": {"endpoint": endpoint}, "filter": filter}
    return harness.client(who).post(PATH, json=body)


FILTERS: list[dict[str, Any]] = [
    {},
    {"regions": ["1502"]},
    {"regions": ["150102", "1502"], "industries": ["D44", "C"]},
    {"industries": ["C31"]},
    {"kinds": ["emission.*"]},
    {"kinds": ["data.fault", "emission.nearing"], "stages": ["before", "during", "after"]},
    {"kinds": ["*"]},
    {"min_level": "orange"},
    {"stages": ["before"]},
    {"stages": ["after"]},
]


@pytest.mark.parametrize("filter", FILTERS, ids=str)
def test_the_preview_counts_what_the_rule_matches(week: AlertsHarness, filter: dict[str, Any]) -> None:
    answer = posted(week, **filter)
    assert answer.status_code == 201, answer.text
    preview = answer.json()["preview"]
    caller = Caller(Role.OFFICER, "officer:15", region="15")
    with week.database.read() as session:
        record = week.parts.subscription_store.load(session, answer.json()["id"], caller)
    alerts = {f"rsk_{n}": week.alert(f"rsk_{n}") for n in (1, 2, 3, 4, 5, 6, 8)}
    matched = [one for one in alerts.values() if matches(record.subscription, facts(one)).matched]
    assert preview["alerts"] == len(matched)
    expected: dict[tuple[str, str], int] = {}
    for one in matched:
        key = (one.risk.kind, one.level.value)
        expected[key] = expected.get(key, 0) + 1
    assert {(one["kind"], one["level"]): one["alerts"] for one in preview["counts"]} == expected
    newest = sorted(matched, key=lambda one: one.risk.opened_at, reverse=True)[:5]
    assert [one["id"] for one in preview["newest"]] == [one.id for one in newest]
    assert preview["since"] == rfc3339(T0 - timedelta(days=7))


def test_a_preview_shows_nothing_that_its_reader_may_not_see(week: AlertsHarness) -> None:
    owner = posted(week, "officer:15+", kinds=["data.suspect"], stages=["before", "during", "after"])
    assert owner.json()["preview"]["alerts"] == 1
    path = f"{PATH}/{owner.json()['id']}"
    without_scope = week.client("officer:15").get(path, params={"preview": "true"})
    assert without_scope.json()["preview"]["alerts"] == 0 and not without_scope.json()["preview"]["newest"]
    assert week.client("officer:15+").get(path).json()["preview"] is None
    assert week.client("officer:15+").get(path, params={"preview": "true"}).json()["preview"]["alerts"] == 1


@pytest.mark.parametrize(
    ("filter", "field", "nearest"),
    [
        ({"kinds": ["emision.exceeded"]}, "filter.kinds[0]", "emission.exceeded"),
        ({"kinds": ["emission.*", "dta.*"]}, "filter.kinds[1]", "data."),
        ({"regions": ["99"]}, "filter.regions[0]", "nearest is "),
        ({"regions": ["150199"]}, "filter.regions[0]", "nearest is 15"),
        ({"industries": ["D4499"]}, "filter.industries[0]", "D44"),
        ({"min_level": "yelow"}, "filter.min_level", "yellow"),
        ({"stages": ["befor"]}, "filter.stages[0]", "before"),
    ],
    ids=str,
)
def test_an_unknown_value_is_refused_with_the_nearest_known_one(
    harness: AlertsHarness, filter: dict[str, Any], field: str, nearest: str
) -> None:
    answer = posted(harness, **filter)
    assert answer.status_code == 422, answer.text
    (wrong,) = answer.json()["errors"]
    assert wrong["field"] == field and "nearest" in wrong["rule"]
    assert wrong["value"] and (nearest in wrong["rule"] or nearest == wrong["value"])
    with harness.database.read() as session:
        assert session.connection().execute(select(SUBSCRIPTION.c.id)).all() == []


def test_an_endpoint_of_no_division_is_refused(harness: AlertsHarness) -> None:
    body = {"url": "https://a.example/hook", "owner": {"region": "99"}}
    answer = harness.client("admin").post("/alerts/v1/endpoints", json=body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "owner.region"
