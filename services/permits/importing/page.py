"""The rows of a saved HTML page, by their `<tr>`; cells are the text of `<td>` and `<th>`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from services.permits.importing.encoding import PIECE, open_list_text
from services.permits.importing.limits import ROWS, exceeded
from services.permits.importing.markup import Target, read_html
from services.permits.importing.row import Row
from shared.domain.errors import Invalid

TAGS = re.compile(rb"<tr[\s>]", re.IGNORECASE)
CELLS = ("td", "th")


def page_rows(content: bytes) -> Iterator[Row]:
    """The rows in order; a row that holds others is layout and left out. Raises Invalid when there is none."""
    text = open_list_text(content)
    pieces = (piece.encode() for piece in iter(lambda: text.read(PIECE), ""))
    rows = _Rows(_lines(content))
    yield from read_html(rows, pieces, "the page")
    if not rows.found:
        raise Invalid(
            "the page has no row of a table", field="file", value="0 rows", rule="a page with the list (<tr>)"
        )


class _Rows(Target[Row]):
    """Keeps the innermost open row and its open cell, nothing else of the page."""

    def __init__(self, lines: Iterator[int]) -> None:
        super().__init__()
        self.found = 0
        self._lines = lines
        self._row: Row | None = None
        self._title: str | None = None
        self._in_cell = False

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "tr":
            self.found += 1
            if self.found > ROWS:
                raise exceeded("the page is too long", ROWS, "rows")
            self._row, self._in_cell = Row(next(self._lines, 0)), False
        elif self._row is not None and tag in CELLS:
            self._end_cell(self._row)
            self._in_cell, self._title = True, attributes.get("title")

    def text(self, text: str) -> None:
        if self._in_cell and self._row is not None:
            self._row.add(text)

    def closed(self, tag: str) -> None:
        if self._row is None:
            return
        if tag in CELLS:
            self._end_cell(self._row)
        elif tag == "tr":
            self._end_cell(self._row)
            if self._row.cells:
                self.ready.append(self._row)
            self._row = None

    def _end_cell(self, row: Row) -> None:
        """The title holds the whole text where the page shows a shortened one."""
        if not self._in_cell:
            return
        text = row.cell_text()
        if self._title:
            row.add(self._title)
            text = row.cell_text()
        row.put(len(row.cells), text.strip())
        self._in_cell = False


def _lines(content: bytes) -> Iterator[int]:
    """The line of each row's tag; a parser's own count of lines stops at 65,535."""
    line, past = 1, 0
    for tag in TAGS.finditer(content):
        line += content.count(b"\n", past, tag.start())
        past = tag.start()
        yield line
