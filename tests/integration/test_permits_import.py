"""Imports on real rows: the official list and documents go in once, bad rows are reported, richer versions stay."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.permits.handlers import imports
from services.permits.service import importer_of, registrar_of
from shared.access import Role
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, put, register_harness

IMPORTS = "/permits/v1/imports"
SOURCE = Source(valid_from="2022-01-01", valid_to="2026-12-31")
HEADER = "许可证编号,单位名称,行业类别,有效期限,管理类别,省/直辖市"


def a_row(source: Source, valid: str = "2022-01-01至2026-12-31", name: str = "企业", **more: str) -> str:
    return f"{more.get('number', source.permit)},{name},火力发电,{valid},简化管理,内蒙古自治区"


def a_list(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RegisterHarness]:
    """The same on SQLite only."""
    with register_harness(tmp_path) as opened:
        yield opened


def take_in(opened: RegisterHarness, content: bytes, client: TestClient | None = None, **query: Any) -> dict[str, Any]:
    """Upload, have it taken in as the worker does, and the import as shown at the end."""
    client = client or opened.client()
    accepted = client.post(IMPORTS, content=content, params={"filename": "a.csv", **query})
    assert accepted.status_code == 202, accepted.text
    name = accepted.json()["id"]
    importer_of(registrar_of(opened.context), opened.service.database).take(name)
    return dict(client.get(f"{IMPORTS}/{name}").json())


def report(opened: RegisterHarness, shown: dict[str, Any]) -> list[dict[str, Any]]:
    return list(opened.client().get(f"{IMPORTS}/{shown['id']}/report").json()["items"])


def test_the_21_published_permits_go_in_and_again_change_nothing(register: RegisterHarness, data_folder: Path) -> None:
    content = (data_folder / "permits" / "mee_public_permits_21rows.csv").read_bytes()
    first = take_in(register, content)
    assert (first["state"], first["total"], first["position"], first["counts"]) == (
        "done",
        21,
        21,
        {"created": 21, "refused": 0},
    )
    again = take_in(register, content)
    assert again["counts"] == {"unchanged": 21, "refused": 0}
    permits = [event for event in register.published() if event["subject"].startswith("permit:")]
    assert [event["revision"] for event in permits] == [1] * 21
    items = register.client().get("/permits/v1/expiring", params={"on": "2030-02-01"}).json()["items"]
    assert len(items) == 20
    assert [one["step"] for one in items[:2]] == ["late", "late"]
    assert [one["left_days"] for one in items[2:6]] == [71, 74, 74, 81]
    assert items[6]["left_days"] > 90
    assert "2030-08-07" not in {one["valid_to"] for one in items}


def test_good_rows_are_in_and_bad_ones_reported_with_line_value_and_reason(register: RegisterHarness) -> None:
    other = Source(number=2)
    shown = take_in(register, a_list(a_row(SOURCE), a_row(other, valid="2022-01-01至长期"), a_row(Source(number=3))))
    assert shown["counts"] == {"created": 2, "refused": 1}
    (finding,) = report(register, shown)
    assert (finding["line"], finding["field"], finding["value"], finding["outcome"]) == (
        3,
        "validity",
        "2022-01-01至长期",
        "refused",
    )
    assert finding["reason"].startswith("expected: a day such as")
    assert register.client().get(f"/permits/v1/permits/{SOURCE.permit}").json()["incomplete"] == [
        "authority",
        "outlets",
    ]


def test_a_dry_run_says_the_same_and_changes_nothing(register: RegisterHarness) -> None:
    content = a_list(a_row(SOURCE), a_row(Source(number=2), valid="never"))
    dry = take_in(register, content, dry_run=True)
    assert (dry["counts"], dry["dry_run"]) == ({"created": 1, "refused": 1}, True)
    assert register.published() == [] and register.published(topic="risks") == []
    assert register.client().get("/permits/v1/permits").json()["items"] == []
    assert take_in(register, content)["counts"] == dry["counts"]


def test_a_listed_row_sets_validity_and_category_and_leaves_outlets_and_limits(register: RegisterHarness) -> None:
    admin = register.client()
    put(admin, f"/permits/v1/enterprises/{SOURCE.code}", {**SOURCE.enterprise(), "group": "a group"})
    put(admin, f"/permits/v1/permits/{SOURCE.permit}", SOURCE.document())
    shown = take_in(register, a_list(a_row(SOURCE, valid="2027-01-01至2031-12-31", name="新名称")))
    assert shown["counts"] == {"changed": 1, "refused": 0}
    permit = admin.get(f"/permits/v1/permits/{SOURCE.permit}", params={"on": "2027-01-01"}).json()
    assert (permit["valid_to"], permit["category"], permit["gaps"]) == ("2031-12-31", "simplified", [])
    assert permit["outlets"][0]["limits"][0]["limit"] == "35"
    holder = admin.get(f"/permits/v1/enterprises/{SOURCE.code}").json()
    assert (holder["name"], holder["group"], holder["region"]) == ("新名称", "a group", "150102")


def test_a_row_older_than_the_register_is_refused(desk: RegisterHarness) -> None:
    take_in(desk, a_list(a_row(SOURCE)))
    shown = take_in(desk, a_list(a_row(SOURCE, valid="2017-01-01至2021-12-31")))
    assert shown["counts"] == {"refused": 1}
    assert report(desk, shown)[0]["field"] == "valid_from"


def test_plants_of_one_enterprise_do_not_rename_it_back_and_forth(desk: RegisterHarness) -> None:
    second = f"{SOURCE.code}002Q"
    rows = a_list(a_row(SOURCE, number=second, name="二厂"), a_row(SOURCE, name="一厂"))
    assert take_in(desk, rows)["counts"] == {"created": 2, "refused": 0}
    assert take_in(desk, rows)["counts"] == {"unchanged": 2, "refused": 0}
    assert desk.client().get(f"/permits/v1/enterprises/{SOURCE.code}").json()["name"] == "一厂"


def test_a_permit_that_runs_out_is_announced_by_the_import_itself(register: RegisterHarness) -> None:
    take_in(register, a_list(a_row(SOURCE)))
    (event,) = register.published(topic="risks")
    assert (event["data"]["kind"], event["data"]["condition"]) == ("permit.renewal", "late")  # 41 days left


def test_documents_go_in_with_their_points_and_a_bad_one_costs_itself_alone(register: RegisterHarness) -> None:
    planted = "s3cret"
    bad = Source(number=2).document()
    bad["outlets"][0]["points"][0]["password"] = planted + ";"
    lines = [SOURCE.enterprise(), SOURCE.document(), Source(number=2).enterprise(), bad, {"what": "is this"}]
    content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
    shown = take_in(register, content)
    assert shown["counts"] == {"created": 3, "refused": 2}
    findings = report(register, shown)
    assert {one["line"] for one in findings} == {4, 5}
    assert planted not in str(findings)
    point = register.client().get(f"/permits/v1/points/{SOURCE.mn}").json()
    assert (point["active"], point["password_set"]) == (True, True)


def test_a_dry_run_of_documents_lets_later_ones_stand_on_earlier_ones(desk: RegisterHarness) -> None:
    content = json.dumps([SOURCE.enterprise(), SOURCE.document()]).encode()
    dry = take_in(desk, content, dry_run=True)
    assert dry["counts"] == {"created": 2}
    assert desk.published() == [] and desk.client().get("/permits/v1/enterprises").json()["items"] == []


def test_an_officer_imports_only_into_the_own_division_and_sees_only_own_imports(desk: RegisterHarness) -> None:
    officer = desk.client(Role.OFFICER, region="15", scopes=("register",))
    outside = Source(number=2, region="110105")
    rows = [a_row(SOURCE), a_row(outside).replace("内蒙古自治区", "北京市")]
    shown = take_in(desk, a_list(*rows), client=officer)
    assert shown["counts"] == {"created": 1, "refused": 1}
    other = desk.client(Role.OFFICER, region="15", scopes=("register",), subject="another")
    assert other.get(f"{IMPORTS}/{shown['id']}").status_code == 404
    assert desk.client(Role.OFFICER, region="15").post(IMPORTS, content=a_list()).status_code == 403


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04broken"], ids=["empty", "no list", "no workbook"])
def test_a_file_that_cannot_be_read_fails_as_a_whole_and_says_why(desk: RegisterHarness, content: bytes) -> None:
    answer = desk.client().post(IMPORTS, content=content)
    if answer.status_code == 422:
        assert answer.json()["code"] == "invalid"
        return
    importer_of(registrar_of(desk.context), desk.service.database).take(answer.json()["id"])
    shown = desk.client().get(f"{IMPORTS}/{answer.json()['id']}").json()
    assert shown["state"] == "failed" and shown["failure"]


def test_an_import_that_was_stopped_goes_on_behind_its_last_batch(
    register: RegisterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "LIST_BATCH", 2)
    rows = [a_row(Source(number=n)) for n in range(1, 6)]
    client = register.client()
    name = client.post(IMPORTS, content=a_list(*rows)).json()["id"]
    importer = importer_of(registrar_of(register.context), register.service.database)
    stop = threading.Event()
    importer.take(name, stop, progress=lambda entry: stop.set())
    halfway = client.get(f"{IMPORTS}/{name}").json()
    assert (halfway["state"], halfway["position"], halfway["total"]) == ("running", 2, 5)
    importer_of(registrar_of(register.context), register.service.database).take(name)
    done = client.get(f"{IMPORTS}/{name}").json()
    assert (done["state"], done["counts"]) == ("done", {"created": 5, "refused": 0})
    assert len([event for event in register.published() if event["subject"].startswith("permit:")]) == 5
