"""What officers subscribe to, and how they get it: at once, after quiet hours, in a digest; a division's counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.alerts.store.tables import DIGEST_ITEM, SUBSCRIPTION
from shared.domain.clock import SHANGHAI
from shared.domain.risk import Risk
from tests.support.alerts_case import T0, cleared
from tests.support.alerts_harness import AlertsHarness, an_exceedance, minutes, opened

PATH = "/alerts/v1/subscriptions"
CODE = "91150102MA0N0AAA1B"


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AlertsHarness]:
    yield from opened(tmp_path)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def subscribed(harness: AlertsHarness, who: str = "officer:15", **asked: Any) -> str:
    """The endpoint of a new subscription of `who`."""
    region = who.partition(":")[2].rstrip("+")
    endpoint, _ = harness.endpoint(f"https://{len(harness.endpoints())}.example/", region=region)
    body = {"name": "重点", "via": {"endpoint": endpoint}, **asked}
    answer = harness.client(who).post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    return endpoint


def received(harness: AlertsHarness, endpoint: str) -> list[tuple[str, datetime]]:
    return [(push.reason, push.due_at) for push in harness.pushes() if push.endpoint_id == endpoint]


def first_hour(code: str = "E000", when: datetime = T0, **other: Any) -> Risk:
    """A first hour over the limit: the catalogue tells the enterprise alone."""
    return an_exceedance(code, when, **other)


def test_a_subscription_receives_what_the_catalogue_sends_to_others(harness: AlertsHarness) -> None:
    wide = subscribed(harness)
    steel = subscribed(harness, filter={"industries": ["C31"]})
    offline = subscribed(harness, filter={"kinds": ["data.*"]})
    red = subscribed(harness, filter={"min_level": "red"})
    city = subscribed(harness, "officer:1502")
    risk = first_hour()
    harness.take_at_their_time(risk)
    assert [reason for reason, _ in received(harness, wide)] == ["first"]
    assert [received(harness, one) for one in (steel, offline, red, city)] == [[], [], [], []]
    graver = replace(risk, revision=2, condition="repeated", changed_at=T0 + minutes(60))
    harness.take_at_their_time(graver)
    assert [reason for reason, _ in received(harness, red)] == ["level_raised"]
    harness.take_at_their_time(cleared(graver, 3, hours=3))
    assert [reason for reason, _ in received(harness, red)] == ["level_raised", "cleared"]
    assert [reason for reason, _ in received(harness, wide)] == ["first", "level_raised", "cleared"]


def test_whoever_is_notified_unasked_is_not_notified_twice(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, "officer:150102")
    subscribed_again = {"name": "又一个", "via": {"endpoint": endpoint}}
    assert harness.client("officer:150102").post(PATH, json=subscribed_again).status_code == 201
    harness.take_at_their_time(first_hour(condition="lasting"))
    assert [reason for reason, _ in received(harness, endpoint)] == ["first"]


def test_beforehand_warnings_reach_an_officer_only_when_the_stage_is_named(harness: AlertsHarness) -> None:
    everything = subscribed(harness, filter={"kinds": ["*"]})
    before = subscribed(harness, filter={"stages": ["before"]})
    harness.take_at_their_time(first_hour(kind="data.fault", condition="fault"))
    assert (received(harness, everything), len(received(harness, before))) == ([], 1)


def test_quiet_hours_hold_a_push_till_the_morning_unless_it_is_red(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, quiet={"from": "22:00", "to": "07:00"})
    night, morning = at("2026-11-20 23:10"), at("2026-11-21 07:00")
    risk = first_hour(when=night)
    harness.take_at_their_time(risk)
    red = replace(risk, revision=2, condition="repeated", changed_at=night + minutes(30))
    harness.take_at_their_time(red)
    harness.take_at_their_time(first_hour("E001", at("2026-11-21 07:00")))
    assert received(harness, endpoint) == [
        ("first", morning),
        ("level_raised", night + minutes(30)),
        ("first", at("2026-11-21 07:00")),
    ]


def test_the_all_clear_of_the_night_waits_for_the_morning_too(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, quiet={"from": "22:00", "to": "07:00"})
    risk = first_hour(when=at("2026-11-20 21:00"))
    harness.take_at_their_time(risk, cleared(risk, 2, hours=3))
    assert received(harness, endpoint) == [("first", at("2026-11-20 21:00")), ("cleared", at("2026-11-21 07:00"))]


def test_a_daily_digest_has_each_alert_once_whatever_restarts(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, digest="daily")
    risks = [first_hour(f"E{n:03}", at("2026-11-20 09:00") + minutes(n)) for n in range(3)]
    harness.take_at_their_time(*risks)
    harness.take_at_their_time(replace(risks[0], revision=2, condition="lasting", changed_at=at("2026-11-20 10:00")))
    harness.at(at("2026-11-21 08:29"))
    assert received(harness, endpoint) == []
    for moment in ("2026-11-21 08:30", "2026-11-21 08:31", "2026-11-21 09:00"):
        harness.at(at(moment))
        replace(harness).tick()  # another process over the same rows
    late = first_hour("E003", at("2026-11-21 10:00"))
    harness.take_at_their_time(late)
    harness.at(at("2026-11-24 12:00"))
    first, second = harness.messages(endpoint)
    assert (first["type"], first["data"]["reason"]) == ("yujing.digest.v1", "daily")
    assert (first["data"]["from"], first["data"]["to"]) == ("2026-11-20T08:30:00+08:00", "2026-11-21T08:30:00+08:00")
    assert [one["id"] for one in first["data"]["alerts"]] == [harness.alert(risk.id).id for risk in risks]
    assert all("E00" in one["headline"]["zh"] for one in first["data"]["alerts"])
    assert [one["id"] for one in second["data"]["alerts"]] == [harness.alert(late.id).id]
    assert [reason for reason, _ in received(harness, endpoint)] == ["digest_daily"] * 2


def test_a_weekly_digest_comes_on_monday(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, digest="weekly")
    harness.take_at_their_time(first_hour(when=at("2026-11-18 10:00")))  # a Wednesday
    harness.at(at("2026-11-22 23:59"))
    assert received(harness, endpoint) == []
    harness.at(at("2026-11-23 08:30"))
    assert [one["data"]["reason"] for one in harness.messages(endpoint)] == ["weekly"]


def test_historical_ones_come_as_one_digest_a_minute_after_the_last(harness: AlertsHarness) -> None:
    enterprise, _ = harness.endpoint("https://e.example/", credit_code="E000")
    officer = subscribed(harness)
    for n in range(4):
        harness.take_at_their_time(first_hour(when=T0 + timedelta(seconds=20 * n), id=f"rsk_{n}", historical=True))
    harness.at(T0 + timedelta(seconds=119))
    assert harness.pushes() == []
    harness.at(T0 + timedelta(seconds=120))
    harness.tick()
    for endpoint in (enterprise, officer):
        (message,) = harness.messages(endpoint)
        assert message["data"]["reason"] == "historical"
        assert len({one["id"] for one in message["data"]["alerts"]}) == 4


def test_a_long_digest_goes_in_several_and_loses_none(harness: AlertsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.alerts.store.digests.MOST", 2)
    monkeypatch.setattr("services.alerts.handlers.digests.MOST", 2)
    endpoint = subscribed(harness, digest="daily")
    harness.take_at_their_time(*(first_hour(f"E{n:03}", T0 + minutes(n)) for n in range(5)))
    harness.at(T0 + timedelta(days=1))
    named = [one["id"] for message in harness.messages(endpoint) for one in message["data"]["alerts"]]
    assert (len(harness.messages(endpoint)), len(named), len(set(named))) == (3, 5, 5)
    assert all(row.digest_id for row in harness.rows(DIGEST_ITEM))


def test_subscriptions_are_read_changed_and_ended_by_their_division(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness, "officer:1501", filter={"kinds": ["emission.*"], "min_level": "yellow"})
    (kept,) = harness.get("officer:15", "/subscriptions")["items"]
    assert kept["filter"]["kinds"] == ["emission.*"] and kept["via"] == {"endpoint": endpoint}
    mine = f"{PATH}/{kept['id']}"
    assert harness.client("officer:1502").get(mine).status_code == 404
    assert harness.client("enterprise:E000").get(mine).status_code == 403
    changed = {
        "name": "改",
        "via": {"endpoint": endpoint},
        "digest": "weekly",
        "quiet": {"from": "22:00", "to": "06:30"},
    }
    answer = harness.client("officer:1501").put(mine, json=changed)
    assert (answer.json()["digest"], answer.json()["quiet"]["to"]) == ("weekly", "06:30")
    assert harness.client("officer:1502").delete(mine).status_code == 404
    assert harness.client("officer:1501").delete(mine).status_code == 204
    assert harness.get("officer:15", "/subscriptions")["items"] == []


def test_a_subscription_ends_with_its_endpoint(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness)
    assert harness.client("officer:15").delete(f"/alerts/v1/endpoints/{endpoint}").status_code == 204
    assert harness.rows(SUBSCRIPTION) == []


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"via": {"mail": "a@b.example"}}, 422, "invalid"),
        ({"via": {"endpoint": {"key": "k"}}}, 422, "invalid"),
        ({"via": {}}, 422, "invalid"),
        ({"via": {"pigeon": "x"}}, 422, "invalid"),
        ({"via": {"endpoint": "end_" + "a" * 26}}, 404, "not-found"),
        ({"via": {"endpoint": "end_none"}}, 422, "invalid"),
        ({"filter": {"regions": ["14"]}}, 422, "invalid"),
        ({"filter": {"regions": ["159999"]}}, 422, "invalid"),
        ({"filter": {"industries": ["Z9999"]}}, 422, "invalid"),
        ({"filter": {"kinds": ["data.suspect"]}}, 403, "scope-missing"),
        ({"filter": {"stages": ["never"]}}, 422, "invalid"),
        ({"quiet": {"from": "22:00", "to": "22:00"}}, 422, "invalid"),
        ({"quiet": {"from": "25:00", "to": "07:00"}}, 422, "invalid"),
        ({"digest": "hourly"}, 422, "invalid"),
        ({"colour": "blue"}, 422, "invalid"),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused(
    harness: AlertsHarness, asked: dict[str, Any], status: int, code: str
) -> None:
    endpoint, _ = harness.endpoint("https://o.example/", region="15")
    answer = harness.client("officer:15").post(PATH, json={"name": "x", "via": {"endpoint": endpoint}, **asked})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert harness.rows(SUBSCRIPTION) == []


def test_an_enterprise_s_endpoint_never_receives_others_and_an_office_s_only_of_its_own_division(
    harness: AlertsHarness,
) -> None:
    theirs, _ = harness.endpoint("https://e.example/", credit_code="E000")
    county, _ = harness.endpoint("https://c.example/", region="150103")
    as_admin = harness.client("admin").post(PATH, json={"name": "x", "via": {"endpoint": theirs}})
    assert as_admin.status_code == 422
    assert harness.client("officer:15").post(PATH, json={"name": "x", "via": {"endpoint": county}}).status_code == 201
    harness.take_at_their_time(first_hour("E009"))
    assert received(harness, county) == []


def test_a_scoped_kind_may_be_asked_for_with_the_scope(harness: AlertsHarness) -> None:
    subscribed(harness, "officer:15+", filter={"kinds": ["data.suspect"]})
    (kept,) = harness.rows(SUBSCRIPTION)
    assert kept.scopes == ["investigate"]


def test_a_division_s_counts(harness: AlertsHarness) -> None:
    harness.take_at_their_time(
        first_hour("E000"), first_hour("E001", condition="repeated"), first_hour("E002", region="150202")
    )
    found = harness.get("officer:15", "/regions/1501/summary")
    assert (found["region"], found["total"], found["unended"]) == (
        {"code": "150100", "name": "内蒙古自治区呼和浩特市"},
        2,
        2,
    )
    assert found["by_kind"] == {"emission.exceeded": 2}
    assert (found["by_level"]["yellow"], found["by_level"]["red"], found["by_status"]["open"]) == (1, 1, 2)
    assert harness.get("admin", "/regions/15/summary")["total"] == 3
    assert harness.client("ops").get("/alerts/v1/regions/15/summary").status_code == 403
    assert harness.client("officer:1502").get("/alerts/v1/regions/1501/summary").status_code == 404
    assert harness.client("enterprise:E000").get("/alerts/v1/regions/1501/summary").status_code == 403
    assert len(harness.get("officer:15", "/alerts", region="1501")["items"]) == 2


def test_no_message_to_officers_is_twice_the_same(harness: AlertsHarness) -> None:
    endpoint = subscribed(harness)
    risk = first_hour()
    harness.take_at_their_time(risk)
    harness.take(risk)
    assert len({json.dumps(one) for one in harness.messages(endpoint)}) == len(harness.messages(endpoint)) == 1
