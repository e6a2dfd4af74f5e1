"""XLSX files as spreadsheets write them, and as somebody does who wants to fill a server's memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
MB = 1024 * 1024
ONE_SHEET = '<sheet name="a" sheetId="1" r:id="rId1"/>'


def workbook(
    rows: Iterable[str] = (),
    *,
    texts: Iterable[str] = (),
    sheets: str = ONE_SHEET,
    styles: str = '<xf numFmtId="0"/><xf numFmtId="14"/>',
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Rows and shared texts as XML, written piece by piece; style 1 shows a day."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        book = f'<workbook xmlns="{SHEET}" xmlns:r="{LINKS}"><sheets>{sheets}</sheets></workbook>'
        archive.writestr("xl/workbook.xml", book)
        link = '<Relationship Id="rId1" Type="t" Target="worksheets/sheet1.xml"/>'
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}">{link}</Relationships>')
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{SHEET}"><cellXfs>{styles}</cellXfs></styleSheet>')
        _write(archive, "xl/sharedStrings.xml", f'<sst xmlns="{SHEET}">', texts, "</sst>")
        begin = f'<worksheet xmlns="{SHEET}"><sheetData>'
        _write(archive, "xl/worksheets/sheet1.xml", begin, rows, "</sheetData></worksheet>")
    return made.getvalue()


def _write(archive: zipfile.ZipFile, name: str, begin: str, pieces: Iterable[str], end: str) -> None:
    with archive.open(name, "w") as part:
        part.write(begin.encode())
        for piece in pieces:
            part.write(piece.encode())
        part.write(end.encode())


def inline_row(number: int, *cells: str) -> str:
    """A row of inline texts, from column A on."""
    written = "".join(
        f'<c r="{chr(ord("A") + place)}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
        for place, text in enumerate(cells)
    )
    return f'<row r="{number}">{written}</row>'


def repeated(text: str, megabytes: int) -> Iterable[str]:
    """So much of the same text, in pieces of a megabyte."""
    piece = text * (MB // len(text))
    return (piece for _ in range(megabytes))
