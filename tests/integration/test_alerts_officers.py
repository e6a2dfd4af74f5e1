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
from tests.support.district import District, minutes, opened, trouble

PATH = "/alerts/v1/subscriptions"
CODE = "91150102MA0N0AAA1B"


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    yield from opened(tmp_path)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def subscribed(district: District, who: str = "officer:15", **asked: Any) -> str:
    """The endpoint of a new subscription of `who`."""
    region = who.partition(":")[2].rstrip("+")
    endpoint, _ = district.endpoint(f"https://{len(district.endpoints())}.example/", region=region)
    body = {"name": "重点", "via": {"endpoint": endpoint}, **asked}
    answer = district.client(who).post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    return endpoint


def told(district: District, endpoint: str) -> list[tuple[str, datetime]]:
    return [(push.reason, push.due_at) for push in district.pushes() if push.endpoint_id == endpoint]


def first_hour(code: str = "E000", when: datetime = T0, **other: Any) -> Risk:
    """A first hour over the limit: the catalogue tells the enterprise alone."""
    return trouble(code, when, **other)


def test_a_subscription_hears_of_what_the_catalogue_tells_others(district: District) -> None:
    wide = subscribed(district)
    steel = subscribed(district, filter={"industries": ["C31"]})
    offline = subscribed(district, filter={"kinds": ["data.*"]})
    red = subscribed(district, filter={"min_level": "red"})
    city = subscribed(district, "officer:1502")
    risk = first_hour()
    district.happens(risk)
    assert [reason for reason, _ in told(district, wide)] == ["first"]
    assert [told(district, one) for one in (steel, offline, red, city)] == [[], [], [], []]
    graver = replace(risk, revision=2, condition="repeated", changed_at=T0 + minutes(60))
    district.happens(graver)
    assert [reason for reason, _ in told(district, red)] == ["level_raised"]
    district.happens(cleared(graver, 3, hours=3))
    assert [reason for reason, _ in told(district, red)] == ["level_raised", "cleared"]
    assert [reason for reason, _ in told(district, wide)] == ["first", "level_raised", "cleared"]


def test_whoever_is_told_unasked_is_not_told_twice(district: District) -> None:
    endpoint = subscribed(district, "officer:150102")
    subscribed_again = {"name": "又一个", "via": {"endpoint": endpoint}}
    assert district.client("officer:150102").post(PATH, json=subscribed_again).status_code == 201
    district.happens(first_hour(condition="lasting"))
    assert [reason for reason, _ in told(district, endpoint)] == ["first"]


def test_beforehand_warnings_reach_an_officer_only_when_the_stage_is_named(district: District) -> None:
    everything = subscribed(district, filter={"kinds": ["*"]})
    before = subscribed(district, filter={"stages": ["before"]})
    district.happens(first_hour(kind="data.fault", condition="fault"))
    assert (told(district, everything), len(told(district, before))) == ([], 1)


def test_quiet_hours_hold_a_push_till_the_morning_unless_it_is_red(district: District) -> None:
    endpoint = subscribed(district, quiet={"from": "22:00", "to": "07:00"})
    night, morning = at("2026-11-20 23:10"), at("2026-11-21 07:00")
    risk = first_hour(when=night)
    district.happens(risk)
    red = replace(risk, revision=2, condition="repeated", changed_at=night + minutes(30))
    district.happens(red)
    district.happens(first_hour("E001", at("2026-11-21 07:00")))
    assert told(district, endpoint) == [
        ("first", morning),
        ("level_raised", night + minutes(30)),
        ("first", at("2026-11-21 07:00")),
    ]


def test_the_all_clear_of_the_night_waits_for_the_morning_too(district: District) -> None:
    endpoint = subscribed(district, quiet={"from": "22:00", "to": "07:00"})
    risk = first_hour(when=at("2026-11-20 21:00"))
    district.happens(risk, cleared(risk, 2, hours=3))
    assert told(district, endpoint) == [("first", at("2026-11-20 21:00")), ("cleared", at("2026-11-21 07:00"))]


