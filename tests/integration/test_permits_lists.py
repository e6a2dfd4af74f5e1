"""Lists of the register, the calendar, coverage and tokens at their edges, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shared.access import Role
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, put, refusal, register_harness

API = "/permits/v1"
SOURCES = [
    Source(number=n, region=region, valid_from="2022-01-01", valid_to=valid_to)
    for n, region, valid_to in (
        (1, "150102", "2026-12-31"),
        (2, "150102", "2026-12-31"),
        (3, "150103", "2026-12-31"),
        (4, "150202", "2027-06-30"),
        (5, "110105", "2026-12-31"),
    )
]
HOHHOT = SOURCES[:3]


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        opened.register(*SOURCES)
        yield opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RegisterHarness]:
    """SQLite, nothing registered."""
    with register_harness(tmp_path) as opened:
        yield opened


def walked(client: TestClient, path: str, name: str, limit: int, **query: Any) -> list[str]:
    """Everything in a list, page by page."""
    found: list[str] = []
    behind: dict[str, str] = {}
    while True:
        answer = client.get(f"{API}{path}", params={"limit": limit, **query, **behind})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) == limit or page["next"] is None, "a page in the middle is not full"
        found += [item[name] for item in page["items"]]
        if page["next"] is None:
            return found
        behind = {"cursor": page["next"]}


NAMES = {
    "/enterprises": "credit_code",
    "/permits": "number",
    "/points": "mn",
    "/coverage": "credit_code",
    "/expiring": "number",
}


def test_every_list_is_the_same_at_every_size_of_page_and_holds_the_callers_division_alone(
    register: RegisterHarness,
) -> None:
    admin = register.client()
    for path, name in NAMES.items():
        within = {"within_days": 3650} if path == "/expiring" else {}
        whole = walked(admin, path, name, 500, **within)
        assert len(set(whole)) == len(whole) == len(SOURCES), path
        for limit in (1, 2, 4, 5):
            assert walked(admin, path, name, limit, **within) == whole, (path, limit)
        for region, expected in (("15", 4), ("1501", 3), ("150103", 1), ("11", 1), ("1509", 0)):
            officer = register.client(Role.OFFICER, region=region)
            own = walked(officer, path, name, 2, **within)
            assert len(own) == expected and own == [one for one in whole if one in own], (path, region)


def test_filters_of_a_list_hold_together(register: RegisterHarness) -> None:
    admin, officer = register.client(), register.client(Role.OFFICER, region="1501")
    first = SOURCES[0]
    assert walked(admin, "/enterprises", "credit_code", 1, region="1501", industry="D44") == [
        one.code for one in sorted(HOHHOT, key=lambda one: one.code)
    ]
    assert walked(admin, "/enterprises", "credit_code", 1, region="1501", industry="C31") == []
    assert walked(officer, "/enterprises", "credit_code", 1, region="1502") == [], "a filter widens no scope"
    assert walked(admin, "/permits", "number", 1, credit_code=first.code, expiring_by="2026-12-31") == [first.permit]
    assert walked(admin, "/permits", "number", 1, credit_code=first.code, expiring_by="2026-12-30") == []
    assert walked(officer, "/points", "mn", 1, credit_code=SOURCES[4].code) == []
    assert walked(officer, "/coverage", "credit_code", 1, region="150103") == [SOURCES[2].code]


def test_permits_of_one_last_day_are_listed_once_each_in_the_order_of_their_numbers(register: RegisterHarness) -> None:
    admin = register.client()
    same_day = sorted(one.permit for one in SOURCES if one.valid_to == "2026-12-31")
    for limit in (1, 2, 3):
        assert walked(admin, "/expiring", "number", limit, within_days=60) == same_day
    later = walked(admin, "/expiring", "number", 2, on="2027-01-01", within_days=180)
    assert later == [*same_day, SOURCES[3].permit]


def test_the_day_of_expiring_is_shanghais_and_the_last_valid_day_is_day_0(register: RegisterHarness) -> None:
    admin = register.client()
    for now, left in (
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), 0),  # one second before midnight in Shanghai
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), -1),
    ):
        register.clock.at = now
        admin = register.client()
        items = admin.get(f"{API}/expiring", params={"within_days": 0}).json()["items"]
        assert {one["left_days"] for one in items} == {left}
        assert len(items) == 4


WRONG_QUERIES = {
    "/enterprises?region=150": "region",
    "/enterprises?region=15010": "region",
    "/enterprises?region=ab": "region",
    "/enterprises?industry=44": "industry",
    "/enterprises?industry=D44110": "industry",
    "/enterprises?limit=0": "limit",
    "/enterprises?limit=501": "limit",
    "/enterprises?check_character_doubtful=perhaps": "check_character_doubtful",
    "/permits?expiring_by=2026-02-30": "expiring_by",
    "/permits?expiring_by=20261231": "expiring_by",
    "/permits?credit_code=9115%200102": "credit_code",
    "/permits?credit_code=9115010200000000000": "credit_code",
    "/points?credit_code=-": "credit_code",
    "/expiring?within_days=-1": "within_days",
    "/expiring?within_days=3651": "within_days",
    "/expiring?on=tomorrow": "on",
    "/expiring?on=2026-11-31": "on",
    "/expiring?on=1989-12-31": "on",
    "/expiring?cursor=WyIyMDI2LTAyLTMwIiwgIngiXQ": "cursor",
    "/coverage?region=1": "region",
    "/coverage?cursor=WzFd": "cursor",
    "/regions?limit=x": "limit",
}


def test_a_wrong_question_is_answered_with_the_parameter_its_value_and_the_rule(desk: RegisterHarness) -> None:
    admin = desk.client()
    for question, field in WRONG_QUERIES.items():
        answer = admin.get(f"{API}{question}")
        assert answer.status_code == 422, (question, answer.text)
        error = answer.json()["errors"][0]
        assert error["field"] == field and error["rule"], (question, error)
        assert error["value"] not in (None, ""), (question, error)


def test_the_days_at_the_ends_of_what_may_be_asked_are_answered(register: RegisterHarness) -> None:
    admin = register.client()
    for question in ("on=1990-01-01&within_days=0", "on=2199-12-31&within_days=3650", "on=2028-02-29&within_days=3650"):
        answer = admin.get(f"{API}/expiring?{question}")
        assert answer.status_code == 200, answer.text
    assert len(admin.get(f"{API}/expiring?on=2199-12-31&within_days=0").json()["items"]) == len(SOURCES)


WRONG_YEARS: list[tuple[int, dict[str, Any], str]] = [
    (2027, {"holidays": ["2026-11-29"]}, "holidays[0]"),
    (2027, {"holidays": ["2027-01-01", "2028-02-01"]}, "holidays[1]"),
    (2027, {"workdays": ["2028-02-01"]}, "workdays[0]"),
    (2027, {"holidays": ["2027-10-01"], "workdays": ["2027-10-01"]}, "workdays"),
    (2027, {"holidays": ["2027-02-29"]}, "holidays[0]"),
    (2027, {"holidays": [20271001]}, "holidays[0]"),
    (2027, {"source": ""}, "source"),
    (2027, {"source": "a\nb"}, "source"),
    (2027, {"holidays": ["2027-10-01"] * 121}, "holidays"),
    (2027, {"free": []}, "free"),
    (1989, {}, "year"),
    (2200, {}, "year"),
]


def test_a_year_whose_days_do_not_fit_is_refused_by_the_day(desk: RegisterHarness) -> None:
    admin = desk.client()
    for year, changes, field in WRONG_YEARS:
        body = {"holidays": [], "workdays": [], "source": "国办发明电〔2026〕7号", **changes}
        errors = refusal(admin, f"{API}/calendar/{year}", body)
        assert errors[0]["field"] == field, (year, changes, errors)
    assert admin.get(f"{API}/calendar/2027").status_code == 404


def test_a_notice_counts_each_day_once_in_order_and_its_revisions(register: RegisterHarness) -> None:
    admin = register.client()
    body = {"holidays": ["2027-10-02", "2027-10-01", "2027-10-02"], "workdays": ["2027-09-26"], "source": "一号"}
    first = put(admin, f"{API}/calendar/2027", body, 201)
    assert (first["holidays"], first["revision"], first["changed"]) == (["2027-10-01", "2027-10-02"], 1, True)
    again = put(admin, f"{API}/calendar/2027", {**body, "holidays": ["2027-10-01", "2027-10-02"]}, 200)
    assert (again["revision"], again["changed"]) == (1, False)
    moved = put(admin, f"{API}/calendar/2027", {**body, "workdays": ["2026-12-27"]}, 200)
    assert (moved["revision"], moved["workdays"]) == (2, ["2026-12-27"]), "a day of the week before the year belongs"
    for role in (Role.ENTERPRISE, Role.DEVICE, Role.OPS, Role.OFFICER):
        caller = register.client(role, region="15", scopes=("register",))
        assert caller.get(f"{API}/calendar/2027").json()["revision"] == 2
        assert caller.put(f"{API}/calendar/2027", json=body).status_code == 403


def test_coverage_names_what_is_there_and_not_in_force(register: RegisterHarness) -> None:
    """A permit that has run out is a permit without valid days; a point out of service is no point."""
    register.clock.at = datetime(2027, 1, 5, 1, 0, tzinfo=UTC)
    admin = register.client()
    before = {one["credit_code"]: one for one in admin.get(f"{API}/coverage").json()["items"]}
    assert "valid_permit" in before[SOURCES[0].code]["lacks"] and "permit" not in before[SOURCES[0].code]["lacks"]
    assert "valid_permit" not in before[SOURCES[3].code]["lacks"]
    assert before[SOURCES[3].code]["points"] == 1
    assert admin.delete(f"{API}/points/{SOURCES[3].mn}").status_code == 200
    after = {one["credit_code"]: one for one in admin.get(f"{API}/coverage").json()["items"]}
    assert after[SOURCES[3].code]["points"] == 0 and "points" in after[SOURCES[3].code]["lacks"]
    assert {code: one for code, one in after.items() if code != SOURCES[3].code} == {
        code: one for code, one in before.items() if code != SOURCES[3].code
    }


def test_a_revoked_token_is_refused_on_every_list_and_its_sisters_are_not(register: RegisterHarness) -> None:
    admin = register.client()
    body = {"role": "officer", "region": "1501", "days": 30}
    revoked, sister = (admin.post(f"{API}/keys", json=body).json() for _ in range(2))
    assert revoked["subject"] == sister["subject"] and revoked["jti"] != sister["jti"]
    clients = [register.bare({"Authorization": f"Bearer {one['token']}"}) for one in (revoked, sister)]
    assert [one.get(f"{API}/enterprises").status_code for one in clients] == [200, 200]
    first = admin.post(f"{API}/keys/revocations", json={"jti": revoked["jti"]})
    assert (first.status_code, first.json()["changed"]) == (201, True)
    assert first.json()["until"] == revoked["expires_at"], "kept until the token would have ended anyway"
    again = admin.post(f"{API}/keys/revocations", json={"token": revoked["token"]})
    assert (again.status_code, again.json()["changed"]) == (200, False)
    for path in (*NAMES, "/regions", "/calendar", "/keys"):
        assert [one.get(f"{API}{path}").status_code for one in clients] == [401, 200], path
    assert len(register.published(f"revocation:{revoked['jti']}")) == 1


@pytest.mark.parametrize("days", [1, 365])
def test_a_token_ends_to_the_second_after_its_days(desk: RegisterHarness, days: int) -> None:
    made = desk.client().post(f"{API}/keys", json={"role": "officer", "region": "15", "days": days}).json()
    assert datetime.fromisoformat(made["expires_at"]) == desk.clock.at + timedelta(days=days)
    bearer = desk.bare({"Authorization": f"Bearer {made['token']}"})
    desk.clock.at += timedelta(days=days) - timedelta(seconds=1)
    assert bearer.get(f"{API}/enterprises").status_code == 200
    desk.clock.at += timedelta(seconds=1)
    assert bearer.get(f"{API}/enterprises").status_code == 401


def test_an_enterprise_with_two_codes_reads_both_and_no_third(register: RegisterHarness) -> None:
    both = register.client(Role.ENTERPRISE, credit_codes=(SOURCES[0].code, SOURCES[4].code))
    assert walked(both, "/enterprises", "credit_code", 1) == sorted((SOURCES[0].code, SOURCES[4].code))
    assert walked(both, "/permits", "number", 1) == sorted((SOURCES[0].permit, SOURCES[4].permit))
    assert walked(both, "/points", "mn", 1) == sorted((SOURCES[0].mn, SOURCES[4].mn))
    assert walked(both, "/expiring", "number", 1) == sorted((SOURCES[0].permit, SOURCES[4].permit))
    assert both.get(f"{API}/permits/{SOURCES[1].permit}").status_code == 404
    none = register.client(Role.ENTERPRISE, credit_codes=())
    assert all(walked(none, path, name, 1) == [] for path, name in NAMES.items() if path != "/coverage")
