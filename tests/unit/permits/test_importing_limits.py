"""What exceeds a limit is refused with the limit, what is within it is read: cells, rows, documents, archives, texts."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.permits.importing import archive, documents, limits, row
from services.permits.importing.documents import Document
from services.permits.importing.encoding import open_text
from services.permits.importing.readers import format_of, listed_rows
from services.permits.importing.source import SourceFile
from services.permits.importing.table import Listed
from shared.domain.errors import Invalid
from tests.support.workbooks import NOT_READ, inline_row, workbook

NUMBER = "91370783797337187J001C"
HEADER = ("许可证编号", "单位名称", "有效期限")
VALUES = (NUMBER, "企业", "2025-12-16至2030-12-15")


def csv(*rows: tuple[str, ...]) -> bytes:
    return "\n".join(",".join(cells) for cells in rows).encode()


def html(*rows: tuple[str, ...]) -> bytes:
    return ("<table>" + "".join("<tr><td>" + "<td>".join(cells) for cells in rows)).encode()


def xlsx(*rows: tuple[str, ...]) -> bytes:
    return workbook(inline_row(number, *cells) for number, cells in enumerate(rows, start=1))


FORMATS = {"CSV": csv, "HTML": html, "XLSX": xlsx}
Make = Callable[..., bytes]


def read(content: bytes) -> list[Listed]:
    return list(listed_rows(content, format_of(content)))


def refused(content: bytes) -> Invalid:
    with pytest.raises(Invalid) as raised:
        SourceFile.of(content).scan()
    return raised.value


@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)
def test_a_cell_is_read_up_to_its_limit(make: Make) -> None:
    longest = "a" * limits.CELL_CHARACTERS
    (found,) = read(make(HEADER, (NUMBER, longest, VALUES[2])))
    assert found.cells["name"] == longest
    assert refused(make(HEADER, (NUMBER, longest + "a", VALUES[2]))).rule == "at most 32,767 characters a cell"


@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)
def test_a_list_is_read_up_to_its_limit_of_rows(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("page", "delimited", "sheet"):
        monkeypatch.setattr(f"services.permits.importing.{module}.ROWS", 3)
    assert len(read(make(HEADER, VALUES, VALUES))) == 2
    assert refused(make(HEADER, VALUES, VALUES, VALUES)).rule == "at most 3 rows"


@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)
def test_a_row_is_read_up_to_its_limit_of_cells(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row, "CELLS", 3)
    assert len(read(make(HEADER, VALUES))) == 1
    assert refused(make((*HEADER, "a"), VALUES)).rule == "at most 3 cells a row"


def test_a_cell_far_to_the_right_is_refused_before_the_cells_left_of_it_are_made() -> None:
    assert refused(workbook(['<row r="1"><c r="XFD1"><v>1</v></c></row>'])).rule == "at most 1,024 cells a row"


def test_a_list_is_read_up_to_its_limit_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.permits.importing.table.LIST_CHARACTERS", 60)
    assert len(read(csv(HEADER, VALUES))) == 1
    assert refused(csv(HEADER, VALUES, VALUES)).rule == "at most 60 characters in all cells"


def test_a_workbook_is_unpacked_up_to_a_limit_for_all_its_parts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook([inline_row(1, *HEADER), inline_row(2, *VALUES)])
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        unpacked = sum(part.file_size for part in opened.infolist() if part.filename not in NOT_READ)
    monkeypatch.setattr(archive, "UNPACKED_BYTES", unpacked)
    assert len(read(content)) == 1
    monkeypatch.setattr(archive, "UNPACKED_BYTES", unpacked - 1)
    assert "unpacked" in refused(content).rule


def test_what_an_archive_says_of_its_sizes_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(workbook([inline_row(1, *HEADER), "<x>" + "a" * 100_000 + "</x>"]))
    place = content.rindex(b"xl/worksheets/sheet1.xml") - 46  # its entry in the directory
    content[place + 24 : place + 28] = (1_000).to_bytes(4, "little")
    assert "unpacked" not in refused(bytes(content)).rule  # less than it is: cut there, and so broken
    content[place + 24 : place + 28] = (2**31).to_bytes(4, "little")
    assert SourceFile.of(bytes(content)).scan().total == 0  # more than it is: not asked
    monkeypatch.setattr(archive, "UNPACKED_BYTES", 100_000)
    assert "unpacked" in refused(bytes(content)).rule


def test_an_archive_of_too_many_parts_is_refused_before_its_directory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PARTS", 4)
    assert refused(workbook()).rule == "at most 4 parts"


def test_cells_of_a_workbook_in_any_order_stand_in_their_columns() -> None:
    cells = '<c r="C2" t="str"><v>2025-12-16至2030-12-15</v></c>' + f'<c r="A2" t="str"><v>{NUMBER}</v></c>'
    (found,) = read(workbook([inline_row(1, *HEADER), f'<row r="2">{cells}</row>']))
    assert found.cells == {"number": NUMBER, "name": "", "validity": VALUES[2]}


def test_how_a_text_is_spoken_is_no_part_of_it() -> None:
    text = f"<si><r><t>{NUMBER[:5]}</t></r><rPh><t>spoken</t></rPh><r><t>{NUMBER[5:]}</t></r></si>"
    (found,) = read(workbook([inline_row(1, *HEADER), '<row r="2"><c t="s"><v>0</v></c></row>'], texts=[text]))
    assert found.cells["number"] == NUMBER


def test_a_list_within_a_page_of_nested_tables_is_read() -> None:
    inner = html(HEADER, VALUES).decode() + "</table>"
    page = f'<?xml version="1.0" encoding="gbk"?><html><table><tr><td>menu<td>{inner}</table></html>'
    assert [found.cells["number"] for found in read(page.encode())] == [NUMBER]


def test_the_title_of_a_cell_holds_what_the_page_shortens() -> None:
    page = f'<table><tr><th>许可证编号<th>有效期</tr><tr><td title="{NUMBER}"><a>9137…</a></td></tr></table>'
    assert read(page.encode())[0].cells["number"] == NUMBER


@pytest.mark.parametrize(("content", "place"), [(b"\xff\xff", 0), (b"a" * 65_535 + "中".encode()[:2], 65_535)])
def test_a_text_in_no_encoding_is_refused_with_the_place(content: bytes, place: int) -> None:
    with pytest.raises(Invalid) as raised:
        open_text(content, ("utf-8-sig",))
    assert (raised.value.value, raised.value.rule) == (place, "UTF-8")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_signs_that_lie_across_pieces_are_read(encoding: str) -> None:
    name = "中" * 150
    content = "\n".join([",".join(HEADER), *[f"{NUMBER},{name},{VALUES[2]}"] * 2_000]).encode(encoding)
    assert {found.cells["name"] for found in read(content)} == {name}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=5), max_size=20), st.integers(40, 400))
def test_an_array_is_read_the_same_however_little_of_it_is_read_at_once(found: list[Any], at_once: int) -> None:
    written = json.dumps(found, indent=1, ensure_ascii=False)
    longest = max((len(json.dumps(one, indent=1, ensure_ascii=False)) + 200 for one in found), default=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "DOCUMENT_CHARACTERS", max(at_once, longest))
        read_back = list(documents.documents(written.encode("utf-8", "replace")))
    expected = json.loads(written.encode("utf-8", "replace"))
    assert [one.content for one in read_back] == expected
    lines = written.split("\n")
    assert all(lines[one.line - 1].lstrip().startswith("{") for one in read_back)


def one_document(text: str) -> Document:
    (found,) = documents.documents(text.encode())
    return found


@pytest.mark.parametrize("begin", ["", "["], ids=["by lines", "in an array"])
def test_a_document_is_read_up_to_its_limits(begin: str) -> None:
    end = "]" if begin else ""
    longest = '{"a": "' + "中" * (limits.DOCUMENT_CHARACTERS - 9) + '"}'
    assert one_document(f"{begin}{longest}\r\n{end}").content is not None
    longer = longest.replace("a", "ab")
    assert "at most 1,000,000 characters" in (one_document(f"{begin}{longer}\r\n{end}").wrong or "")
    deep = '{"a": ' + "[" * (limits.DOCUMENT_DEPTH - 1) + "]" * (limits.DOCUMENT_DEPTH - 1) + "}"
    assert one_document(begin + deep + end).content is not None
    deeper = deep.replace("[]", "[[]]")
    assert "at most 32 values within one another" in (one_document(begin + deeper + end).wrong or "")


def test_behind_a_line_that_is_too_long_the_documents_are_read_on() -> None:
    long = '{"a": "' + "b" * 3 * limits.DOCUMENT_CHARACTERS + '"}'
    found = list(documents.documents(f'{{"a": 1}}\n{long}\n{{"a": 2}}'.encode()))
    assert [(one.line, one.content is not None) for one in found] == [(1, True), (2, False), (3, True)]


def test_behind_a_document_of_an_array_that_is_too_long_the_others_are_read() -> None:
    long = '{"a": "' + "b" * limits.DOCUMENT_CHARACTERS + '"}'
    found = list(documents.documents(f'[{{"a": 1}}, {long},\n{{"a": 2}}]'.encode()))
    assert [(one.line, one.content is not None) for one in found] == [(1, True), (1, False), (2, True)]


def test_where_an_array_is_broken_its_line_is_reported() -> None:
    found = list(documents.documents(b'[{"a": 1},\n{"a":\n\n oops}]'))
    assert [one.line for one in found] == [1, 2]
    assert found[1].wrong == "not JSON: Expecting value, line 4"


def test_an_array_that_is_cut_off_is_not_taken_for_a_large_one() -> None:
    assert one_document('[{"a": "b').wrong == "not JSON: Unterminated string starting at, line 1"
