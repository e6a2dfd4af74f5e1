"""Lists of alerts page by page: rows of one and the same moment are neither lost nor repeated, whatever is added meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.runtime.web import cursor
from tests.support.alerts_case import OTHER, T0
from tests.support.alerts_harness import AlertsHarness, an_exceedance, codes, minutes, opened_on

CODE = "91150102MA0N0AAA1B"
ME, OFFICER = f"enterprise:{CODE}", "officer:15"
MANY = 4


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[AlertsHarness]:
    yield from opened_on(database_url, tmp_path)


def make_alerts(harness: AlertsHarness) -> None:
    harness.take(*(an_exceedance(CODE, T0, id=f"rsk_tie{n}") for n in range(MANY)))


def make_endpoints(harness: AlertsHarness) -> None:
    for n in range(MANY):
        body = {"url": f"https://127.0.0.1/{n}"}
        assert harness.client(OFFICER).post("/alerts/v1/endpoints", json=body).status_code == 201


def make_deliveries(harness: AlertsHarness) -> None:
    harness.endpoint("https://one.example/", region="15")
    endpoint = harness.get(OFFICER, "/endpoints")["items"][0]["id"]
    for _ in range(MANY):
        assert harness.client(OFFICER).post(f"/alerts/v1/endpoints/{endpoint}/test").status_code == 202


def make_subscriptions(harness: AlertsHarness) -> None:
    endpoint, _ = harness.endpoint("https://one.example/", region="15")
    for n in range(MANY):
        body = {"name": f"第{n}个", "via": {"endpoint": endpoint}}
        assert harness.client(OFFICER).post("/alerts/v1/subscriptions", json=body).status_code == 201


def make_notices(harness: AlertsHarness) -> None:
    """One slot, several classes of industry."""
    for n in range(MANY):
        some = codes(13, f"N{n}")
        harness.register_enterprises(*some, industry=f"C{20 + n}11")
    risks = [
        an_exceedance(code, T0 + minutes(5 * k), industry=f"C{20 + n}11")
        for n in range(MANY)
        for k, code in enumerate(codes(3, f"N{n}"))
    ]
    harness.take_at_their_time(*risks)
    harness.at(T0 + timedelta(hours=1))


def make_drafts(harness: AlertsHarness) -> None:
    """The same where the class is too small for a notice."""
    for n in range(MANY):
        harness.register_enterprises(*codes(5, f"D{n}"), industry=f"C{20 + n}11")
    risks = [
        an_exceedance(code, T0 + minutes(5 * k), industry=f"C{20 + n}11")
        for n in range(MANY)
        for k, code in enumerate(codes(3, f"D{n}"))
    ]
    harness.take_at_their_time(*risks)
    harness.at(T0 + timedelta(hours=1))


@dataclass(frozen=True)
class Listed:
    path: str
    make: Callable[[AlertsHarness], None]

    def __str__(self) -> str:
        return self.path


LISTS = [
    Listed("/alerts", make_alerts),
    Listed("/endpoints", make_endpoints),
    Listed("/deliveries", make_deliveries),
    Listed("/subscriptions", make_subscriptions),
    Listed("/peer-notices", make_notices),
    Listed("/peer-notices/drafts", make_drafts),
]
each_list = pytest.mark.parametrize("listed", LISTS, ids=str)


def pages(harness: AlertsHarness, path: str, limit: int, who: str = OFFICER, **query: Any) -> list[list[str]]:
    """Ids page by page, to the last."""
    found, behind = [], {}
    while True:
        page = harness.get(who, path, limit=limit, **query, **behind)
        found.append([one["id"] for one in page["items"]])
        if page["next"] is None:
            return found
        behind = {"cursor": page["next"]}


@each_list
def test_rows_of_one_moment_come_once_each_at_every_size_of_page(harness: AlertsHarness, listed: Listed) -> None:
    listed.make(harness)
    whole = [one["id"] for one in harness.get(OFFICER, listed.path)["items"]]
    assert len(set(whole)) == MANY
    for limit in (1, 2, MANY - 1, MANY, MANY + 1):
        found = pages(harness, listed.path, limit)
        assert [one for page in found for one in page] == whole
        assert len(found) == -(-MANY // limit), "a last page that is empty was announced"
    behind = harness.get(OFFICER, listed.path, limit=2)["next"]
    for who in ("officer:1502", "officer:11"):  # a cursor names a place in the list, not a caller
        assert harness.get(who, listed.path, cursor=behind)["items"] == []
    assert [one["id"] for one in harness.get("admin", listed.path, cursor=behind)["items"]] == whole[2:]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertsHarness]:
    """For requests that are refused before a row is read."""
    yield from opened_on(None, tmp_path_factory.mktemp("alerts"))


@pytest.mark.parametrize("limit", [0, -1, 501, "1.5", "viele"])
@each_list
def test_a_size_of_page_outside_1_to_500_is_refused_with_the_value(
    empty: AlertsHarness, listed: Listed, limit: object
) -> None:
    answer = empty.client(OFFICER).get(f"/alerts/v1{listed.path}", params={"limit": str(limit)})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["value"]) == ("limit", str(limit))
    assert error["rule"]


CURSORS = {
    "no base64": "äöü",
    "no JSON": "bm8ganNvbg",
    "of another list": cursor("E001"),
    "a number for a time": cursor(1, "alr_a"),
    "a time that is none": cursor("yesterday", "alr_a"),
    "a time without offset": cursor("2026-11-20T09:00:00", "alr_a"),
    "a day that is none": cursor("2026-02-30T09:00:00+08:00", "alr_a"),
    "a name that no database keeps": cursor("2026-11-20T09:00:00+08:00", "a\x00b"),
}


@pytest.mark.parametrize("text", CURSORS.values(), ids=CURSORS)
@each_list
def test_a_cursor_that_was_not_given_out_is_refused_as_such(empty: AlertsHarness, listed: Listed, text: str) -> None:
    answer = empty.client(OFFICER).get(f"/alerts/v1{listed.path}", params={"cursor": text})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["field"] == "cursor" and error["rule"]


def test_what_is_added_between_two_pages_moves_none_of_them(harness: AlertsHarness) -> None:
    make_alerts(harness)
    whole = [one["id"] for one in harness.get(OFFICER, "/alerts")["items"]]
    first = harness.get(OFFICER, "/alerts", limit=2)
    later = [an_exceedance(CODE, T0 + minutes(n), id=f"rsk_late{n}") for n in range(1, 4)]
    harness.take(*later)
    rest = harness.get(OFFICER, "/alerts", limit=100, cursor=first["next"])
    assert [one["id"] for one in (*first["items"], *rest["items"])] == whole
    newest = harness.get(OFFICER, "/alerts", limit=3)["items"]
    assert [one["risk"] for one in newest] == ["rsk_late3", "rsk_late2", "rsk_late1"]


def test_an_endpoint_that_is_deleted_between_two_pages_costs_no_other(harness: AlertsHarness) -> None:
    make_endpoints(harness)
    whole = [one["id"] for one in harness.get(OFFICER, "/endpoints")["items"]]
    first = harness.get(OFFICER, "/endpoints", limit=2)
    last_shown = first["items"][-1]["id"]
    assert harness.client(OFFICER).delete(f"/alerts/v1/endpoints/{last_shown}").status_code == 204
    rest = harness.get(OFFICER, "/endpoints", limit=100, cursor=first["next"])
    assert [one["id"] for one in rest["items"]] == whole[2:]


def test_filters_narrow_each_page_and_not_only_the_first(harness: AlertsHarness) -> None:
    harness.take(
        *(an_exceedance(CODE, T0, id=f"rsk_a{n}", factor="a21026") for n in range(4)),
        *(an_exceedance(CODE, T0, id=f"rsk_b{n}", factor="a21002") for n in range(4)),
        *(an_exceedance(OTHER, T0, id=f"rsk_c{n}", factor="a21026") for n in range(4)),
    )
    found = pages(harness, "/alerts", 1, factor="a21026", credit_code=CODE)
    assert sorted(one for page in found for one in page) == sorted(harness.alert(f"rsk_a{n}").id for n in range(4))
    found = pages(harness, "/alerts", 3, who=ME, factor="a21002")
    assert sorted(one for page in found for one in page) == sorted(harness.alert(f"rsk_b{n}").id for n in range(4))
