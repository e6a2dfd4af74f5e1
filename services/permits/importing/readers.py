"""Rows of the official list, with the line each came from: CSV, HTML, XLSX. What the cells mean is `listing`'s to say.

A file is told by its content, not by its name. JSON documents are `documents`' work.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lxml import html

from services.permits.importing.cleaning import INVISIBLE
from services.permits.importing.workbook import rows as workbook_rows
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
TAGS = re.compile(rb"<tr[\s>]", re.IGNORECASE)


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


def told_format(content: bytes) -> Format:
    """What the file is, by how it begins; raises Invalid for an empty one."""
    head = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise Invalid("the file is empty", field="file", value="", rule="CSV, HTML, XLSX or JSON")
    if head.startswith(b"PK\x03\x04"):
        return Format.XLSX
    if head.startswith(b"<"):
        return Format.HTML
    return Format.JSON if head[:1] in b"[{" else Format.CSV


def listed_rows(content: bytes, told: Format) -> Iterator[Listed]:
    """The rows of a list; raises Invalid when its columns cannot be told."""
    if told is Format.XLSX:
        yield from _named(workbook_rows(content))
    elif told is Format.HTML:
        yield from _named(_html_rows(content))
    else:
        yield from _named(_csv_rows(content))


def _named(numbered: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Listed]:
    """Cells by column: by a header row when there is one, else by the order of the official page."""
    columns: Sequence[str | None] | None = None
    for line, cells in numbered:
        if not any(cell.strip() for cell in cells):
            continue
        header = _header(cells)
        if header is not None:
            columns = header
            continue
        if columns is None:
            columns = _by_order(cells)
        yield Listed(line, {name: cell for name, cell in zip(columns, cells, strict=False) if name})


def _header(cells: Sequence[str]) -> Sequence[str | None] | None:
    names = [HEADERS.get(re.sub(r"\s+", "", cell.translate(INVISIBLE)).lower()) for cell in cells]
    return names if NEEDED in names else None


def _by_order(cells: Sequence[str]) -> Sequence[str]:
    if len(cells) not in (len(OFFICIAL_ORDER), len(OFFICIAL_ORDER) + 1):  # the page's last cell may be a button
        raise Invalid(
            "the columns cannot be told",
            field="file",
            value=", ".join(cells)[:200],
            rule="a header row with 许可证编号 or Permit_ID, or the eight columns of the official page",
        )
    return OFFICIAL_ORDER


def _csv_rows(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(_text(content), newline=""))
    last = 0
    try:
        for cells in reader:
            yield last + 1, cells  # a row that spans lines is told by its first
            last = reader.line_num
    except csv.Error as wrong:
        raise Invalid(f"line {last + 1}: {wrong}", field="file", value="", rule="CSV, RFC 4180") from wrong


def _text(content: bytes) -> str:
    """UTF-8, or the GB 18030 that spreadsheets of this country save."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("the text cannot be read", field="file", value="", rule="UTF-8 or GB 18030")


def _html_rows(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    text = _text(content)
    rows = html.fromstring(f"<table>{text}</table>" if text.lstrip().lower().startswith("<tr") else text).iter("tr")
    for line, row in zip(_lines(text.encode()), rows, strict=False):
        cells = [_cell(cell) for cell in row if cell.tag in ("td", "th")]
        if cells:
            yield line, cells


def _lines(content: bytes) -> Iterator[int]:
    """The line of each row's tag; a parser's own count of lines stops at 65,535."""
    line, past = 1, 0
    for tag in TAGS.finditer(content):
        line += content.count(b"\n", past, tag.start())
        past = tag.start()
        yield line


def _cell(cell: html.HtmlElement) -> str:
    """The title holds the whole text where the page shows a shortened one."""
    return str(cell.get("title") or cell.text_content()).strip()
