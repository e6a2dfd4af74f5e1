"""The rows of a text with separated cells: comma, tabulator, semicolon or bar, whichever makes the columns known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

from services.permits.importing.columns import header_of, header_of_two
from services.permits.importing.encoding import open_list_text
from services.permits.importing.limits import CELL_CHARACTERS, ROW_CHARACTERS, ROWS, exceeded
from services.permits.importing.row import Row, whole_row
from shared.domain.errors import Invalid

SEPARATORS = (",", "\t", ";", "|", "，", "；")  # the first of those that are equally good
SAMPLE_CHARACTERS = 64 * 1024
SAMPLE_ROWS = 40


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


def delimited_rows(content: bytes) -> Iterator[Row]:
    """The rows in order; raises Invalid when the text is in no known encoding or exceeds a limit."""
    separator = _separator(open_list_text(content).read(SAMPLE_CHARACTERS))
    lines = _Lines(open_list_text(content))
    reader = csv.reader(lines, delimiter=separator)
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


def _separator(sample: str) -> str:
    """The separator with which a row names most columns; where none does, with which the widest row is widest."""
    return max(SEPARATORS, key=lambda separator: _separated_by(sample, separator))


def _separated_by(sample: str, separator: str) -> tuple[bool, int, int]:
    """Whether the header is complete, how many columns are known, how wide the first rows are."""
    best, above = (False, 0, 0), list[str]()
    try:
        for cells in islice(csv.reader(io.StringIO(sample), delimiter=separator), SAMPLE_ROWS):
            if any(map(str.strip, cells)):
                for columns in (header_of(cells), header_of_two(above, cells)):
                    best = max(best, (columns.complete, columns.known, len(cells)))
                above = cells
    except csv.Error:
        return best
    return best
