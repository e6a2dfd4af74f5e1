"""Whose a monitoring point is, and where it stands, over HTTP on real rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.product import Source
from tests.support.register_harness import put, register_harness

SOURCE = Source(valid_from="2024-01-01", valid_to="2026-12-15")
OTHER = Source(number=2, region="110105")
ENTERPRISES, PERMITS, POINTS = "/permits/v1/enterprises", "/permits/v1/permits", "/permits/v1/points"
PERMIT = f"{PERMITS}/{SOURCE.permit}"


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[TestClient]:
    with register_harness(tmp_path) as opened, opened.client() as client:
        put(client, f"{ENTERPRISES}/{SOURCE.code}", SOURCE.enterprise())
        yield client


def with_limit(limit: Any, **changes: Any) -> dict[str, Any]:
    document = SOURCE.document(**changes)
    document["outlets"][0]["limits"][0]["limit"] = limit
    return document


def test_an_mn_of_another_enterprise_is_not_given_away(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    put(admin, f"{ENTERPRISES}/{OTHER.code}", OTHER.enterprise())
    thief = OTHER.document()
    thief["outlets"][0]["points"][0]["mn"] = SOURCE.mn
    answer = admin.put(f"{PERMITS}/{OTHER.permit}", json=thief)
    assert (answer.status_code, answer.json()["code"]) == (409, "mn-taken")
    assert SOURCE.code not in answer.json()["detail"].replace(SOURCE.mn, "")
    assert admin.get(f"{PERMITS}/{OTHER.permit}").status_code == 404
    alone = {"system": "31", "credit_code": OTHER.code}
    assert admin.put(f"{POINTS}/{SOURCE.mn}", json=alone).status_code == 409


def test_a_retired_point_may_go_to_another_enterprise(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    put(admin, f"{ENTERPRISES}/{OTHER.code}", OTHER.enterprise())
    gone = admin.delete(f"{POINTS}/{SOURCE.mn}").json()
    assert (gone["active"], gone["changed"]) == (False, True)
    assert admin.delete(f"{POINTS}/{SOURCE.mn}").json()["changed"] is False
    put(admin, f"{POINTS}/{SOURCE.mn}", {"system": "31", "credit_code": OTHER.code}, 200)
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["credit_code"] == OTHER.code


def test_a_point_that_left_its_permit_stays_registered_until_another_permit_takes_it(admin: TestClient) -> None:
    second = f"{SOURCE.code}002P"
    put(admin, PERMIT, SOURCE.document())
    assert admin.put(f"{PERMITS}/{second}", json=SOURCE.document(number=second)).status_code == 409
    empty = SOURCE.document()
    empty["outlets"][0]["points"] = []
    put(admin, PERMIT, empty)
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["permit"] == SOURCE.permit
    put(admin, f"{PERMITS}/{second}", SOURCE.document(number=second))
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["permit"] == second


def test_a_point_registered_alone_finds_its_permit_by_its_outlet_in_either_order(admin: TestClient) -> None:
    empty = SOURCE.document()
    empty["outlets"][0]["points"] = []
    alone = {"system": "31", "credit_code": SOURCE.code, "outlet": "DA001", "password": "123456"}
    assert put(admin, f"{POINTS}/early", alone, 201)["permit"] is None
    put(admin, PERMIT, empty)
    assert admin.get(f"{POINTS}/early").json()["permit"] == SOURCE.permit
    assert put(admin, f"{POINTS}/late", alone, 201)["permit"] == SOURCE.permit
    assert put(admin, f"{POINTS}/late", alone, 200)["changed"] is False


def test_the_settings_of_a_point_outlive_a_put_of_its_permit_that_does_not_say_them(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    put(admin, f"{POINTS}/{SOURCE.mn}", {"system": "31", "interval_s": 30, "units": {"a21026": "ug/m3"}}, 200)
    assert put(admin, PERMIT, SOURCE.document())["outlets"][0]["points"][0]["interval_s"] == 30
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["outlet"] == "DA001"


def test_a_point_that_a_permit_lists_moves_only_with_the_permit(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    answer = admin.put(f"{POINTS}/{SOURCE.mn}", json={"system": "31", "outlet": "DA002"})
    assert (answer.status_code, answer.json()["code"]) == (409, "listed-by-permit")


def test_a_correction_of_an_old_version_leaves_the_point_where_the_newest_has_it(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    moved = SOURCE.document()
    moved["outlets"][0]["code"] = "DA009"
    put(admin, PERMIT, moved)
    old = with_limit("30", correction=True, reason="mistyped", effective_from="2025-01-01")
    assert "later version" in put(admin, PERMIT, old)["notes"][0]
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["outlet"] == "DA009"


def test_how_a_point_stamps_its_periods_is_kept_until_it_is_given_anew(admin: TestClient) -> None:
    document = SOURCE.document()
    document["outlets"][0]["points"][0]["period_stamp"] = "end"
    put(admin, PERMIT, document)
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["period_stamp"] == "end"
    put(admin, PERMIT, SOURCE.document(valid_to="2026-12-20"))  # not given: it stays
    (outlet,) = admin.get(PERMIT).json()["outlets"]
    assert outlet["points"][0]["period_stamp"] == "end"
    put(admin, f"{POINTS}/{SOURCE.mn}", {"system": "31", "credit_code": SOURCE.code, "period_stamp": "start"}, 200)
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["period_stamp"] == "start"
    wrong = {"system": "31", "credit_code": SOURCE.code, "period_stamp": "middle"}
    assert admin.put(f"{POINTS}/{SOURCE.mn}", json=wrong).status_code == 422
