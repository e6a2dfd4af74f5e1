"""Files of the official list and JSON documents, read row by row with the line of each."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

from services.permits.domain.import_report import Outcome
from services.permits.importing.documents import documents
from services.permits.importing.official_list import Entry, read_row
from services.permits.importing.readers import Format, format_of, listed_rows
from services.permits.importing.table import Listed
from shared.domain.errors import Invalid

NUMBER = "91370783797337187J001C"
HEADER = "许可证编号,单位名称,行业类别,有效期限,管理类别,省/直辖市,地市"
ROW = f"{NUMBER},寿光市中冶水务有限公司,污水处理及其再生利用,2025-12-16至2030-12-15,重点管理,山东省,潍坊市"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def read(content: bytes) -> list[Listed]:
    return list(listed_rows(content, format_of(content)))


def the_entry(content: bytes) -> Entry:
    (row,) = read(content)
    entry, _ = read_row(row)
    assert entry is not None
    return entry


def a_workbook(rows: str, shared: str = "") -> bytes:
    """An XLSX file as spreadsheets write it; style 1 shows a day."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{SHEET}" xmlns:r="{LINKS}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId1" Type="t" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{SHEET}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{SHEET}">{shared}</sst>')
        sheet = f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return made.getvalue()


def test_the_published_sample_of_21_permits_is_read_whole(data_folder: Path) -> None:
    content = (data_folder / "permits" / "mee_public_permits_21rows.csv").read_bytes()
    entries = [read_row(row) for row in read(content)]
    assert len(entries) == 21
    assert all(entry is not None and findings == [] for entry, findings in entries)
    first = entries[0][0]
    assert first is not None
    assert (first.permit.valid_to, first.industry, first.region) == (date(2030, 6, 23), "D4620", "370000")


def test_the_published_row_of_the_official_page_is_read(data_folder: Path) -> None:
    entry = the_entry((data_folder / "permits" / "mee_list_row_sample.html").read_bytes())
    assert (entry.permit.number, entry.permit.valid_from, entry.permit.valid_to, entry.permit.category) == (
        NUMBER,
        date(2025, 12, 16),
        date(2030, 12, 15),
        "key",
    )
    assert (entry.region, entry.industry) == ("370700", "D4620")  # as far down as the list says it


def test_a_list_saved_by_a_spreadsheet_in_gb18030_is_read() -> None:
    assert the_entry(f"{HEADER}\n{ROW}\n".encode("gb18030")).name == "寿光市中冶水务有限公司"


def test_lines_are_those_of_the_file_even_where_a_cell_spans_two() -> None:
    spanning = ROW.replace("寿光市中冶水务有限公司", '"寿光市\n中冶水务有限公司"')
    assert [row.line for row in read(f"{HEADER}\n{spanning}\n\n{ROW}\n".encode())] == [2, 5]


def test_rows_of_a_page_have_their_line_beyond_what_parsers_count() -> None:
    row = "<tr><td>" + "</td><td>".join(["山东省", "潍坊市", NUMBER, "a", "b", "c", "d", "重点管理"]) + "</td></tr>"
    page = "<html><body><table>\n" + "\n" * 70_000 + row + "</table></body></html>"
    assert [one.line for one in read(page.encode())] == [70_002]


def test_a_workbook_with_shared_and_inline_texts_and_days_as_numbers_is_read() -> None:
    shared = "".join(f"<si><t>{text}</t></si>" for text in ("Permit_ID", "PermitValidFrom", "PermitValidTo"))
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>'
        f'<row r="3"><c r="A3" t="inlineStr"><is><t>{NUMBER}</t></is></c>'
        '<c r="B3" s="1"><v>46007</v></c><c r="C3" s="1"><v>47832</v></c></row>'
    )
    (row,) = read(a_workbook(rows, shared))
    entry, _ = read_row(row)
    assert entry is not None
    assert (row.line, entry.permit.valid_from, entry.permit.valid_to) == (3, date(2025, 12, 16), date(2030, 12, 15))


@pytest.mark.parametrize("content", [b"", b"  \n", b"PK\x03\x04 not really", b"a,b\n1,2\n", b"<tr><td>1</td></tr>"])
def test_a_file_that_is_no_list_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(Invalid):
        read(content)


def test_a_bad_row_is_reported_with_line_value_and_reason_and_the_good_ones_are_in() -> None:
    bad = ROW.replace("2030-12-15", "2O30-02-30")
    rows = [read_row(row) for row in read(f"{HEADER}\n{ROW}\n{bad}\n{ROW}\n".encode())]
    assert [entry is not None for entry, _ in rows] == [True, False, True]
    (finding,) = rows[1][1]
    assert (finding.line, finding.field, finding.outcome) == (3, "validity", Outcome.REFUSED)
    assert finding.value == "2025-12-16至2O30-02-30"
    assert finding.reason.startswith("expected: a day such as 2030-12-15")


def test_every_mend_of_a_row_is_reported() -> None:
    row = Listed(
        7,
        {
            "number": "9137O783797337187J001C",
            "name": "寿光市\u200b中冶水务有限公司",
            "valid_from": "2025.12.16",
            "valid_to": "２０３０-12-15",
            "industry": "污水处理及其再生利用,锅炉",
            "longitude": "east",
        },
    )
    entry, findings = read_row(row)
    assert entry is not None
    assert (entry.longitude, entry.industry) == (None, "D4620")
    assert {(one.field, one.outcome.value) for one in findings} == {
        ("number", "mended"),
        ("name", "mended"),
        ("valid_from", "mended"),
        ("valid_to", "mended"),
        ("industry", "mended"),
        ("longitude", "left_out"),
    }
    assert all(one.line == 7 for one in findings)


def test_a_credit_code_beside_the_number_must_be_its_beginning() -> None:
    row = Listed(2, {"number": NUMBER, "valid_from": "2025-12-16", "valid_to": "2030-12-15"})
    other = Listed(2, {**row.cells, "credit_code": "91370783MA3T24JB1R"})
    assert read_row(row)[0] is not None
    assert read_row(other)[0] is None


@pytest.mark.parametrize(
    "text",
    ['[{"a": 1},\n {"a": 2}]', '{"a": 1}\n{"a": 2}\n', '\ufeff[\n{"a": 1}, {"a": 2}\n]'],
    ids=["an array", "one a line", "an array with a byte order mark"],
)
def test_documents_come_from_an_array_or_one_a_line(text: str) -> None:
    assert format_of(text.encode()) is Format.JSON
    assert [one.content for one in documents(text.encode())] == [{"a": 1}, {"a": 2}]


def test_a_broken_line_of_documents_costs_that_line_alone() -> None:
    found = list(documents(b'{"a": 1}\n{"a": \n[]\n\n{"a": 2}\n'))
    assert [(one.line, one.content is not None) for one in found] == [(1, True), (2, False), (3, False), (5, True)]


def test_documents_of_an_array_have_the_line_they_begin_on() -> None:
    assert [one.line for one in documents(b'[\n{"a":\n1},\n\n{"b": 2}\n]')] == [2, 5]
