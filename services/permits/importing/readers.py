"""Rows of the official list, with the line each came from: CSV, HTML, XLSX. What the cells mean is `official_list`'s affair.

What a file is, its content decides, not its name. JSON documents are `documents`' work.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from services.permits.importing.cleaning import INVISIBLE
from services.permits.importing.encoding import LIST_ENCODINGS, beginning, open_text
from services.permits.importing.limits import CELL_CHARACTERS, LIST_CHARACTERS, ROW_CHARACTERS, ROWS, exceeded
from services.permits.importing.page import page_rows
from services.permits.importing.row import Row, whole_row
from services.permits.importing.workbook import workbook_rows
from shared.domain.errors import Invalid

HEADERS: Mapping[str, str] = {
    "permit_id": "number", "许可证编号": "number", "排污许可证编号": "number", "证书编号": "number",
    "facilityname": "name", "单位名称": "name", "排污单位名称": "name", "企业名称": "name",
    "industryname": "industry", "行业类别": "industry", "gbt_code": "industry_code", "行业代码": "industry_code",
    "provincecode": "province", "省/直辖市": "province", "省份": "province", "省": "province",
    "地市": "city", "城市": "city", "市": "city", "区县": "county", "县区": "county",
    "permitvalidfrom": "valid_from", "有效期起": "valid_from", "有效期开始": "valid_from", "生效日期": "valid_from",
    "permitvalidto": "valid_to", "有效期止": "valid_to", "有效期结束": "valid_to", "截止日期": "valid_to",
    "有效期限": "validity", "有效期": "validity", "发证日期": "issued_on", "管理类别": "category",
    "latitude": "latitude", "纬度": "latitude", "longitude": "longitude", "经度": "longitude",
    "统一社会信用代码": "credit_code", "creditcode": "credit_code", "credit_code": "credit_code",
    "countryiso3": "country", "lastverifiedat": "verified_on", "序号": "row", "操作": "action", "查看": "action",
}  # fmt: skip
OFFICIAL_ORDER = ("province", "city", "number", "name", "industry", "validity", "issued_on", "category")
NEEDED = "number"


class Format(StrEnum):
    CSV = "csv"
    HTML = "html"
    XLSX = "xlsx"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Listed:
    """One row: its line in the file (row in a sheet), and its cells by our names of the columns."""

    line: int
    cells: Mapping[str, str]


def format_of(content: bytes) -> Format:
    """What the file is, by how it begins; raises Invalid for an empty one."""
    head = beginning(content)
    if not head:
        raise Invalid("the file is empty", field="file", value="", rule="CSV, HTML, XLSX or JSON")
    if head.startswith(b"PK\x03\x04"):
        return Format.XLSX
    if head.startswith(b"<"):
        return Format.HTML
    return Format.JSON if head[:1] in b"[{" else Format.CSV


def listed_rows(content: bytes, format: Format) -> Iterator[Listed]:
    """The rows of a list; raises Invalid when its columns are not known, or it exceeds a limit."""
    if format is Format.XLSX:
        return _named(workbook_rows(content))
    if format is Format.HTML:
        return _named(page_rows(content))
    return _named(_csv_rows(content))


def _named(rows: Iterable[Row]) -> Iterator[Listed]:
    """Cells by column: by a header row when there is one, else by the order of the official page."""
    columns: Sequence[str | None] | None = None
    characters = 0
    for row in rows:
        characters += sum(map(len, row.cells))
        if characters > LIST_CHARACTERS:
            raise exceeded("the list is too long", LIST_CHARACTERS, "characters in all cells")
        if not any(cell.strip() for cell in row.cells):
            continue
        header = _header(row.cells)
        if header is not None:
            columns = header
            continue
        if columns is None:
            columns = _by_order(row)
        yield Listed(row.line, {name: cell for name, cell in zip(columns, row.cells, strict=False) if name})


def _header(cells: Sequence[str]) -> Sequence[str | None] | None:
    names = [HEADERS.get(re.sub(r"\s+", "", cell.translate(INVISIBLE)).lower()) for cell in cells]
    return names if NEEDED in names else None


def _by_order(row: Row) -> Sequence[str]:
    """The official page's order. The refusal repeats no cell: a file that is no list may hold anything, also passwords."""
    count = len(row.cells)
    if count not in (len(OFFICIAL_ORDER), len(OFFICIAL_ORDER) + 1):  # the page's last cell may be a button
        raise Invalid(
            f"line {row.line} is no header and has {count} cells, so the columns are not known",
            field="file",
            value=f"{count} cells",
            rule="a header row with 许可证编号 or Permit_ID, or the eight columns of the official page",
        )
    return OFFICIAL_ORDER


class _Lines:
    """The lines of a text, of which only so many characters may be read for one row."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.room = ROW_CHARACTERS

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self.room + 1)
        if not line:
            raise StopIteration
        self.room -= len(line)
        if self.room < 0:
            raise exceeded("a row is too long", ROW_CHARACTERS, "characters a row")
        return line


def _csv_rows(content: bytes) -> Iterator[Row]:
    lines = _Lines(open_text(content, LIST_ENCODINGS))
    reader = csv.reader(lines)
    last = 0
    try:
        for count, cells in enumerate(reader, start=1):
            if count > ROWS:
                raise exceeded("the list is too long", ROWS, "rows")
            yield whole_row(last + 1, cells)  # a row that spans lines is known by its first
            last, lines.room = reader.line_num, ROW_CHARACTERS
    except csv.Error as wrong:
        rule = f"CSV (RFC 4180), at most {CELL_CHARACTERS:,} characters a cell"
        raise Invalid(f"line {last + 1}: {wrong}", field="file", value=f"line {last + 1}", rule=rule) from wrong
