"""Rows of the official list, with the line each came from: CSV, HTML, XLSX. What the cells mean is `official_list`'s affair.

What a file is, its content decides, not its name. JSON documents are `documents`' work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from services.permits.importing.delimited import delimited_rows
from services.permits.importing.encoding import beginning
from services.permits.importing.page import page_rows
from services.permits.importing.table import Listed, NoColumns, named_rows
from services.permits.importing.workbook import Workbook
from shared.domain.errors import Invalid

OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # a compound file: a workbook of Excel 97 to 2003, or an encrypted one
READ = "CSV, HTML, XLSX or JSON"


class Format(StrEnum):
    CSV = "csv"
    HTML = "html"
    XLSX = "xlsx"
    JSON = "json"


def format_of(content: bytes) -> Format:
    """What the file is, by how it begins; raises Invalid for an empty one and for an old or encrypted workbook."""
    head = beginning(content)
    if not head:
        raise Invalid("the file is empty", field="file", value="", rule=READ)
    if head.startswith(OLD_WORKBOOK):
        raise Invalid(
            "the file is a workbook of Excel 97–2003 (.xls) or an encrypted one",
            field="file",
            value=".xls",
            rule="XLSX without a password: 请另存为 .xlsx / save it as .xlsx",
        )
    if head.startswith(b"PK\x03\x04"):
        return Format.XLSX
    if head.startswith(b"<"):
        return Format.HTML
    return Format.JSON if head[:1] in (b"[", b"{") else Format.CSV


def listed_rows(content: bytes, format: Format) -> Iterator[Listed]:
    """The rows of a list; raises Invalid when its columns are not recognised, or it exceeds a limit."""
    if format is Format.XLSX:
        return _of_workbook(content)
    if format is Format.HTML:
        return named_rows(page_rows(content))
    return named_rows(delimited_rows(content), exact_width=True)


def _of_workbook(content: bytes) -> Iterator[Listed]:
    """The rows of all sheets that hold a list. A sheet that holds none, or is hidden, is given as a row without data.

    Raises: NoColumns when no sheet holds a list.
    """
    book = Workbook(content)
    refused: list[tuple[str, NoColumns]] = []
    lists = 0
    for sheet in book.sheets:
        if sheet.hidden:
            if any(any(map(str.strip, row.cells)) for row in book.rows(sheet)):
                yield Listed(0, {"row": sheet.shown}, no_data="a hidden sheet is not read: show it, or delete it")
            continue
        try:
            for listed in named_rows(book.rows(sheet)):
                yield replace(listed, sheet=sheet.shown if lists else None, day_zero=book.day_zero)
        except NoColumns as error:
            refused.append((sheet.shown, error))
        else:
            lists += 1
    if not lists and refused:
        raise refused[0][1]
    for name, wrong in refused:
        yield Listed(0, {"row": name}, no_data=f"a sheet without a list is not read: {wrong.detail}")
