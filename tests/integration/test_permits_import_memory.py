"""A file cannot take more memory than a bound, whatever it unpacks to: each is read in a process whose peak is measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.import_memory import measure
from tests.support.product import credit_code
from tests.support.workbooks import MB, SheetXml, inline_row, repeated, workbook

HEADER = ("许可证编号", "单位名称", "行业类别", "有效期限", "管理类别", "省/直辖市", "地市", "区县")
BOUND_MB = 64.0  # above the file itself
LIST_BOUND_MB = 128.0  # a workbook of 100,000 rows keeps its shared texts


def a_row(number: int) -> tuple[str, ...]:
    valid = "2022-01-01至2026-12-31"
    return (f"{credit_code(number)}001P", f"企业{number}", "火力发电", valid, "简化管理", "内蒙古自治区", "", "")


def _filled(begin: str, text: str, megabytes: int = 40) -> bytes:
    return (begin + "".join(repeated(text, megabytes))).encode()


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a workbook whose one row has 80 million cells": (
        lambda: workbook(["<row>", *repeated("<c/>", 320), "</row>"]),
        "at most 1,024 cells a row",
    ),
    "a workbook of 30 million rows": (lambda: workbook(repeated("<row/>", 200)), "at most 1,000,000 rows"),
    "a workbook of 40 million shared texts": (
        lambda: workbook(["<row/>"], texts=repeated("<si/>", 200)),
        "at most 1,000,000 shared texts",
    ),
    "a workbook that is too large when unpacked": (
        lambda: workbook(["<row><x>", *repeated("a", 320), "</x></row>"]),
        "at most 64 MB unpacked",
    ),
    "a workbook with a long text": (
        lambda: workbook(['<row><c t="str"><v>', *repeated("a", 320), "</v></c></row>"]),
        "at most 32,767 characters a cell",
    ),
    "a workbook of elements within one another": (
        lambda: workbook(["<row>", *repeated("<c>", 320)]),
        "at most 256 elements within one another",
    ),
    "a workbook with a long attribute": (
        lambda: workbook(['<row a="', *repeated("a", 320), '"/>']),
        "at most 1,048,576 bytes",
    ),
    "a workbook with a long comment": (
        lambda: workbook(["<!-- ", *repeated("a", 320), " -->"]),
        "at most 1,048,576 bytes",
    ),
    "a workbook of many styles": (
        lambda: workbook(styles="".join(repeated("<xf/>", 40))),
        "at most 65,536 styles",
    ),
    "a page whose one row has millions of cells": (
        lambda: _filled("<table><tr>", "<td>"),
        "at most 1,024 cells a row",
    ),
    "a page of millions of rows": (lambda: _filled("<table>", "<tr></tr>"), "at most 1,000,000 rows"),
    "a page of elements within one another": (
        lambda: _filled("<table>", "<div>"),
        "at most 256 elements within one another",
    ),
    "a page with a long text": (lambda: _filled("<table><tr><td>", "中文"), "at most 32,767 characters a cell"),
    "a page with a tag of a million attributes": (lambda: _filled("<table a ", "b "), "at most 1,048,576 bytes"),
    "a page with a long comment": (lambda: _filled("<table><!-- ", "abc "), "at most 1,048,576 bytes"),
    "a CSV file of one line": (lambda: _filled("", "中,"), "at most 1,000,000 characters a row"),
    "a CSV file of one cell": (lambda: _filled('"', "中\n"), "at most 32,767 characters a cell"),
    "a CSV file of empty lines": (lambda: _filled("Permit_ID", "\n"), "at most 1,000,000 rows"),
    "a workbook whose every cell is the same long text": (
        lambda: workbook(
            [
                inline_row(1, *HEADER),
                *(cells for number in range(400) for cells in ("<row>", '<c t="s"><v>0</v></c>' * 8, "</row>")),
            ],
            texts=[f"<si><t>{'a' * 32_000}</t></si>"],
        ),
        "at most 100,000,000 characters in all cells",
    ),
    "a workbook whose two cells stand in opposite corners": (
        lambda: workbook(['<row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"/></row>']),
        "at most 1,024 cells a row",
    ),
    "a workbook of many sheets": (
        lambda: workbook(more=[SheetXml(str(number), ["<row/>"]) for number in range(2, 600)]),
        "at most 256 sheets",
    ),
    "a text without a header": (lambda: _filled("", "a;b\n"), "the columns are not recognised"),
    "a workbook whose second sheet is too large when unpacked": (
        lambda: workbook(more=[SheetXml("b", ["<row><x>", *repeated("a", 320), "</x></row>"])]),
        "at most 64 MB unpacked",
    ),
    "a JSON array of millions of documents": (lambda: _filled("[", "{},"), "at most 100,000 documents"),
    "millions of JSON documents, one a line": (lambda: _filled("", "{}\n"), "at most 100,000 documents"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_would_fill_the_memory_is_refused_with_the_limit_and_takes_little(name: str) -> None:
    make, limit = BOMBS[name]
    found = measure(make())
    assert limit in found.failure
    assert found.peak_mb < BOUND_MB, found


DOCUMENTS: dict[str, tuple[str, str]] = {
    "a long list": ('{"a": [', "1,"),
    "a deep list": ('{"a": ', "["),
    "a long text": ('{"a": "', "中"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("begin", ["", "["], ids=["by lines", "in an array"])
def test_a_document_that_would_fill_the_memory_is_refused_by_itself(begin: str, name: str) -> None:
    start, text = DOCUMENTS[name]
    found = measure(_filled(begin + start, text))
    assert (found.rows, found.refused, found.failure) == (1, 1, "")
    assert found.peak_mb < BOUND_MB, found


def test_a_small_workbook_that_unpacks_to_hundreds_of_megabytes_is_really_small() -> None:
    assert len(workbook(["<row>", *repeated("<c/>", 320), "</row>"])) < MB


@pytest.mark.slow
def test_an_ordinary_workbook_with_shared_texts_is_taken_in_bounded_memory() -> None:
    texts: dict[str, int] = {}
    rows = []
    for number in range(1, 100_002):
        cells = HEADER if number == 1 else a_row(number)
        places = [texts.setdefault(text, len(texts)) for text in cells]
        written = "".join(
            f'<c r="{chr(ord("A") + place)}{number}" t="s"><v>{text}</v></c>' for place, text in enumerate(places)
        )
        rows.append(f'<row r="{number}">{written}</row>')
    found = measure(workbook(rows, texts=(f"<si><t>{text}</t></si>" for text in texts)))
    assert (found.rows, found.refused, found.failure) == (100_000, 0, "")
    assert found.peak_mb < LIST_BOUND_MB, found


@pytest.mark.slow
def test_an_ordinary_page_of_100000_rows_is_taken_in_bounded_memory() -> None:
    rows = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in a_row(n)) + "</tr>" for n in range(100_000))
    header = "<tr>" + "".join(f"<th>{cell}</th>" for cell in HEADER) + "</tr>"
    found = measure(f"<html><body><table>{header}{rows}</table></body></html>".encode())
    assert (found.rows, found.refused, found.failure) == (100_000, 0, "")
    assert found.peak_mb < BOUND_MB, found


@pytest.mark.slow
def test_a_list_whose_every_number_stands_twice_is_taken_in_bounded_memory() -> None:
    rows = "\n".join(",".join(a_row(number % 50_000)) for number in range(100_000))
    found = measure(f"{','.join(HEADER)}\n{rows}\n".encode())
    assert (found.rows, found.refused, found.failure) == (100_000, 50_000, "")
    assert found.peak_mb < LIST_BOUND_MB, found
