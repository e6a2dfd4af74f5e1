"""Register files as offices send them: titles, merged cells, headers in their variants, totals, separators, sheets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.permits.domain.import_report import Outcome
from services.permits.importing.official_list import Entry, read_row
from services.permits.importing.readers import format_of, listed_rows
from services.permits.importing.source import RowKind, SourceFile
from services.permits.importing.table import Listed, NoColumns
from shared.domain.errors import Invalid
from tests.support.workbooks import SheetXml, inline_rows, workbook

NUMBER, OTHER = "91370783797337187J001C", "91370783MA3T24JB1R001V"
PERIOD = "2025-12-16至2030-12-15"
PLAIN = ("许可证编号", "单位名称", "有效期限")


def read(content: bytes) -> list[Listed]:
    return list(listed_rows(content, format_of(content)))


def entries(content: bytes) -> list[Entry]:
    """The entries of all rows; every row has one."""
    found = [read_row(row) for row in read(content)]
    assert all(entry is not None for entry, _ in found), [findings for _, findings in found]
    return [entry for entry, _ in found if entry is not None]


def csv(*rows: tuple[str, ...], separator: str = ",") -> bytes:
    return "\n".join(separator.join(f'"{cell}"' if "\n" in cell else cell for cell in row) for row in rows).encode()


def xlsx(*rows: tuple[str, ...]) -> bytes:
    return workbook(inline_rows(*rows))


@pytest.mark.parametrize(
    ("number", "name", "validity"),
    [
        ("许可证编号", "单位名称", "有效期限"),
        ("排污许可证编号", "企业名称", "有效期"),
        ("证书编号", "排污单位名称", "有效期限"),
        (" 许可证 编号 ", "单位\n名称", "有效 期限"),
        ("许可证编号（必填）", "企业名称（全称）", "有效期限（起止日期）"),
        ("*许可证编号", "＊单位名称：", "有效期【年-月-日】"),
        ("许可证书编号", "持证单位", "许可证有效期"),
        ("\ufeff许可证编号", "单位\u200b名称", "有\u00a0效期限"),
        ("Permit_ID", "FacilityName", "Validity"),
        ("PERMIT ID", "Company Name", "有效期起止"),
        ("排污许可证证书编号", "排污单位", "起止日期"),
    ],
)
def test_a_header_is_known_in_its_usual_variants(number: str, name: str, validity: str) -> None:
    for make in (csv, xlsx):
        (entry,) = entries(make((name, number, validity), ("企业", NUMBER, PERIOD)))
        assert (entry.permit.number, entry.name, str(entry.permit.valid_to)) == (NUMBER, "企业", "2030-12-15")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("有效期起", "有效期止"), ("有效期（起）（必填）", "（必填）有效期（止）"),
        ("有效期开始日期", "有效期结束日期"), ("起始日期", "截止日期"),
        ("有效期自", "有效期至"), ("生效日期", "失效日期"), ("许可证有效期起始日期", "许可证有效期截止日期"),
        ("有效期起（发证日期）", "到期日期"),
        ("PermitValidFrom", "PermitValidTo"),
        ("有效起始日期", "有效截止日期"), ("开始时间", "到期时间"), ("有效期限自", "有效期限至"),
    ],
)  # fmt: skip
def test_both_days_of_a_period_may_stand_in_columns_of_their_own(first: str, last: str) -> None:
    (entry,) = entries(csv((last, "许可证编号", first), ("2030-12-15", NUMBER, "2025-12-16")))
    assert (str(entry.permit.valid_from), str(entry.permit.valid_to)) == ("2025-12-16", "2030-12-15")


@pytest.mark.parametrize("make", [csv, xlsx], ids=["CSV", "XLSX"])
def test_titles_blank_rows_totals_and_notes_are_no_data(make: Callable[..., bytes]) -> None:
    content = make(
        ("XX市排污许可证名录（2026年第1季度）", "", ""),
        ("填报单位：XX市生态环境局", "", "填报日期：2026-01-05"),
        ("", "", ""),
        PLAIN,
        (NUMBER, "一厂", PERIOD),
        ("", "", ""),
        (OTHER, "二厂", PERIOD),
        ("合计", "2", ""),
        ("注：本表数据来源于全国排污许可证管理信息平台", "", ""),
    )
    rows = read(content)
    assert [(row.line, row.cells["number"]) for row in rows if row.no_data is None] == [(5, NUMBER), (7, OTHER)]
    assert [row.line for row in rows if row.no_data] == [8, 9]
    kinds = [row.kind for row in SourceFile.of(content).rows(SourceFile.of(content).scan().duplicates)]
    assert kinds == [RowKind.ENTRY, RowKind.ENTRY, RowKind.NO_DATA, RowKind.NO_DATA]
    assert [finding.outcome for finding in read_row(rows[2])[1]] == [Outcome.LEFT_OUT]


@pytest.mark.parametrize("total", ["合计", "总计", "合　计", "总计：2家", "小计", "Total"])
def test_a_row_of_totals_is_no_data_wherever_its_word_stands(total: str) -> None:
    for row in ((total, "", ""), ("", total, ""), ("", "2", total)):
        found = read(xlsx(PLAIN, (NUMBER, "企业", PERIOD), row))
        assert [one.no_data is not None for one in found] == [False, True], row


def test_a_row_without_a_number_that_is_no_total_is_refused_and_not_dropped() -> None:
    rows = read(csv(PLAIN, (NUMBER, "企业", PERIOD), ("", "合计化工有限公司", PERIOD), ("", "无名企业", "")))
    refused = [read_row(row) for row in rows[1:]]
    assert all(entry is None and findings[0].outcome is Outcome.REFUSED for entry, findings in refused)


def test_a_header_in_two_rows_under_a_merged_cell_is_one() -> None:
    below = ("", "", "起", "止", "")
    above = ("许可证编号", "单位名称", "有效期限", "", "管理类别")
    data = (NUMBER, "企业", "2025-12-16", "2030-12-15", "重点管理")
    for make in (csv, xlsx):
        (entry,) = entries(make(("名录", "", "", "", ""), above, below, data))
        assert (entry.name, str(entry.permit.valid_from), str(entry.permit.valid_to), entry.permit.category) == (
            "企业", "2025-12-16", "2030-12-15", "key",
        )  # fmt: skip


def test_a_header_whose_groups_stand_above_it_is_read_with_them() -> None:
    above = ("序号", "单位名称", "排污许可证信息", "", "", "所在地区", "")
    below = ("", "", "证书编号", "有效期开始日期", "有效期截止日期", "省份", "城市")
    data = ("1", "企业", NUMBER, "2025-12-16", "2030-12-15", "山东省", "潍坊市")
    (entry,) = entries(xlsx(above, below, data))
    assert (entry.name, entry.permit.number, entry.region) == ("企业", NUMBER, "370700")


def test_both_days_under_one_merged_header_are_the_period() -> None:
    header = ("许可证编号", "有效期限", "", "单位名称")
    (entry,) = entries(xlsx(header, (NUMBER, "2025-12-16", "2030-12-15", "企业")))
    assert (str(entry.permit.valid_from), str(entry.permit.valid_to), entry.name) == (
        "2025-12-16",
        "2030-12-15",
        "企业",
    )
    (whole,) = entries(xlsx(header, (NUMBER, PERIOD, "一条备注", "企业")))
    assert str(whole.permit.valid_to) == "2030-12-15"


def test_a_header_that_is_repeated_on_each_page_is_no_data() -> None:
    (first, second) = entries(csv(PLAIN, (NUMBER, "一厂", PERIOD), PLAIN, (OTHER, "二厂", PERIOD)))
    assert (first.name, second.name) == ("一厂", "二厂")


def test_a_row_of_column_numbers_below_the_header_is_no_data() -> None:
    rows = read(xlsx(PLAIN, ("1", "2", "3"), (NUMBER, "企业", PERIOD)))
    assert [row.no_data is not None for row in rows] == [True, False]


def test_the_first_filled_of_two_columns_with_one_meaning_counts() -> None:
    header = ("许可证编号", "单位名称", "排污单位名称", "有效期限")
    (one, two) = entries(csv(header, (NUMBER, "甲", "乙", PERIOD), (OTHER, "", "乙", PERIOD)))
    assert (one.name, two.name) == ("甲", "乙")


@pytest.mark.parametrize("separator", ["\t", ";", "|", "，", ","])
def test_cells_may_be_separated_by_tabulators_semicolons_bars_or_commas(separator: str) -> None:
    content = csv(("名录", "", ""), PLAIN, (NUMBER, "甲,乙" if separator != "," else "甲", PERIOD), separator=separator)
    (entry,) = entries(content)
    assert entry.permit.number == NUMBER and (entry.name or "").startswith("甲")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_a_text_is_read_in_the_encodings_that_spreadsheets_save(encoding: str, separator: str) -> None:
    text = csv(PLAIN, (NUMBER, "企业", PERIOD), separator=separator).decode().replace("\n", "\r\n")
    (entry,) = entries(text.encode(encoding))
    assert (entry.name, entry.permit.number) == ("企业", NUMBER)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "gb18030"])
def test_a_byte_order_mark_before_a_quoted_cell_is_no_part_of_it(encoding: str) -> None:
    text = f'\ufeff"许可证\n编号",单位名称,有效期限\n{NUMBER},企业,{PERIOD}\n'
    assert [entry.name for entry in entries(text.encode(encoding))] == ["企业"]


def test_a_page_in_utf_16_is_read() -> None:
    page = f"<table><tr><td>许可证编号<td>有效期限</tr><tr><td>{NUMBER}<td>{PERIOD}</tr></table>"
    assert [entry.permit.number for entry in entries(page.encode("utf-16"))] == [NUMBER]


def test_a_separator_within_a_cell_without_quotes_refuses_its_row_alone() -> None:
    rows = read(csv(("许可证编号", "有效期限", "单位名称"), (NUMBER, PERIOD, "甲", "乙公司"), (OTHER, PERIOD, "丙")))
    (refused, findings), (taken, _) = (read_row(row) for row in rows)
    assert refused is None and taken is not None
    assert "3 cells as the header has; 4 came" in findings[0].reason


def test_columns_that_are_not_recognised_name_the_headers_found_the_expected_ones_and_the_row() -> None:
    for make in (csv, xlsx):
        with pytest.raises(NoColumns) as wrong:
            read(make(("某某名录", "", ""), ("许可证代号", "单位名称", "起始日期"), (NUMBER, "企业", "2025-12-16")))
        assert "第 2 行 (line 2)" in wrong.value.detail and "the columns are not recognised" in wrong.value.detail
        assert "许可证代号、单位名称、起始日期" in wrong.value.detail
        assert "known of them: 单位名称、起始日期" in wrong.value.detail
        assert "许可证编号 / permit number" in wrong.value.detail and "有效期止" in wrong.value.detail
        assert "许可证编号" in wrong.value.rule and NUMBER not in wrong.value.detail


def test_columns_that_are_not_recognised_show_no_cell_that_may_be_a_secret() -> None:
    for content in (b"user,password\nroot,hunter2", b"A1,s3cret\n", b"host=a;password=s3cret"):
        with pytest.raises(NoColumns) as wrong:
            read(content)
        assert "hunter2" not in wrong.value.detail and "s3cret" not in wrong.value.detail


def test_a_list_without_the_last_day_says_which_column_is_missing() -> None:
    with pytest.raises(NoColumns) as wrong:
        read(csv(("许可证编号", "有效期起"), (NUMBER, "2025-12-16")))
    assert wrong.value.detail.endswith("missing: 有效期止 / last day of validity")


def test_rows_without_a_header_are_read_in_the_order_of_the_official_page() -> None:
    row = ("山东省", "潍坊市", NUMBER, "企业", "污水处理及其再生利用", PERIOD, "2025-12-16", "重点管理")
    bad = (*row[:2], "待办", *row[3:])
    rows = read(csv(bad, row))
    assert [read_row(one)[0] is not None for one in rows] == [
        False,
        True,
    ]  # the first is refused, not taken for a title


def test_every_sheet_that_holds_a_list_is_read_and_the_others_are_named() -> None:
    content = workbook(
        inline_rows(("填表说明", ""), ("一、本表由各县填报", "")),
        more=[
            SheetXml("寿光", inline_rows(PLAIN, (NUMBER, "一厂", PERIOD))),
            SheetXml(
                "青州", inline_rows(("单位名称", "许可证编号", "有效期"), ("二厂", OTHER, PERIOD), ("坏", "x", PERIOD))
            ),
            SheetXml("旧数据", inline_rows(PLAIN, (OTHER, "不要", PERIOD)), state="hidden"),
            SheetXml("空", []),
        ],
    )
    rows = read(content)
    taken = [entry for entry, _ in map(read_row, rows) if entry is not None]
    assert [(entry.name, entry.permit.number) for entry in taken] == [("一厂", NUMBER), ("二厂", OTHER)]
    findings = [finding for row in rows for finding in read_row(row)[1]]
    assert [finding.outcome for finding in findings] == [Outcome.REFUSED, Outcome.LEFT_OUT, Outcome.LEFT_OUT]
    assert findings[0].reason.startswith("sheet '青州': expected: ") and findings[0].line == 3
    assert [(finding.value, finding.reason[:25]) for finding in findings[1:]] == [
        ("旧数据", "a hidden sheet is not rea"),
        ("a", "a sheet without a list is"),
    ]


def test_a_workbook_whose_sheets_hold_no_list_is_refused() -> None:
    content = workbook(inline_rows(("甲", "乙")), more=[SheetXml("b", inline_rows(("丙", "丁")))])
    with pytest.raises(NoColumns) as wrong:
        read(content)
    assert "甲、乙" in wrong.value.detail


def test_days_of_a_workbook_that_counts_from_1904_are_read() -> None:
    header, texts = inline_rows((*PLAIN[:2], "有效期起", "有效期止"), (NUMBER, "企业"))
    cells = '<c r="C2" s="1"><v>44545</v></c><c r="D2"><v>46370.25</v></c></row>'  # one shows a day, one is General
    (entry,) = entries(workbook([header, texts.replace("</row>", cells)], is_1904=True))
    assert (str(entry.permit.valid_from), str(entry.permit.valid_to)) == ("2025-12-16", "2030-12-15")


def test_day_numbers_in_cells_without_a_format_and_as_text_are_days() -> None:
    header, texts = inline_rows((*PLAIN[:2], "有效期起", "有效期止"), (NUMBER, "企业"))
    cells = '<c r="C2"><v>46007</v></c><c r="D2" t="inlineStr"><is><t>47832.5</t></is></c></row>'
    (entry,) = entries(workbook([header, texts.replace("</row>", cells)]))
    assert (str(entry.permit.valid_from), str(entry.permit.valid_to)) == ("2025-12-16", "2030-12-15")


def test_a_credit_code_that_a_spreadsheet_made_a_number_refuses_its_row_with_the_remedy() -> None:
    header, texts = inline_rows((*PLAIN, "统一社会信用代码"), ("913701243072878190003X", "企业", PERIOD))
    for number in ("9.1370124307287795E17", "913701243072878000"):
        cells = f'<c r="D2"><v>{number}</v></c></row>'
        (row,) = read(workbook([header, texts.replace("</row>", cells)]))
        entry, (finding,) = read_row(row)
        assert (entry, finding.field, finding.value) == (None, "credit_code", number)
        assert "请将该列设为文本格式" in finding.reason and "format the column as text" in finding.reason


@pytest.mark.parametrize("content", [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)], ids=["Excel 97"])
def test_an_old_or_encrypted_workbook_is_refused_with_the_remedy(content: bytes) -> None:
    with pytest.raises(Invalid) as wrong:
        format_of(content)
    assert "另存为 .xlsx" in wrong.value.rule


def test_a_listed_number_with_a_wrong_check_character_is_taken_and_named() -> None:
    (row,) = read(csv(PLAIN, ("91370783797337187K001C", "企业", PERIOD)))
    entry, (finding,) = read_row(row)
    assert entry is not None and entry.permit.number == "91370783797337187K001C"
    assert (finding.field, finding.value, finding.outcome) == (
        "number",
        "91370783797337187K001C",
        Outcome.CHECK_CHARACTER,
    )
    assert "check character K" in finding.reason and "(GB 11714) fits" in finding.reason


def test_of_rows_with_one_number_the_newer_else_the_fuller_one_counts_and_the_later_ones_are_named() -> None:
    header = (*PLAIN, "管理类别")
    newer = "2026-12-16至2031-12-15"
    content = csv(
        header,
        (NUMBER, "旧", PERIOD, "重点管理"),  # 2: an older period
        (OTHER, "甲", PERIOD, ""),  # 3: less
        (NUMBER, "新", newer, ""),  # 4: counts
        (OTHER, "乙", PERIOD, "简化管理"),  # 5: counts
        (NUMBER.lower(), "旧", PERIOD, "重点管理"),  # 6
    )
    source = SourceFile.of(content)
    rows = list(source.rows(source.scan().duplicates))
    assert [row.entry.name if row.entry else None for row in rows] == [None, None, "新", "乙", None]
    named = [one for row in rows for one in row.findings if one.outcome is Outcome.DUPLICATE]
    assert [one.line for one in named] == [4, 5, 6]
    assert [one.reason.split(":")[0] for one in named] == [
        "line 2 and line 4 have this number; line 4 counts",
        "line 3 and line 5 have this number; line 5 counts",
        "line 2 and line 6 have this number; line 4 counts",
    ]


def test_rows_of_one_number_on_one_line_of_a_page_are_two() -> None:
    cells = f"<tr><td>{NUMBER}<td>{PERIOD}</tr>"
    source = SourceFile.of(f"<table><tr><td>许可证编号<td>有效期限</tr>{cells}{cells}</table>".encode())
    rows = list(source.rows(source.scan().duplicates))
    assert [row.kind for row in rows] == [RowKind.ENTRY, RowKind.DUPLICATE]


def test_a_refused_row_is_no_duplicate_of_a_good_one() -> None:
    source = SourceFile.of(csv(PLAIN, (NUMBER, "甲", "长期"), (NUMBER, "乙", PERIOD)))
    rows = list(source.rows(source.scan().duplicates))
    assert [row.kind for row in rows] == [RowKind.REFUSED, RowKind.ENTRY]
    assert not rows[1].findings
