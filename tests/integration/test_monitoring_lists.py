"""Series, exceedances and the quarantine at their edges, on both databases: ties, filters, days' ends, callers."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shared.access import Role
from shared.domain.clock import rfc3339
from shared.domain.events import PACKETS, QUARANTINE
from shared.ports import NewRecord
from tests.integration.test_monitoring_api import (
    API,
    MN,
    NOW,
    OTHER_CODE,
    OTHER_MN,
    ApiHarness,
    opened,
    packet,
    post,
    two_enterprises,
)

SO2 = "a21026"
HOURS = [f"2026-11-{day} {hour}:00" for day, hour in ((19, "22"), (19, "23"), (20, "00"), (20, "01"))]


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[ApiHarness]:
    with opened(tmp_path, database_url) as found:
        found.publish(two_enterprises(tmp_path))
        yield found


@pytest.fixture
def filled(harness: ApiHarness) -> ApiHarness:
    """Two points of two enterprises, each over its limit in the four hours around a midnight in Shanghai."""
    post(harness.client(Role.OPS), [packet(hour, mn=mn) for hour in HOURS for mn in (MN, OTHER_MN)])
    harness.pump()
    return harness


def walked(client: TestClient, path: str, limit: int, **query: Any) -> list[dict[str, Any]]:
    """Everything in a list, page by page."""
    found: list[dict[str, Any]] = []
    behind: dict[str, str] = {}
    while True:
        answer = client.get(f"{API}{path}", params={"limit": limit, **query, **behind})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) == limit or page["next"] is None, "a page in the middle is not full"
        found += page["items"]
        if page["next"] is None:
            return found
        behind = {"cursor": page["next"]}


@pytest.mark.parametrize("of", ["windows", "episodes"])
def test_exceedances_of_one_moment_come_once_each_in_both_orders(filled: ApiHarness, of: str) -> None:
    admin = filled.client()
    whole = walked(admin, "/exceedances", 1000, of=of)
    assert len(whole) == (8 if of == "windows" else 2)
    for limit in (1, 2, 3, 7, 8):
        assert walked(admin, "/exceedances", limit, of=of) == whole
        assert walked(admin, "/exceedances", limit, of=of, order="asc") == whole[::-1]


def starts(client: TestClient, path: str, **query: Any) -> list[str]:
    found = walked(client, path, 3, **query)
    return [str(one["window"]["from"] if "window" in one else one["at"])[:13] for one in found]


def test_a_span_holds_its_start_and_not_its_end_whatever_the_offset_it_is_written_in(filled: ApiHarness) -> None:
    admin = filled.client()
    day = {"from": "2026-11-20T00:00:00+08:00", "to": "2026-11-21T00:00:00+08:00"}
    as_utc = {"from": "2026-11-19T16:00:00Z", "to": "2026-11-20T16:00:00Z"}
    as_west = {"from": "2026-11-19T11:00:00-05:00", "to": "2026-11-20T11:00:00-05:00"}
    for span in (day, as_utc, as_west):
        assert starts(admin, f"/points/{MN}/series", factor=SO2, **span) == ["2026-11-20T00", "2026-11-20T01"]
        assert starts(admin, "/exceedances", credit_code=OTHER_CODE, order="asc", **span) == [
            "2026-11-20T00",
            "2026-11-20T01",
        ]
    until = {"to": "2026-11-20T00:00:00+08:00"}
    assert starts(admin, f"/points/{MN}/series", factor=SO2, **until) == ["2026-11-19T22", "2026-11-19T23"]
    at_once = {"from": "2026-11-20T00:00:00+08:00", "to": "2026-11-20T00:00:00+08:00"}
    assert starts(admin, f"/points/{MN}/series", factor=SO2, **at_once) == []
    second = {"from": "2026-11-20T00:00:01+08:00", "to": "2026-11-20T01:00:01+08:00"}
    assert starts(admin, f"/points/{MN}/series", factor=SO2, **second) == ["2026-11-20T01"]


def test_filters_of_exceedances_hold_together_and_widen_no_scope(filled: ApiHarness) -> None:
    admin = filled.client()
    whole = {"credit_code": OTHER_CODE, "outlet": "DA001", "factor": SO2, "from": "2026-11-20T00:00:00+08:00"}
    assert {one["credit_code"] for one in walked(admin, "/exceedances", 1, **whole)} == {OTHER_CODE}
    assert len(walked(admin, "/exceedances", 1, **whole)) == 2
    for name, value in (("outlet", "DA002"), ("factor", "a21002"), ("credit_code", "91150102MA0N0CCC3D")):
        assert walked(admin, "/exceedances", 1, **{**whole, name: value}) == [], name
    officer = filled.client(Role.OFFICER, region="15")
    assert walked(officer, "/exceedances", 1, credit_code=OTHER_CODE) == []
    assert len(walked(officer, "/exceedances", 3)) == 4
    both = filled.client(Role.ENTERPRISE, credit_codes=(OTHER_CODE, "91150102MA0N0CCC3D"))
    assert {one["point"] for one in walked(both, "/exceedances", 3)} == {OTHER_MN}


TIMES = ["1700000000", "0.5", "20261120", "2026-11-20", "2026-11-20T09:00:00", "yesterday", "2026-02-30T00:00:00Z"]


@pytest.mark.parametrize("path", [f"/points/{MN}/series?factor={SO2}", "/exceedances?of=episodes"])
@pytest.mark.parametrize("name", ["from", "to"])
def test_what_is_no_time_with_an_offset_is_refused_and_not_read_as_another(
    tmp_path: Path, path: str, name: str
) -> None:
    with opened(tmp_path) as harness:
        harness.publish(two_enterprises(tmp_path))
        for text in TIMES:
            answer = harness.client().get(f"{API}{path}&{name}={text}")
            assert answer.status_code == 422, (text, answer.text)
            (error,) = answer.json()["errors"]
            assert error["field"] == name and error["rule"] and error["value"], (text, error)


def test_before_the_first_second_there_is_nothing_and_that_is_no_error(filled: ApiHarness) -> None:
    assert starts(filled.client(), "/exceedances", to="1969-12-31T23:59:59Z") == []
    assert len(starts(filled.client(), "/exceedances", **{"from": "1969-12-31T23:59:59Z"})) == 8


def test_a_span_the_wrong_way_round_is_refused_with_its_start(harness: ApiHarness) -> None:
    span = {"from": "2026-11-20T09:00:00+08:00", "to": "2026-11-20T08:59:59+08:00"}
    for path in (f"/points/{MN}/series", "/exceedances"):
        given = {**span, **({"factor": SO2} if "points" in path else {})}
        answer = harness.client().get(f"{API}{path}", params=given)
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["field"], error["value"]) == ("from", "2026-11-20T09:00:00+08:00") and "to" in error["rule"]


WRONG = {
    f"/points/{MN}/series": "factor",
    f"/points/{MN}/series?factor=": "factor",
    f"/points/{MN}/series?factor={SO2}&period=week": "period",
    f"/points/{MN}/series?factor={SO2}&limit=1001": "limit",
    f"/points/{MN}/series?factor={SO2}&cursor=WyIxIl0": "cursor",
    "/exceedances?of=risks": "of",
    "/exceedances?order=up": "order",
    "/exceedances?limit=0": "limit",
    "/exceedances?cursor=WzFd": "cursor",
    "/exceedances?of=episodes&cursor=WyIxIiwgMl0": "cursor",
    "/quarantine?reason=odd": "reason",
    "/quarantine?state=gone": "state",
    "/quarantine?limit=501": "limit",
    "/quarantine?cursor=WyJhIl0": "cursor",
}


def test_a_wrong_question_names_its_parameter_and_the_rule(tmp_path: Path) -> None:
    with opened(tmp_path) as harness:
        harness.publish(two_enterprises(tmp_path))
        for question, field in WRONG.items():
            answer = harness.client().get(f"{API}{question}")
            assert answer.status_code == 422, (question, answer.text)
            error = answer.json()["errors"][0]
            assert error["field"] == field and error["rule"], (question, error)


def quarantined(mn: str, reason: str, raw: str = "IyM=") -> NewRecord:
    document = {"reason": reason, "mn": mn, "received_at": rfc3339(NOW), "source": "gateway", "address": "10.0.0.9",
                "raw": raw, "sealed_password": None, "detail": f"{reason} of {mn}"}  # fmt: skip
    return NewRecord(mn, json.dumps(document).encode())


@pytest.fixture
def kept(harness: ApiHarness) -> ApiHarness:
    """Three of each of three devices, one of them unknown."""
    reasons = ("checksum", "length", "malformed")
    items = [quarantined(mn, reason) for reason in reasons for mn in (MN, OTHER_MN, "UNKNOWN")]
    harness.context.log.append(QUARANTINE, items).result(5)
    harness.pump()
    return harness


def test_quarantine_comes_newest_first_at_every_size_of_page_and_by_every_filter(kept: ApiHarness) -> None:
    ops = kept.client(Role.OPS)
    whole = walked(ops, "/quarantine", 500)
    assert len(whole) == 9 and [one["id"] for one in whole] == sorted((one["id"] for one in whole), reverse=True)
    for limit in (1, 2, 4, 8, 9):
        assert walked(ops, "/quarantine", limit) == whole
    assert [one["mn"] for one in walked(ops, "/quarantine", 1, reason="length")] == ["UNKNOWN", OTHER_MN, MN]
    assert [one["reason"] for one in walked(ops, "/quarantine", 2, mn=MN, state="kept")] == [
        "malformed",
        "length",
        "checksum",
    ]
    assert walked(ops, "/quarantine", 1, mn=MN, reason="length", state="dismissed") == []


def test_of_quarantine_each_sees_the_own_division_and_an_unknown_device_is_the_operators(kept: ApiHarness) -> None:
    seen = {
        region: {one["mn"] for one in walked(kept.client(Role.OFFICER, region=region), "/quarantine", 2)}
        for region in ("15", "150102", "1101", "1502")
    }
    assert seen == {"15": {MN}, "150102": {MN}, "1101": {OTHER_MN}, "1502": set()}
    assert {one["mn"] for one in walked(kept.client(), "/quarantine", 2)} == {MN, OTHER_MN, "UNKNOWN"}
    for role in (Role.ENTERPRISE, Role.DEVICE):
        caller = kept.client(role, credit_codes=(OTHER_CODE,), mns=(MN,))
        assert caller.get(f"{API}/quarantine").status_code == 403


def test_an_item_is_moved_once_and_by_nobody_outside_its_division(kept: ApiHarness) -> None:
    ops = kept.client(Role.OPS)
    first, second = (one["id"] for one in walked(ops, "/quarantine", 9, mn=OTHER_MN)[:2])
    for region in ("15", "1102"):
        other = kept.client(Role.OFFICER, region=region)
        for verb in ("put-back", "dismiss"):
            hidden, none = (other.post(f"{API}/quarantine/{n}/{verb}") for n in (first, 999_999))
            assert hidden.status_code == none.status_code == 404
            assert hidden.json()["detail"].replace(str(first), "999999") == none.json()["detail"]
    own = kept.client(Role.OFFICER, region="110105")
    assert own.post(f"{API}/quarantine/{first}/dismiss").json()["state"] == "dismissed"
    for verb in ("dismiss", "put-back"):
        again = ops.post(f"{API}/quarantine/{first}/{verb}")
        assert (again.status_code, again.json()["code"]) == (409, "already-moved"), verb
        assert "dismissed" in again.json()["detail"]
    assert [one["id"] for one in walked(ops, "/quarantine", 1, mn=OTHER_MN, state="dismissed")] == [first]
    assert second in [one["id"] for one in walked(ops, "/quarantine", 1, mn=OTHER_MN, state="kept")]


def test_the_same_record_read_again_makes_no_second_item(kept: ApiHarness) -> None:
    before = walked(kept.client(), "/quarantine", 500)
    dismissed = before[0]["id"]
    assert kept.client().post(f"{API}/quarantine/{dismissed}/dismiss").status_code == 200
    moved = walked(kept.client(), "/quarantine", 500)
    kept.read.clear()  # as after a restart that lost its progress
    kept.pump()
    assert walked(kept.client(), "/quarantine", 500) == moved


def test_a_packet_that_is_put_back_is_decided_once_and_counts_once(harness: ApiHarness) -> None:
    foreign = {**packet(mn="LATER_0001"), "received_at": rfc3339(NOW), "source": "bridge"}
    harness.context.log.append(PACKETS, [NewRecord("LATER_0001", json.dumps(foreign).encode())]).result(5)
    harness.pump()
    ops = harness.client(Role.OPS)
    (item,) = walked(ops, "/quarantine", 5)
    assert (item["reason"], item["form"], item["source"]) == ("unknown-point", "packet", "bridge")
    assert json.loads(b64decode(item["raw"]))["mn"] == "LATER_0001"
    put = ops.post(f"{API}/quarantine/{item['id']}/put-back").json()
    assert (put["state"], put["moved_by"], put["moved_at"]) == ("put-back", "ops", rfc3339(NOW))
    assert ops.post(f"{API}/quarantine/{item['id']}/dismiss").status_code == 409


def test_latest_holds_one_value_of_each_factor_and_period_and_no_older_one(filled: ApiHarness) -> None:
    admin = filled.client()
    items = admin.get(f"{API}/points/{MN}/latest").json()["items"]
    assert len({(one["factor"], one["period"]) for one in items}) == len(items) == 2
    assert {one["at"][:13] for one in items} == {"2026-11-20T01"}
    late = packet("2026-11-19 21:00")
    post(filled.client(Role.OPS), [late])
    filled.pump()
    assert admin.get(f"{API}/points/{MN}/latest").json()["items"] == items, "a late hour is not the latest"
    assert starts(admin, f"/points/{MN}/series", factor=SO2)[0] == "2026-11-19T21"


def test_a_value_sent_twice_is_one_and_a_later_one_replaces_it(filled: ApiHarness) -> None:
    admin = filled.client()
    before = walked(admin, f"/points/{MN}/series", 2, factor=SO2)
    post(filled.client(Role.OPS), [packet(HOURS[0]), packet(HOURS[0])])
    filled.pump()
    assert [(one["at"], one["value"]) for one in walked(admin, f"/points/{MN}/series", 2, factor=SO2)] == [
        (one["at"], one["value"]) for one in before
    ]
    corrected = packet(HOURS[0])
    corrected["factors"] = {SO2: {"Avg": 12.5, "Flag": "N"}, "a19001": {"Avg": 7.9, "Flag": "N"}}
    post(filled.client(Role.OPS), [corrected])
    filled.pump()
    after = walked(admin, f"/points/{MN}/series", 2, factor=SO2)
    assert [one["value"] for one in after] == ["12.5", "42.1", "42.1", "42.1"]
    assert after[0]["verdict"]["status"] == "compliant"
