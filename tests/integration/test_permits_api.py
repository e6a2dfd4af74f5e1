"""The register over HTTP on real rows: versions, renewal, correction, points, lists, and what every refusal says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shared.access import Role
from shared.register import read_enterprise, read_permit, read_point
from shared.runtime.directory import PASSWORD
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, put, refusal, register_harness

SOURCE = Source(valid_from="2024-01-01", valid_to="2026-12-15")
OTHER = Source(number=2, region="110105")
ENTERPRISES, PERMITS, POINTS = "/permits/v1/enterprises", "/permits/v1/permits", "/permits/v1/points"
PERMIT = f"{PERMITS}/{SOURCE.permit}"


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RegisterHarness]:
    """The same on SQLite only."""
    with register_harness(tmp_path) as opened:
        yield opened


@pytest.fixture
def admin(desk: RegisterHarness) -> TestClient:
    client = desk.client()
    put(client, f"{ENTERPRISES}/{SOURCE.code}", SOURCE.enterprise())
    return client


def with_limit(limit: Any, **changes: Any) -> dict[str, Any]:
    document = SOURCE.document(**changes)
    document["outlets"][0]["limits"][0]["limit"] = limit
    return document


def limit_on(client: TestClient, day: str) -> str:
    return str(client.get(PERMIT, params={"on": day}).json()["outlets"][0]["limits"][0]["limit"])


def test_a_permit_is_registered_read_and_published_with_its_points(register: RegisterHarness) -> None:
    admin = register.client()
    put(admin, f"{ENTERPRISES}/{SOURCE.code}", SOURCE.enterprise(), 201)
    written = put(admin, PERMIT, SOURCE.document(), 201)
    assert (written["changed"], written["revision"], written["change"]) == (True, 1, "first version")
    read = admin.get(PERMIT).json()
    assert read["outlets"][0]["limits"][0]["limit"] == "35"
    point = read["outlets"][0]["points"][0]
    assert (point["mn"], point["interval_s"], point["password_set"]) == (SOURCE.mn, 60, True)
    assert (read["in_force"], read["incomplete"], len(read["versions"])) == (True, [], 1)
    assert [event["subject"] for event in register.published()] == [
        f"enterprise:{SOURCE.code}",
        f"point:{SOURCE.mn}",
        f"permit:{SOURCE.permit}",
    ]


def test_what_is_published_is_what_the_readers_of_the_register_understand(
    desk: RegisterHarness, admin: TestClient
) -> None:
    put(admin, PERMIT, SOURCE.document())
    put(admin, PERMIT, with_limit("30"))
    enterprise, point, _, permit = [event["data"] for event in desk.published()]
    assert read_enterprise(enterprise).region == SOURCE.region
    history = read_permit(permit)
    assert [str(version.outlets[0].limits[0].limit) for version in history.versions] == ["35", "30"]
    known = read_point(point)
    assert (known.permit, known.outlet, known.credit_code) == (SOURCE.permit, "DA001", SOURCE.code)
    assert desk.context.sealer.open(known.sealed_password or "", PASSWORD) == SOURCE.password


def test_the_same_put_again_changes_nothing_and_says_nothing(register: RegisterHarness) -> None:
    admin = register.client()
    for _ in range(2):
        enterprise = put(admin, f"{ENTERPRISES}/{SOURCE.code}", SOURCE.enterprise())
        permit = put(admin, PERMIT, SOURCE.document())
    assert (enterprise["changed"], permit["changed"]) == (False, False)
    assert (enterprise["revision"], permit["revision"], len(permit["versions"])) == (1, 1, 1)
    assert len(register.published()) == 3
    register.tomorrow()
    assert put(admin, PERMIT, SOURCE.document(), 200)["changed"] is False


def test_a_new_password_alone_changes_the_point_and_no_version(desk: RegisterHarness, admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    document = SOURCE.document()
    document["outlets"][0]["points"][0]["password"] = "654321"
    written = put(admin, PERMIT, document, 200)
    assert written["changed"] is True
    assert len(written["versions"]) == 1
    (_, latest) = desk.published(f"point:{SOURCE.mn}")
    assert latest["revision"] == 2
    assert desk.context.sealer.open(latest["data"]["sealed_password"], PASSWORD) == "654321"


def test_a_password_left_out_stays_and_null_takes_it_away(desk: RegisterHarness, admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    document = SOURCE.document()
    del document["outlets"][0]["points"][0]["password"]
    assert put(admin, PERMIT, document)["changed"] is False
    document["outlets"][0]["points"][0]["password"] = None
    assert put(admin, PERMIT, document)["changed"] is True
    assert admin.get(f"{POINTS}/{SOURCE.mn}").json()["password_set"] is False
    assert desk.published(f"permit:{SOURCE.permit}")[-1]["revision"] == 2


def test_a_change_holds_from_today_and_the_days_before_keep_their_limit(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    written = put(admin, PERMIT, with_limit("30"), 200)
    assert (written["changed"], written["revision"], written["effective_from"]) == (True, 2, "2026-11-20")
    assert [limit_on(admin, day) for day in ("2024-01-01", "2026-11-19", "2026-11-20")] == ["35", "35", "30"]


def test_a_change_just_after_midnight_in_shanghai_holds_from_the_new_day(
    desk: RegisterHarness, admin: TestClient
) -> None:
    put(admin, PERMIT, SOURCE.document())
    desk.clock.at = desk.clock.at.replace(hour=16, minute=0)  # 00:00 of the 21st
    assert put(admin, PERMIT, with_limit("30"))["effective_from"] == "2026-11-21"


def test_a_renewal_joins_and_governs_from_its_first_day(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    renewal = with_limit("25", valid_from="2026-12-16", valid_to="2031-12-15")
    written = put(admin, PERMIT, renewal, 200)
    assert (written["change"], written["gaps"], written["effective_from"]) == ("renewal", [], "2026-12-16")
    assert admin.get(PERMIT).json()["valid_to"] == "2026-12-15"
    assert [limit_on(admin, day) for day in ("2026-12-15", "2026-12-16")] == ["35", "25"]
    assert put(admin, PERMIT, renewal)["changed"] is False


def test_a_renewal_that_leaves_a_gap_is_taken_and_the_gap_reported(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    written = put(admin, PERMIT, SOURCE.document(valid_from="2027-01-01", valid_to="2031-12-31"))
    assert written["gaps"] == [{"from": "2026-12-16", "to": "2026-12-31"}]


def test_only_a_correction_changes_the_past(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document())
    past = with_limit("30", effective_from="2026-03-01")
    (error,) = refusal(admin, PERMIT, past)
    assert (error["field"], error["value"]) == ("effective_from", "2026-03-01")
    assert "correction" in error["rule"]
    written = put(admin, PERMIT, past | {"correction": True, "reason": "限值录入有误"}, 200)
    assert written["change"] == "correction"
    assert [limit_on(admin, day) for day in ("2026-02-28", "2026-03-01")] == ["35", "30"]
    assert written["versions"][-1]["reason"] == "限值录入有误"


def test_a_permit_that_begins_later_is_shown_and_not_in_force(admin: TestClient) -> None:
    put(admin, PERMIT, SOURCE.document(valid_from="2027-01-01", valid_to="2031-12-31"))
    read = admin.get(PERMIT).json()
    assert (read["in_force"], read["valid_from"]) == (False, "2027-01-01")


def test_what_nobody_reported_is_null_and_named_incomplete(admin: TestClient) -> None:
    written = put(admin, PERMIT, {"valid_from": "2024-01-01", "valid_to": "2028-12-31"})
    assert written["incomplete"] == ["category", "authority", "outlets"]
    assert written["outlets"] is None


def test_lists_go_on_by_cursor_and_narrow_by_what_is_asked(admin: TestClient) -> None:
    sources = [Source(number=n, region=region) for n, region in enumerate(("150102", "150102", "110105"), start=5)]
    for source in sources:
        source.register(admin)  # type: ignore[arg-type]
    codes = sorted([SOURCE.code, *(source.code for source in sources)])
    assert read_all(admin, ENTERPRISES, "credit_code") == codes
    assert read_all(admin, f"{ENTERPRISES}?region=11", "credit_code") == [sources[2].code]
    assert read_all(admin, f"{ENTERPRISES}?region=110000", "credit_code") == [sources[2].code]
    assert read_all(admin, f"{ENTERPRISES}?industry=C", "credit_code") == []
    assert read_all(admin, f"{PERMITS}?credit_code={sources[0].code}", "number") == [sources[0].permit]
    assert read_all(admin, f"{PERMITS}?expiring_by=2028-12-30", "number") == []
    assert len(read_all(admin, f"{PERMITS}?expiring_by=2028-12-31", "number")) == 3
    assert read_all(admin, POINTS, "mn") == sorted(source.mn for source in sources)


def read_all(client: TestClient, path: str, name: str) -> list[str]:
    """Everything in a list, one by one."""
    found: list[str] = []
    params: dict[str, Any] = {"limit": 1}
    while True:
        answer = client.get(path, params=dict(_query(path)) | params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [item[name] for item in page["items"]]
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


def _query(path: str) -> list[tuple[str, str]]:
    return [tuple(part.split("=", 1)) for part in path.partition("?")[2].split("&") if part]  # type: ignore[misc]


def test_a_cursor_that_we_did_not_give_is_refused(admin: TestClient) -> None:
    for text in ("zzz", "WzFd"):
        answer = admin.get(ENTERPRISES, params={"cursor": text})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "cursor"


def test_a_division_says_whether_its_register_is_complete(desk: RegisterHarness) -> None:
    admin = desk.client()
    assert put(admin, "/permits/v1/regions/150102", {"register_complete": True}, 201)["changed"] is True
    assert put(admin, "/permits/v1/regions/150102", {"register_complete": True}, 200)["changed"] is False
    assert admin.get("/permits/v1/regions/150102").json()["register_complete"] is True
    assert admin.get("/permits/v1/regions").json()["items"][0]["code"] == "150102"
    assert desk.published("region:150102")[0]["data"]["register_complete"] is True
    refusal(admin, "/permits/v1/regions/159999", {"register_complete": True})


def test_an_enterprise_keeps_what_it_was(desk: RegisterHarness, admin: TestClient) -> None:
    put(admin, f"{ENTERPRISES}/{SOURCE.code}", SOURCE.enterprise() | {"name": "新名"}, 200)
    versions = admin.get(f"{ENTERPRISES}/{SOURCE.code}").json()["versions"]
    assert [version["document"]["name"] for version in versions] == [SOURCE.enterprise()["name"], "新名"]
    assert [event["revision"] for event in desk.published(f"enterprise:{SOURCE.code}")] == [1, 2]


def test_the_logger_password_is_nowhere_but_sealed(desk: RegisterHarness, admin: TestClient, tmp_path: Path) -> None:
    planted = "pL4nt3d-secret"
    source = Source(number=9, password=planted)
    source.register(admin)  # type: ignore[arg-type]
    put(admin, f"{POINTS}/alone", {"system": "31", "credit_code": source.code, "password": planted})
    paths = (f"{PERMITS}/{source.permit}", PERMITS, POINTS, f"{POINTS}/alone", f"{ENTERPRISES}/{source.code}")
    answers = "".join(admin.get(path).text for path in paths)
    assert '"password_set":true' in answers
    assert planted not in answers
    assert planted not in str(desk.published())
    desk.service.database.close()
    assert planted.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("permits.sqlite*"))


def test_an_officer_reads_only_his_region(admin: TestClient, desk: RegisterHarness) -> None:
    SOURCE.register(admin)  # type: ignore[arg-type]
    OTHER.register(admin)  # type: ignore[arg-type]
    officer = desk.client(Role.OFFICER, region="11")
    assert officer.get(PERMIT).status_code == 404
    assert read_all(officer, PERMITS, "number") == [OTHER.permit]
