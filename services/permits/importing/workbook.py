"""The sheets of an XLSX workbook as rows of text (ECMA-376): shared and inline strings, days by their number format.

Only what a list needs: no formulas are computed (the saved value counts), nothing outside the archive is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.permits.importing.archive import RULE, Archive
from services.permits.importing.days import DAY_ZERO, DAY_ZERO_1904
from services.permits.importing.limits import SHARED_TEXTS, SHEETS, STYLES, exceeded
from services.permits.importing.markup import XmlTarget, read_xml
from services.permits.importing.row import Row
from services.permits.importing.sheet import MAIN, Sheet, SheetRows, whole_number
from shared.domain.errors import Invalid

LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
BOOK, LINKS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
TEXTS, FORMATS = "xl/sharedStrings.xml", "xl/styles.xml"
BUILT_IN_DAYS = frozenset({14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 59)})  # ECMA-376 18.8.30, zh-cn included
MOST_SHOWN = 31  # characters a sheet's name may have
LITERAL = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')


@dataclass(frozen=True, slots=True)
class Element:
    """An element that begins, the tag of the one around it, and its attributes."""

    tag: str
    parent: str
    attributes: Mapping[str, str]


class _Elements(XmlTarget[Element]):
    def __init__(self) -> None:
        super().__init__()
        self._open = [""]

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.ready.append(Element(tag, self._open[-1], attributes))
        self._open.append(tag)

    def closed(self, tag: str) -> None:
        self._open.pop()


class _Texts(XmlTarget[str]):
    """The shared texts: all runs of each, phonetic runs left out."""

    def __init__(self) -> None:
        super().__init__()
        self._item = Row(0)
        self._taking = self._phonetic = False
        self.count = 0

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == f"{MAIN}rPh":
            self._phonetic = True
        self._taking = tag == f"{MAIN}t" and not self._phonetic

    def text(self, text: str) -> None:
        if self._taking:
            self._item.add(text)

    def closed(self, tag: str) -> None:
        self._taking = False
        if tag == f"{MAIN}rPh":
            self._phonetic = False
        elif tag == f"{MAIN}si":
            self.count += 1
            if self.count > SHARED_TEXTS:
                raise exceeded("the workbook has too many texts", SHARED_TEXTS, "shared texts")
            self.ready.append(self._item.cell_text())
            self._item = Row(self.count)


@dataclass(frozen=True, slots=True)
class SheetPart:
    """A sheet as the workbook names it. `link`: of its part; `hidden`: from whoever opens the workbook."""

    name: str
    link: str
    hidden: bool

    @property
    def shown(self) -> str:
        """The name as a report shows it."""
        return self.name[:MOST_SHOWN]


class Workbook:
    """An opened workbook; raises Invalid when it is none."""

    def __init__(self, content: bytes) -> None:
        self._archive = Archive(content)
        self.day_zero, self.sheets = _book(self._archive)
        self._links: Mapping[str, str] | None = None
        self._sheet: Sheet | None = None

    def rows(self, part: SheetPart) -> Iterator[Row]:
        """The rows of a sheet, empty cells as empty text; raises Invalid when it cannot be read."""
        if self._sheet is None:
            texts, styles = tuple(_texts(self._archive)), frozenset(_day_styles(self._archive))
            self._sheet = Sheet(texts, styles, self.day_zero)
        name = self._part_of(part.link)
        return read_xml(SheetRows(self._sheet), self._archive.pieces(name), name[:100])

    def _part_of(self, link: str) -> str:
        """The part that a link of the workbook leads to."""
        if self._links is None:
            self._links = dict(_links(self._archive))
        if link not in self._links:
            shown = link[:100]
            raise Invalid(f"a sheet of the workbook, {shown!r}, has no part", field="file", value=shown, rule=RULE)
        return self._links[link]


def _elements(archive: Archive, name: str) -> Iterator[Element]:
    return read_xml(_Elements(), archive.pieces(name), name)


def _texts(archive: Archive) -> Iterator[str]:
    if archive.has(TEXTS):
        yield from read_xml(_Texts(), archive.pieces(TEXTS), TEXTS)


def _book(archive: Archive) -> tuple[date, Sequence[SheetPart]]:
    """Serial 0 of its dates, and its sheets in order."""
    zero, sheets = DAY_ZERO, list[SheetPart]()
    for one in _elements(archive, BOOK):
        if one.tag == f"{MAIN}workbookPr" and one.attributes.get("date1904") in ("1", "true"):
            zero = DAY_ZERO_1904
        if one.tag == f"{MAIN}sheet":
            hidden = one.attributes.get("state", "visible") != "visible"
            sheets.append(SheetPart(one.attributes.get("name", ""), one.attributes.get(LINK, ""), hidden))
            if len(sheets) > SHEETS:
                raise exceeded("the workbook has too many sheets", SHEETS, "sheets")
    if not sheets:
        raise Invalid("the workbook has no sheet", field="file", value="0 sheets", rule=RULE)
    return zero, sheets


def _links(archive: Archive) -> Iterator[tuple[str, str]]:
    """Link → part."""
    for one in _elements(archive, LINKS):
        link, target = one.attributes.get("Id"), one.attributes.get("Target")
        if link and target:
            yield link, target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _day_styles(archive: Archive) -> Iterator[int]:
    """Which cell styles show a day."""
    if not archive.has(FORMATS):
        return
    own: dict[int, str] = {}
    styles = 0
    for one in _elements(archive, FORMATS):
        if one.tag == f"{MAIN}numFmt":
            number = whole_number(one.attributes.get("numFmtId"))
            own[number] = LITERAL.sub("", one.attributes.get("formatCode", "")).lower()
        elif one.parent == f"{MAIN}cellXfs":
            number = whole_number(one.attributes.get("numFmtId"))
            if "y" in own[number] if number in own else number in BUILT_IN_DAYS:
                yield styles
            styles += 1
        if max(len(own), styles) > STYLES:
            raise exceeded("the workbook has too many styles", STYLES, "styles")
