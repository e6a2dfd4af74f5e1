"""XLSX files as spreadsheets write them, and as somebody does who wants to fill a server's memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml"
MB = 1024 * 1024
ONE_SHEET = '<sheet name="a" sheetId="1" r:id="rId1"/>'
NOT_READ = ("[Content_Types].xml", "_rels/.rels")  # parts that other readers need


@dataclass(frozen=True, slots=True)
class SheetXml:
    """A sheet beside the first one: its rows as XML; `state`: visible, hidden or veryHidden."""

    name: str
    rows: Sequence[str]
    state: str = "visible"


def workbook(
    rows: Iterable[str] = (),
    *,
    texts: Iterable[str] = (),
    sheets: str = ONE_SHEET,
    more: Sequence[SheetXml] = (),
    styles: str = '<xf numFmtId="0"/><xf numFmtId="14"/>',
    is_1904: bool = False,
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Rows and shared texts as XML, written piece by piece; style 1 shows a day.

    `sheets`: the element of the first sheet; `more`: further sheets; `is_1904`: serial days count from 1904.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        numbers = range(2, 2 + len(more))
        elements = "".join(
            f'<sheet name="{sheet.name}" sheetId="{number}" state="{sheet.state}" r:id="rId{number}"/>'
            for number, sheet in zip(numbers, more, strict=True)
        )
        epoch = '<workbookPr date1904="1"/>' if is_1904 else ""
        book = f'<workbook xmlns="{SHEET}" xmlns:r="{LINKS}">{epoch}<sheets>{sheets}{elements}</sheets></workbook>'
        archive.writestr("xl/workbook.xml", book)
        links = "".join(_link(number, "worksheet", f"worksheets/sheet{number}.xml") for number in (1, *numbers))
        links += _link(98, "styles", "styles.xml") + _link(99, "sharedStrings", "sharedStrings.xml")
        archive.writestr("xl/_rels/workbook.xml.rels", _links(links))
        archive.writestr("xl/styles.xml", _styles(styles))
        _write(archive, "xl/sharedStrings.xml", f'<sst xmlns="{SHEET}">', texts, "</sst>")
        _write_sheet(archive, 1, rows)
        for number, sheet in zip(numbers, more, strict=True):
            _write_sheet(archive, number, sheet.rows)
        archive.writestr("_rels/.rels", _links(_link(1, "officeDocument", "xl/workbook.xml")))
        archive.writestr("[Content_Types].xml", _content_types([1, *numbers]))
    return made.getvalue()


def _link(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{LINKS}/{kind}" Target="{target}"/>'


def _links(links: str) -> str:
    return f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>'


def _styles(styles: str) -> str:
    fonts, fills = "<fonts><font/></fonts>", "<fills><fill><patternFill/></fill></fills>"
    base = f"{fonts}{fills}<borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs>"
    return f'<styleSheet xmlns="{SHEET}">{base}<cellXfs>{styles}</cellXfs></styleSheet>'


def _content_types(numbers: Iterable[int]) -> str:
    parts = [
        ("/xl/workbook.xml", "sheet.main"),
        ("/xl/styles.xml", "styles"),
        ("/xl/sharedStrings.xml", "sharedStrings"),
    ]
    parts += [(f"/xl/worksheets/sheet{number}.xml", "worksheet") for number in numbers]
    written = "".join(f'<Override PartName="{name}" ContentType="{MEDIA}.{kind}+xml"/>' for name, kind in parts)
    links = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    return f'<Types xmlns="{PACKAGE}/content-types">{links}{written}</Types>'


def _write_sheet(archive: zipfile.ZipFile, number: int, rows: Iterable[str]) -> None:
    begin = f'<worksheet xmlns="{SHEET}"><sheetData>'
    _write(archive, f"xl/worksheets/sheet{number}.xml", begin, rows, "</sheetData></worksheet>")


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


def inline_rows(*rows: Sequence[str]) -> list[str]:
    """Rows of inline texts, numbered from 1."""
    return [inline_row(number, *cells) for number, cells in enumerate(rows, start=1)]


def repeated(text: str, megabytes: int) -> Iterable[str]:
    """So much of the same text, in pieces of a megabyte."""
    piece = text * (MB // len(text))
    return (piece for _ in range(megabytes))
