"""A worksheet's XML as rows of text (ECMA-376 part 1, 18.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta

from services.permits.importing.limits import ROWS, exceeded
from services.permits.importing.markup import XmlTarget
from services.permits.importing.row import Row
from shared.domain.errors import Invalid

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
ROW, CELL, VALUE, TEXT, PHONETIC = (f"{MAIN}{tag}" for tag in ("row", "c", "v", "t", "rPh"))
REFERENCE = re.compile(r"([A-Z]{1,3})[0-9]{0,7}")
LAST_ROW = 1_048_576  # of a sheet


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the cells of a sheet refer to. `day_styles`: which styles show a day; `day_zero`: the day of serial 0."""

    texts: Sequence[str]
    day_styles: AbstractSet[int]
    day_zero: date


class SheetRows(XmlTarget[Row]):
    """Keeps the open row and cell, nothing else of the sheet."""

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self._sheet = sheet
        self._row = Row(0)
        self._number = self._count = 0
        self._cell: Mapping[str, str] = {}
        self._taking = self._phonetic = False

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == CELL:
            self._cell = attributes
        elif tag == VALUE:
            self._taking = self._cell.get("t") != "inlineStr"
        elif tag == TEXT:
            self._taking = self._cell.get("t") == "inlineStr" and not self._phonetic
        elif tag == PHONETIC:
            self._phonetic = True
        elif tag == ROW:
            self._begin_row(attributes.get("r"))

    def text(self, text: str) -> None:
        if self._taking:
            self._row.add(text)

    def closed(self, tag: str) -> None:
        self._taking = False
        if tag == CELL:
            self._end_cell()
        elif tag == PHONETIC:
            self._phonetic = False
        elif tag == ROW:
            self.ready.append(self._row)

    def _begin_row(self, reference: str | None) -> None:
        self._count += 1
        if self._count > ROWS:
            raise exceeded("the sheet is too long", ROWS, "rows")
        self._number = self._number + 1 if reference is None else whole_number(reference)
        if not 1 <= self._number <= LAST_ROW:
            raise Invalid(
                f"row {self._count} has the number {str(reference)[:20]!r}",
                field="file",
                value=str(reference)[:20],
                rule=f"a row number from 1 to {LAST_ROW:,}",
            )
        self._row = Row(self._number)

    def _end_cell(self) -> None:
        reference, row = self._cell.get("r"), self._row
        place = len(row.cells) if reference is None else column(reference, row.line)
        row.put(place, self._value(row.cell_text()))

    def _value(self, text: str) -> str:
        kind = self._cell.get("t", "n")
        if kind == "s" and text:
            return self._shared(text)
        if kind == "n" and text and whole_number(self._cell.get("s")) in self._sheet.day_styles:
            return day_of(text, self._sheet.day_zero)
        return text

    def _shared(self, text: str) -> str:
        index, texts = whole_number(text), self._sheet.texts
        if not 0 <= index < len(texts):
            raise Invalid(
                f"row {self._row.line} names a shared text that is not there",
                field="file",
                value=index,
                rule=f"the number of one of {len(texts):,} shared texts, from 0",
            )
        return texts[index]


def whole_number(text: str | None) -> int:
    """A number of at most nine digits; 0 for None, -1 for anything else."""
    if text is None:
        return 0
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else -1


def column(reference: str, line: int) -> int:
    """`AB12` → 27."""
    found = REFERENCE.fullmatch(reference)
    if found is None:
        raise Invalid(
            f"row {line} has a cell {reference[:20]!r}", field="file", value=reference[:20], rule="a cell such as AB12"
        )
    number = 0
    for sign in found[1]:
        number = number * 26 + ord(sign) - ord("A") + 1
    return number - 1


def day_of(serial: str, zero: date) -> str:
    """The day of a serial number; what is none stays as it came, to be refused with its row alone."""
    try:
        return (zero + timedelta(days=int(float(serial)))).isoformat()
    except (ValueError, OverflowError):
        return serial
