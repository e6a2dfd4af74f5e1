"""Register files as offices send them, taken into the register: what stands in it afterwards, and again after the same file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from stdnum.cn import uscc

from tests.support.import_variants import Fact, files
from tests.support.importing import HEADER, a_list, list_row, report, take_in
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, register_harness
from tests.support.workbooks import inline_rows, workbook

FIRST, SECOND = Source(number=1), Source(number=2)
COLUMNS = (
    "序号",
    "企业名称",
    "统一社会信用代码",
    "行业\n类别",
    "排污许可证编号（必填）",
    "有效期限",
    "",
    "管理类别",
    "省份",
)
BELOW = ("", "", "", "", "", "起", "止", "", "")


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


def permit(opened: RegisterHarness, number: str) -> dict[str, Any]:
    return dict(opened.client().get(f"/permits/v1/permits/{number}").json())


def holder(opened: RegisterHarness, code: str) -> dict[str, Any]:
    return dict(opened.client().get(f"/permits/v1/enterprises/{code}").json())


def outcomes(opened: RegisterHarness, done: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(one["line"], one["field"], one["outcome"]) for one in report(opened, done["id"])]


def office_workbook() -> bytes:
    def row(number: int, source: Source, name: str) -> tuple[str, ...]:
        first, last = "2022.01.01", "46387"  # 2026-12-31 in a cell without a format
        return (str(number), name, source.code, "火力发电", source.permit, first, last, "简化管理", "内蒙古自治区")

    return workbook(
        inline_rows(
            ("XX市排污许可证持证单位名录", *[""] * 8), ("截至2026年11月", *[""] * 8), [""] * 9, COLUMNS, BELOW,
            row(1, FIRST, "一厂"), [""] * 9, row(2, SECOND, "二厂"), ("合计", "2家", *[""] * 7),
        )
    )  # fmt: skip


def test_a_workbook_with_titles_a_header_in_two_rows_blank_rows_and_a_total_goes_in(register: RegisterHarness) -> None:
    done = take_in(register, office_workbook())
    assert (done["state"], done["counts"]) == ("done", {"created": 2, "refused": 0})
    for source, name in ((FIRST, "一厂"), (SECOND, "二厂")):
        found = permit(register, source.permit)
        assert (found["valid_from"], found["valid_to"], found["category"]) == ("2022-01-01", "2026-12-31", "simplified")
        assert (holder(register, source.code)["name"], holder(register, source.code)["region"]) == (name, "150000")
    assert (9, "row", "left_out") in outcomes(register, done)
    again = take_in(register, office_workbook())
    assert again["counts"] == {"unchanged": 2, "refused": 0}


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-8-sig"])
def test_a_text_with_tabulators_goes_in_whatever_its_encoding(register: RegisterHarness, encoding: str) -> None:
    text = "\r\n".join(["名录", HEADER, list_row(1, valid="自2022年1月1日起至2026年12月31日止")]).replace(",", "\t")
    done = take_in(register, text.encode(encoding))
    assert done["counts"] == {"created": 1, "refused": 0}
    assert permit(register, FIRST.permit)["valid_to"] == "2026-12-31"


@pytest.mark.parametrize("first_is_newer", [False, True])
def test_two_rows_of_one_number_are_one_permit_and_the_same_file_again_changes_nothing(
    register: RegisterHarness, first_is_newer: bool
) -> None:
    rows = [list_row(1, name="旧名称", valid="2017-01-01至2021-12-31"), list_row(1, name="新名称")]
    content = a_list(*(reversed(rows) if first_is_newer else rows), list_row(2, name="别家"))
    done = take_in(register, content)
    assert done["counts"] == {"created": 2, "refused": 0, "duplicate": 1}
    assert (3, "number", "duplicate") in outcomes(register, done)
    (reason,) = [one["reason"] for one in report(register, done["id"]) if one["outcome"] == "duplicate"]
    assert "line 2 and line 3 have this number" in reason and f"line {2 if first_is_newer else 3} counts" in reason
    assert (holder(register, FIRST.code)["name"], permit(register, FIRST.permit)["valid_to"]) == (
        "新名称",
        "2026-12-31",
    )
    events = len(register.published())
    for _ in range(2):
        assert take_in(register, content)["counts"] == {"unchanged": 2, "refused": 0, "duplicate": 1}
    assert len(register.published()) == events
    assert holder(register, FIRST.code)["revision"] == 1


def test_a_dry_run_counts_rows_of_one_number_as_the_import_does(register: RegisterHarness) -> None:
    content = a_list(list_row(1, name="甲"), list_row(1, name="乙"))
    dry = take_in(register, content, dry_run=True)
    assert dry["counts"] == take_in(register, content)["counts"] == {"created": 1, "refused": 0, "duplicate": 1}


def test_a_row_that_is_refused_as_too_old_renames_nobody(register: RegisterHarness) -> None:
    take_in(register, a_list(list_row(1, name="新名称")))
    events = len(register.published())
    old = take_in(register, a_list(list_row(1, name="旧名称", valid="2017-01-01至2021-12-31")))
    assert old["counts"] == {"refused": 1}
    assert holder(register, FIRST.code)["name"] == "新名称" and len(register.published()) == events


def test_two_permits_of_one_credit_code_with_two_names_name_it_once_and_for_all(register: RegisterHarness) -> None:
    second = list_row(1, name="二厂").replace("001P", "002Q")
    content = a_list(second, list_row(1, name="一厂"), second.replace("二厂", "二分厂"))
    take_in(register, content)
    events = len(register.published())
    assert take_in(register, content)["counts"] == {"unchanged": 2, "refused": 0, "duplicate": 1}
    assert holder(register, FIRST.code)["name"] == "一厂" and len(register.published()) == events


def test_a_listed_permit_whose_check_character_is_wrong_is_taken_and_marked(register: RegisterHarness) -> None:
    right = FIRST.code
    code = right[:17] + ("1" if right[17] != "1" else "2")
    done = take_in(register, a_list(list_row(1).replace(FIRST.permit, f"{code}001P")))
    assert done["counts"] == {"created": 1, "refused": 0}
    assert (2, "number", "check_character") in outcomes(register, done)
    assert permit(register, f"{code}001P")["valid_to"] == "2026-12-31"
    assert holder(register, code)["name"] == "企业"
    again = take_in(register, a_list(list_row(1).replace(FIRST.permit, f"{code}001P")))
    assert again["counts"] == {"unchanged": 1, "refused": 0}


def test_a_person_is_no_holder_even_where_the_number_passes_the_check(register: RegisterHarness) -> None:
    persons = (f"11010819900307{serial:03d}" for serial in range(1000))
    number = next(
        body + last
        for body in persons
        for last in "0123456789X"
        if uscc.calc_check_digit(body + "0") == last and _is_card(body + last)
    )
    done = take_in(register, a_list(list_row(1).replace(FIRST.permit, f"{number}001P")))
    assert done["counts"] == {"refused": 1}
    (finding,) = report(register, done["id"])
    assert "not the number of an identity card" in finding["reason"]
    assert number[6:14] not in str(finding)


def _is_card(number: str) -> bool:
    """The check character of GB 11643: ISO 7064, MOD 11-2."""
    total = sum(int(sign) * 2 ** (17 - place) for place, sign in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]


def test_a_credit_code_that_a_spreadsheet_made_a_number_is_refused_with_the_remedy(register: RegisterHarness) -> None:
    content = a_list(f"{list_row(1)},9.11505E+17", list_row(2) + ",").replace(
        HEADER.encode(), f"{HEADER},信用代码".encode()
    )
    done = take_in(register, content)
    assert done["counts"] == {"created": 1, "refused": 1}
    (finding,) = report(register, done["id"])
    assert (finding["line"], finding["field"], finding["value"]) == (2, "credit_code", "9.11505E+17")
    assert "文本格式" in finding["reason"] and "format the column as text" in finding["reason"]


def test_a_file_whose_columns_are_not_recognised_says_what_it_has_and_what_is_missing(
    register: RegisterHarness,
) -> None:
    done = take_in(register, "名录\n许可证代号,单位名称,有效期限\na,b,c".encode())
    assert done["state"] == "failed"
    for part in (
        "line 2",
        "许可证代号、单位名称、有效期限",
        "missing: 许可证编号 / permit number",
        "expected: a header row with",
    ):
        assert part in done["failure"], done["failure"]
    assert register.published() == []


PERMITS = [
    Fact(FIRST.permit, "一厂", date(2022, 1, 1), date(2026, 12, 31), "重点管理", "内蒙古自治区", "呼和浩特市"),
    Fact(
        SECOND.permit,
        "寿光（中冶）水务有限公司",
        date(2025, 12, 16),
        date(2030, 12, 15),
        "简化管理",
        "山东省",
        "潍坊市",
    ),
]


def test_the_same_permits_from_any_other_file_change_nothing(register: RegisterHarness) -> None:
    plain = [
        f"{one.number},{one.name},火力发电,{one.first}至{one.last},{one.category},{one.province},{one.city}"
        for one in PERMITS
    ]
    created = take_in(register, "\n".join([f"{HEADER},地市", *plain]).encode())
    assert created["counts"] == {"created": 2, "refused": 0}
    events = len(register.published())

    @settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(files(PERMITS))
    def change_nothing(content: bytes) -> None:
        done = take_in(register, content)
        assert done["counts"] == {"unchanged": 2, "refused": 0}, report(register, done["id"])

    change_nothing()
    assert len(register.published()) == events
