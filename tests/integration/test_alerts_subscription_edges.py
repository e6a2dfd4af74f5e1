"""Subscriptions where filters meet and where hours and days end, on both databases: what comes, when, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.alerts.store.tables import DIGEST_ITEM
from shared.domain.clock import SHANGHAI
from shared.domain.risk import RiskState
from tests.support.alerts_case import T0, cleared
from tests.support.alerts_harness import AlertsHarness, an_exceedance, minutes, opened_on

PATH = "/alerts/v1/subscriptions"
CODE = "91150102MA0N0AAA1B"


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[AlertsHarness]:
    yield from opened_on(database_url, tmp_path)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def subscribed(harness: AlertsHarness, who: str = "officer:15", **asked: Any) -> str:
    """The endpoint of a new subscription of `who`."""
    endpoint, _ = harness.endpoint(f"https://{len(harness.endpoints())}.example/", region=who.partition(":")[2])
    answer = harness.client(who).post(PATH, json={"name": "重点", "via": {"endpoint": endpoint}, **asked})
    assert answer.status_code == 201, answer.text
    return endpoint


def received(harness: AlertsHarness, endpoint: str) -> list[tuple[str, datetime]]:
    return [(push.reason, push.due_at) for push in harness.pushes() if push.endpoint_id == endpoint]


def reasons(harness: AlertsHarness, endpoint: str) -> list[str]:
    return [reason for reason, _ in received(harness, endpoint)]


FITS: dict[str, Any] = {
    "regions": ["1501"],
    "industries": ["D44"],
    "kinds": ["emission.*"],
    "enterprises": [CODE],
    "stages": ["during"],
    "min_level": "yellow",
}
MISSES: dict[str, Any] = {
    "regions": ["1502", "1503"],
    "industries": ["C", "D45"],
    "kinds": ["data.*", "permit.renewal"],
    "enterprises": ["91150102MA0N0BBB2C"],
    "stages": ["before", "after"],
    "min_level": "orange",
}


def test_every_part_of_a_filter_must_fit_and_one_entry_of_each_is_enough(
    tmp_path: Path, harness: AlertsHarness
) -> None:
    whole = subscribed(harness, filter=FITS)
    missing = {
        name: subscribed(harness, filter={**FITS, name: value})
        for name, value in MISSES.items()
        if name != "enterprises"
    }
    either = {
        name: subscribed(harness, filter={**FITS, name: [*value, *FITS[name]]})
        for name, value in MISSES.items()
        if name in ("regions", "industries", "kinds", "stages")
    }
    harness.take(an_exceedance(CODE, T0))
    assert reasons(harness, whole) == ["first"]
    assert {name: reasons(harness, one) for name, one in missing.items()} == {name: [] for name in missing}
    assert {name: reasons(harness, one) for name, one in either.items()} == {name: ["first"] for name in either}


def test_a_division_is_a_prefix_of_whole_levels(harness: AlertsHarness) -> None:
    """15 holds 1501 and 150102; 1501 does not hold 1502, whatever the digits begin with."""
    by = {region: subscribed(harness, filter={"regions": [region]}) for region in ("15", "1501", "150102", "150103")}
    harness.take(an_exceedance("E1", T0, region="150102"), an_exceedance("E2", T0, region="150105"))
    harness.take(an_exceedance("E3", T0, region="152501"))
    assert {region: len(received(harness, one)) for region, one in by.items()} == {
        "15": 3,
        "1501": 2,
        "150102": 1,
        "150103": 0,
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"filter": {"regions": ["11"]}}, "filter.regions[0]"),
    ({"filter": {"regions": ["1501", "1599"]}}, "filter.regions[1]"),
    ({"filter": {"regions": ["150"]}}, "filter.regions[0]"),
    ({"filter": {"industries": ["D44", "D9999"]}}, "filter.industries[1]"),
    ({"filter": {"industries": ["d44"]}}, "filter.industries[0]"),
    ({"filter": {"kinds": ["emission.*", "emision.*"]}}, "filter.kinds[1]"),
    ({"filter": {"enterprises": ["91150102MA0N0AAA1X"]}}, "filter.enterprises[0]"),
    ({"filter": {"stages": ["afterwards"]}}, "filter.stages[0]"),
    ({"filter": {"min_level": "purple"}}, "filter.min_level"),
    ({"filter": {"regions": ["15"] * 201}}, "filter.regions"),
    ({"filter": {"region": ["15"]}}, "filter.region"),
    ({"digest": "hourly"}, "digest"),
    ({"quiet": {"from": "24:00", "to": "07:00"}}, "quiet.from"),
    ({"quiet": {"from": "22:00", "to": "07:60"}}, "quiet.to"),
    ({"quiet": {"from": "22:00", "to": "22:00"}}, "quiet.to"),
    ({"quiet": {"from": "22:00"}}, "quiet.to"),
    ({"quiet": {"from": "2200", "to": "0700"}}, "quiet.from"),
    ({"name": ""}, "name"),
    ({"name": "n" * 101}, "name"),
    ({"via": {}}, "via.endpoint"),
    ({"via": {"endpoint": f"end_{'a' * 26}", "mail": "a@example.com"}}, "via.mail"),
]


def test_what_cannot_be_subscribed_to_is_refused_by_field_value_and_rule(tmp_path: Path) -> None:
    for harness in opened_on(None, tmp_path):
        endpoint, _ = harness.endpoint("https://office.example/", region="15")
        body = {"name": "重点", "via": {"endpoint": endpoint}}
        for wrong, field in REFUSED:
            answer = harness.client("officer:15").post(PATH, json={**body, **wrong})
            assert answer.status_code == 422, (wrong, answer.text)
            error = answer.json()["errors"][0]
            assert error["field"] == field and error["rule"] and "value" in error, (wrong, error)
        assert harness.get("officer:15", "/subscriptions")["items"] == []


QUIET = {
    "22:00-07:00": [
        ("2026-11-20 21:59:59", None),
        ("2026-11-20 22:00:00", "2026-11-21 07:00"),
        ("2026-11-20 23:59:59", "2026-11-21 07:00"),
        ("2026-11-21 00:00:00", "2026-11-21 07:00"),
        ("2026-11-21 06:59:59", "2026-11-21 07:00"),
        ("2026-11-21 07:00:00", None),
    ],
    "12:00-13:30": [
        ("2026-11-20 11:59:59", None),
        ("2026-11-20 12:00:00", "2026-11-20 13:30"),
        ("2026-11-20 13:29:59", "2026-11-20 13:30"),
        ("2026-11-20 13:30:00", None),
    ],
    "00:00-08:00": [
        ("2026-12-31 23:59:59", None),
        ("2027-01-01 00:00:00", "2027-01-01 08:00"),
        ("2027-01-01 08:00:00", None),
    ],
    "20:00-00:00": [
        ("2026-12-31 20:00:00", "2027-01-01 00:00"),
        ("2026-12-31 23:59:59", "2027-01-01 00:00"),
        ("2027-01-01 00:00:00", None),
    ],
}


@pytest.mark.parametrize("span", QUIET)
def test_quiet_hours_begin_and_end_to_the_second_in_shanghai(harness: AlertsHarness, span: str) -> None:
    start, end = span.split("-")
    endpoint = subscribed(harness, quiet={"from": start, "to": end})
    for n, (moment, until) in enumerate(QUIET[span]):
        harness.take_at_their_time(an_exceedance(f"E{n:03}", at(moment)))
        assert received(harness, endpoint)[-1][1] == at(until or moment), moment
    assert len(received(harness, endpoint)) == len(QUIET[span])


def test_of_two_subscriptions_of_an_endpoint_the_one_without_quiet_hours_decides(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, quiet={"from": "22:00", "to": "07:00"})
    night = at("2026-11-20 23:00")
    harness.take_at_their_time(an_exceedance("E000", night))
    for quiet in ({"from": "22:00", "to": "05:00"}, None):
        body = {"name": "再订", "via": {"endpoint": endpoint}, "quiet": quiet}
        assert harness.client("officer:15").post(PATH, json=body).status_code == 201
        harness.take_at_their_time(an_exceedance(f"E{quiet is None:03}1", night + minutes(30 if quiet else 40)))
    assert sorted(due for _, due in received(harness, endpoint)) == [
        night + minutes(40),
        at("2026-11-21 05:00"),
        at("2026-11-21 07:00"),
    ]


def test_a_digest_goes_by_the_day_that_ends_at_half_past_eight(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, digest="daily")
    moments = ["2026-11-20 08:29:59", "2026-11-20 08:30:00", "2026-11-21 08:29:59", "2026-11-21 08:30:00"]
    risks = [an_exceedance(f"E{n:03}", at(moment)) for n, moment in enumerate(moments)]
    harness.take_at_their_time(*risks)
    harness.at(at("2026-11-22 08:30"))
    days = [[one["id"] for one in message["data"]["alerts"]] for message in harness.messages(endpoint)]
    ids = [harness.alert(risk.id).id for risk in risks]
    assert days == [ids[:1], ids[1:3], ids[3:]]
    spans = [(message["data"]["from"], message["data"]["to"]) for message in harness.messages(endpoint)]
    assert spans == [(f"2026-11-{day}T08:30:00+08:00", f"2026-11-{day + 1}T08:30:00+08:00") for day in (19, 20, 21)]


def test_a_digest_shows_an_alert_as_it_is_now_and_a_withdrawn_one_as_withdrawn(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, digest="daily")
    risk, other = an_exceedance("E000", at("2026-11-20 09:00")), an_exceedance("E001", at("2026-11-20 09:10"))
    harness.take_at_their_time(risk, other)
    harness.take_at_their_time(replace(risk, revision=2, condition="repeated", changed_at=at("2026-11-20 10:00")))
    withdrawn = replace(other, revision=2, state=RiskState.WITHDRAWN, changed_at=at("2026-11-20 11:00"))
    harness.take_at_their_time(withdrawn)
    harness.at(at("2026-11-21 08:30"))
    (message,) = harness.messages(endpoint)
    levels = {one["id"]: one["level"] for one in message["data"]["alerts"]}
    assert levels[harness.alert(risk.id).id] == "red"
    assert message["data"]["counts"]["red"] == 1
    assert sum(message["data"]["counts"].values()) == len(levels)


def test_a_digest_waits_while_its_endpoint_is_paused_and_then_holds_all_of_it(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, digest="daily")
    risks = [an_exceedance(f"E{n:03}", at(f"2026-11-2{n} 09:00")) for n in range(3)]
    harness.take_at_their_time(risks[0])
    assert harness.client("officer:15").post(f"/alerts/v1/endpoints/{endpoint}/pause").status_code == 200
    harness.take_at_their_time(*risks[1:])
    harness.at(at("2026-11-23 12:00"))
    assert harness.messages(endpoint) == []
    assert harness.client("officer:15").post(f"/alerts/v1/endpoints/{endpoint}/resume").status_code == 200
    harness.at(at("2026-11-23 12:01"))
    shown = [one["id"] for message in harness.messages(endpoint) for one in message["data"]["alerts"]]
    assert harness.alert(risks[0].id).id in shown
    assert len(shown) == len(set(shown))
    assert [row for row in harness.rows(DIGEST_ITEM) if row.digest_id is None] == []


def test_a_digest_due_in_quiet_hours_is_held_till_their_end(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, digest="daily", quiet={"from": "22:00", "to": "09:15"})
    harness.take_at_their_time(an_exceedance("E000", at("2026-11-20 10:00")))
    harness.at(at("2026-11-21 08:30"))
    assert received(harness, endpoint) == [("digest_daily", at("2026-11-21 09:15"))]


def test_an_ended_or_changed_subscription_decides_from_then_on(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, filter={"min_level": "yellow"})
    (one,) = harness.get("officer:15", "/subscriptions")["items"]
    harness.take(an_exceedance("E000", T0))
    body = {"name": one["name"], "via": one["via"], "filter": {"min_level": "red"}}
    assert harness.client("officer:15").put(f"{PATH}/{one['id']}", json=body).status_code == 200
    harness.take(an_exceedance("E001", T0))
    assert len(received(harness, endpoint)) == 1
    assert harness.client("officer:15").delete(f"{PATH}/{one['id']}").status_code == 204
    harness.take(an_exceedance("E002", T0, condition="repeated"))
    assert len(received(harness, endpoint)) == 1
    assert harness.client("officer:15").get(f"{PATH}/{one['id']}").status_code == 404


def test_whoever_was_notified_is_notified_of_the_end_after_the_subscription_ended(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness)
    risk = an_exceedance("E000", T0)
    harness.take(risk)
    (one,) = harness.get("officer:15", "/subscriptions")["items"]
    assert harness.client("officer:15").delete(f"{PATH}/{one['id']}").status_code == 204
    harness.at(T0 + timedelta(hours=3))
    harness.take(cleared(risk, 2))
    assert reasons(harness, endpoint) == ["first", "cleared"]


@pytest.mark.parametrize("who", ["officer:1502", "officer:11", "officer:1501"])
def test_a_subscription_of_a_superior_or_other_division_is_not_there(harness: AlertsHarness, who: str) -> None:
    subscribed(harness)
    (one,) = harness.get("officer:15", "/subscriptions")["items"]
    assert harness.get(who, "/subscriptions")["items"] == []
    client, path = harness.client(who), f"{PATH}/{one['id']}"
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
    own, _ = harness.endpoint("https://own.example/", region=who.partition(":")[2])
    assert client.put(path, json={"name": "x", "via": {"endpoint": own}}).status_code == 404
    assert len(harness.get("officer:15", "/subscriptions")["items"]) == 1
