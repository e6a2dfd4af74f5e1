"""The first sheet of an XLSX workbook as rows of text (ECMA-376): shared and inline strings, days by their number format.

Only what a list needs: no formulas are computed (the saved value counts), nothing outside the archive is fetched.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from lxml import etree

from shared.domain.errors import Invalid

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
DAY_ZERO, DAY_ZERO_1904 = date(1899, 12, 30), date(1904, 1, 1)  # serial 0 of the two date systems
BUILT_IN_DAYS = frozenset({14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 59)})  # ECMA-376 18.8.30, zh-cn included
LITERAL = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
MOST_BYTES = 512 * 1024 * 1024  # of one part, unpacked
PARSER: Mapping[str, Any] = {"resolve_entities": False, "no_network": True, "huge_tree": True}


def rows(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """Row number and cells, empty cells as empty text; raises Invalid when it is no workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from _sheet(archive)
    except (zipfile.BadZipFile, KeyError, etree.XMLSyntaxError, ValueError, IndexError, RuntimeError) as wrong:
        rule = "an XLSX workbook whose first sheet is the list"
        raise Invalid(f"the workbook cannot be read: {wrong}", field="file", value="", rule=rule) from wrong


def _sheet(archive: zipfile.ZipFile) -> Iterator[tuple[int, Sequence[str]]]:
    book = _tree(archive, "xl/workbook.xml")
    properties = book.find(f"{MAIN}workbookPr")
    zero = DAY_ZERO_1904 if properties is not None and properties.get("date1904") in ("1", "true") else DAY_ZERO
    texts, days = _shared(archive), _day_styles(archive)
    number = 0
    with archive.open(_checked(archive, _first_sheet(archive, book))) as part:
        for _, row in etree.iterparse(part, tag=f"{MAIN}row", **PARSER):
            number = int(row.get("r") or number + 1)
            yield number, _cells(row, texts, days, zero)
            row.clear()


def _first_sheet(archive: zipfile.ZipFile, book: Any) -> str:
    first = book.find(f"{MAIN}sheets")[0].get(LINK)
    links = _tree(archive, "xl/_rels/workbook.xml.rels")
    target = next(link.get("Target") for link in links if link.get("Id") == first)
    return str(target).lstrip("/") if str(target).startswith("/") else f"xl/{target}"


def _checked(archive: zipfile.ZipFile, name: str) -> str:
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} unpacks to more than {MOST_BYTES >> 20} MB")
    return name


def _tree(archive: zipfile.ZipFile, name: str) -> Any:
    return etree.fromstring(archive.read(_checked(archive, name)), etree.XMLParser(**PARSER))


def _shared(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_plain(one) for one in _tree(archive, "xl/sharedStrings.xml").iter(f"{MAIN}si")]


def _plain(element: Any) -> str:
    """The text of all runs, phonetic hints left out."""
    return "".join(t.text or "" for t in element.iter(f"{MAIN}t") if t.getparent().tag != f"{MAIN}rPh")


def _day_styles(archive: zipfile.ZipFile) -> set[int]:
    """Which cell styles show a day."""
    if "xl/styles.xml" not in archive.namelist():
        return set()
    tree = _tree(archive, "xl/styles.xml")
    own = {int(f.get("numFmtId")): LITERAL.sub("", f.get("formatCode", "")).lower() for f in tree.iter(f"{MAIN}numFmt")}
    styles = tree.find(f"{MAIN}cellXfs")
    ids = [int(style.get("numFmtId") or 0) for style in (styles if styles is not None else ())]
    return {i for i, number in enumerate(ids) if ("y" in own[number] if number in own else number in BUILT_IN_DAYS)}


def _cells(row: Any, texts: Sequence[str], days: set[int], zero: date) -> Sequence[str]:
    cells: list[str] = []
    for cell in row.iter(f"{MAIN}c"):
        place = _column(cell.get("r")) if cell.get("r") else len(cells)
        cells += [""] * (place - len(cells))
        cells.append(_value(cell, texts, days, zero))
    return cells


def _column(reference: str) -> int:
    """`AB12` → 27."""
    column = 0
    for letter in re.sub(r"\d+$", "", reference):
        column = column * 26 + ord(letter) - ord("A") + 1
    if not 1 <= column <= 16_384:
        raise ValueError(f"no such column: {reference}")
    return column - 1


def _value(cell: Any, texts: Sequence[str], days: set[int], zero: date) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _plain(cell)
    text = str(cell.findtext(f"{MAIN}v") or "")
    if kind == "s" and text:
        return texts[int(text)]
    if kind == "n" and text and int(cell.get("s") or 0) in days:
        return (zero + timedelta(days=int(float(text)))).isoformat()
    return text