def test_a_daily_digest_has_each_alert_once_whatever_restarts(district: District) -> None:
    endpoint = subscribed(district, digest="daily")
    risks = [first_hour(f"E{n:03}", at("2026-11-20 09:00") + minutes(n)) for n in range(3)]
    district.happens(*risks)
    district.happens(replace(risks[0], revision=2, condition="lasting", changed_at=at("2026-11-20 10:00")))
    district.at(at("2026-11-21 08:29"))
    assert told(district, endpoint) == []
    for moment in ("2026-11-21 08:30", "2026-11-21 08:31", "2026-11-21 09:00"):
        district.at(at(moment))
        replace(district).tick()  # another process over the same rows
    late = first_hour("E003", at("2026-11-21 10:00"))
    district.happens(late)
    district.at(at("2026-11-24 12:00"))
    first, second = district.letters(endpoint)
    assert (first["type"], first["data"]["reason"]) == ("yujing.digest.v1", "daily")
    assert (first["data"]["from"], first["data"]["to"]) == ("2026-11-20T08:30:00+08:00", "2026-11-21T08:30:00+08:00")
    assert [one["id"] for one in first["data"]["alerts"]] == [district.alert(risk.id).id for risk in risks]
    assert all("E00" in one["headline"]["zh"] for one in first["data"]["alerts"])
    assert [one["id"] for one in second["data"]["alerts"]] == [district.alert(late.id).id]
    assert [reason for reason, _ in told(district, endpoint)] == ["digest_daily"] * 2


def test_a_weekly_digest_comes_on_monday(district: District) -> None:
    endpoint = subscribed(district, digest="weekly")
    district.happens(first_hour(when=at("2026-11-18 10:00")))  # a Wednesday
    district.at(at("2026-11-22 23:59"))
    assert told(district, endpoint) == []
    district.at(at("2026-11-23 08:30"))
    assert [one["data"]["reason"] for one in district.letters(endpoint)] == ["weekly"]


def test_historical_ones_come_as_one_digest_a_minute_after_the_last(district: District) -> None:
    enterprise, _ = district.endpoint("https://e.example/", credit_code="E000")
    officer = subscribed(district)
    for n in range(4):
        district.happens(first_hour(when=T0 + timedelta(seconds=20 * n), id=f"rsk_{n}", historical=True))
    district.at(T0 + timedelta(seconds=119))
    assert district.pushes() == []
    district.at(T0 + timedelta(seconds=120))
    district.tick()
    for endpoint in (enterprise, officer):
        (letter,) = district.letters(endpoint)
        assert letter["data"]["reason"] == "historical"
        assert len({one["id"] for one in letter["data"]["alerts"]}) == 4


