"""One row of a list as it stands in the file: its line and its cells as text, within the limits."""

from __future__ import annotations

from services.permits.importing.limits import CELL_CHARACTERS, CELLS, ROW_CHARACTERS, exceeded


class Row:
    """Filled cell by cell; raises Invalid at the first character that exceeds a limit. `line`: row number in a sheet."""

    __slots__ = ("_cell_room", "_pieces", "_row_room", "cells", "line")

    def __init__(self, line: int) -> None:
        self.line = line
        self.cells: list[str] = []
        self._pieces: list[str] = []
        self._cell_room, self._row_room = CELL_CHARACTERS, ROW_CHARACTERS

    def add(self, text: str) -> None:
        """More text of the cell that is being read."""
        self._cell_room -= len(text)
        self._row_room -= len(text)
        if self._cell_room < 0:
            raise exceeded(f"line {self.line}: a cell is too long", CELL_CHARACTERS, "characters a cell")
        if self._row_room < 0:
            raise exceeded(f"line {self.line}: the row is too long", ROW_CHARACTERS, "characters a row")
        self._pieces.append(text)

    def cell_text(self) -> str:
        """What was added since the last time."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._cell_room = CELL_CHARACTERS
        return text

    def put(self, place: int, text: str) -> None:
        """The cell at `place`, counted from 0; cells that are left out before it are empty."""
        if place >= CELLS:
            raise exceeded(f"line {self.line}: the row is too wide", CELLS, "cells a row")
        if place >= len(self.cells):
            self.cells += [""] * (place + 1 - len(self.cells))
        self.cells[place] = text


def whole_row(line: int, cells: list[str]) -> Row:
    """A row that was read at once; raises Invalid when it exceeds a limit."""
    row = Row(line)
    if len(cells) > CELLS:
        row.put(CELLS, "")
    if cells and max(map(len, cells)) > CELL_CHARACTERS:
        row.add(max(cells, key=len))
    row.cells = cells
    return row