def test_a_long_digest_goes_in_several_and_loses_none(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.alerts.store.digests.MOST", 2)
    monkeypatch.setattr("services.alerts.handlers.digests.MOST", 2)
    endpoint = subscribed(district, digest="daily")
    district.happens(*(first_hour(f"E{n:03}", T0 + minutes(n)) for n in range(5)))
    district.at(T0 + timedelta(days=1))
    named = [one["id"] for letter in district.letters(endpoint) for one in letter["data"]["alerts"]]
    assert (len(district.letters(endpoint)), len(named), len(set(named))) == (3, 5, 5)
    assert all(row.digest_id for row in district.rows(DIGEST_ITEM))


def test_subscriptions_are_read_changed_and_ended_by_their_division(district: District) -> None:
    endpoint = subscribed(district, "officer:1501", filter={"kinds": ["emission.*"], "min_level": "yellow"})
    (kept,) = district.get("officer:15", "/subscriptions")["items"]
    assert kept["filter"]["kinds"] == ["emission.*"] and kept["via"] == {"endpoint": endpoint}
    mine = f"{PATH}/{kept['id']}"
    assert district.client("officer:1502").get(mine).status_code == 404
    assert district.client("enterprise:E000").get(mine).status_code == 403
    changed = {
        "name": "改",
        "via": {"endpoint": endpoint},
        "digest": "weekly",
        "quiet": {"from": "22:00", "to": "06:30"},
    }
    answer = district.client("officer:1501").put(mine, json=changed)
    assert (answer.json()["digest"], answer.json()["quiet"]["to"]) == ("weekly", "06:30")
    assert district.client("officer:1502").delete(mine).status_code == 404
    assert district.client("officer:1501").delete(mine).status_code == 204
    assert district.get("officer:15", "/subscriptions")["items"] == []


def test_a_subscription_ends_with_its_endpoint(district: District) -> None:
    endpoint = subscribed(district)
    assert district.client("officer:15").delete(f"/alerts/v1/endpoints/{endpoint}").status_code == 204
    assert district.rows(SUBSCRIPTION) == []


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"via": {"mail": "a@b.example"}}, 422, "not-yet"),
        ({"via": {"wecom": {"key": "k"}}}, 422, "not-yet"),
        ({"via": {"pigeon": "x"}}, 422, "invalid"),
        ({"via": {"endpoint": "end_none"}}, 404, "not-found"),
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
    district: District, asked: dict[str, Any], status: int, code: str
) -> None:
    endpoint, _ = district.endpoint("https://o.example/", region="15")
    answer = district.client("officer:15").post(PATH, json={"name": "x", "via": {"endpoint": endpoint}, **asked})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert district.rows(SUBSCRIPTION) == []


def test_an_enterprise_s_endpoint_never_hears_of_others_and_an_office_s_only_of_its_own_division(
    district: District,
) -> None:
    theirs, _ = district.endpoint("https://e.example/", credit_code="E000")
    county, _ = district.endpoint("https://c.example/", region="150103")
    as_admin = district.client("admin").post(PATH, json={"name": "x", "via": {"endpoint": theirs}})
    assert as_admin.status_code == 422
    assert district.client("officer:15").post(PATH, json={"name": "x", "via": {"endpoint": county}}).status_code == 201
    district.happens(first_hour("E009"))
    assert told(district, county) == []


def test_a_scoped_kind_may_be_asked_for_with_the_scope(district: District) -> None:
    subscribed(district, "officer:15+", filter={"kinds": ["data.suspect"]})
    (kept,) = district.rows(SUBSCRIPTION)
    assert kept.scopes == ["investigate"]


def test_a_division_s_counts(district: District) -> None:
    district.happens(first_hour("E000"), first_hour("E001", condition="repeated"), first_hour("E002", region="150202"))
    found = district.get("officer:15", "/regions/1501/summary")
    assert (found["region"], found["total"], found["unended"]) == (
        {"code": "150100", "name": "内蒙古自治区呼和浩特市"},
        2,
        2,
    )
    assert found["by_kind"] == {"emission.exceeded": 2}
    assert (found["by_level"]["yellow"], found["by_level"]["red"], found["by_status"]["open"]) == (1, 1, 2)
    assert district.get("admin", "/regions/15/summary")["total"] == 3
    assert district.client("ops").get("/alerts/v1/regions/15/summary").status_code == 403
    assert district.client("officer:1502").get("/alerts/v1/regions/1501/summary").status_code == 404
    assert district.client("enterprise:E000").get("/alerts/v1/regions/1501/summary").status_code == 403
    assert len(district.get("officer:15", "/alerts", region="1501")["items"]) == 2


def test_no_letter_to_officers_is_twice_the_same(district: District) -> None:
    endpoint = subscribed(district)
    risk = first_hour()
    district.happens(risk)
    district.take(risk)
    assert len({json.dumps(one) for one in district.letters(endpoint)}) == len(district.letters(endpoint)) == 1
