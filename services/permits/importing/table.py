"""The rows of a table by the columns of its header, which stands behind titles, in one row or in two; else by the order of
the official page.

Nothing is dropped in silence: a row that holds no data (totals, a note under the table) is given with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.permits.importing.cleaning import narrow
from services.permits.importing.columns import (
    HEADER_CHARACTERS,
    OFFICIAL_ORDER,
    Columns,
    column_named,
    header_of,
    header_of_two,
)
from services.permits.importing.days import DAY_ZERO
from services.permits.importing.limits import LIST_CHARACTERS, exceeded
from services.permits.importing.row import Row
from shared.domain.errors import Invalid

TITLE_ROWS = 30  # rows with text that may stand before the header is complete
NUMBER_LIKE = re.compile(r"[0-9A-Za-z]{21,23}")
NUMBER_BEGINS = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{6}")  # no row without this holds a number
TOTAL = re.compile(r"(合计|总计|小计|共计|累计|total)([:(0-9].*)?", re.IGNORECASE)
NOTE = re.compile(r"(注|备注|说明|附注)[0-9一二三]*[:、.]|填表|制表|审核|填报|数据来源|第[0-9]+页")
TOTALS = "a row of totals: no permit stands in it"
NOTED = "a note: no permit stands in it"
NUMBERED = "numbers of the columns: no permit stands in it"
HEADERS_SHOWN, HEADER_SHOWN = 12, 20  # of a row in a refusal, characters of one
RULE = (
    "a header row with 许可证编号 (or Permit_ID) and 有效期限 (or 有效期起 and 有效期止), "
    "or the eight columns of the official page"
)
PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z _\-/.]*")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Listed:
    """One row: its line in the file (row in a sheet), and its cells by our names of the columns.

    `no_data`: why it holds no permit; `misplaced`: why its cells stand in no known columns; `sheet`: the name of a sheet
    behind the first; `day_zero`: the day of serial number 0.
    """

    line: int
    cells: Mapping[str, str]
    no_data: str | None = None
    misplaced: str | None = None
    sheet: str | None = None
    day_zero: date = DAY_ZERO


class NoColumns(Invalid):
    """The columns of a table are not recognised: nothing of it was read."""


@dataclass(slots=True)
class _Found:
    """Columns, and the rows that were read before they were known and are data, or no header after all."""

    columns: Columns
    rows: list[Row] = field(default_factory=list)


def named_rows(rows: Iterable[Row], *, exact_width: bool = False) -> Iterator[Listed]:
    """The rows of a table that hold text, by column.

    `exact_width`: a row with more filled cells than the header has is misplaced (a separator within a cell).
    Raises: NoColumns, before the first row is given; Invalid when the table exceeds a limit.
    """
    filled = _filled(rows)
    found = _search(filled)
    if found is None:
        return
    columns = found.columns
    for row in _chained(found.rows, filled):
        again = None if columns.holds_number(row.cells) else _header_again(row)
        if again is not None:
            columns = again if again.complete else columns
        else:
            yield _listed(row, columns, exact_width=exact_width and columns.names != OFFICIAL_ORDER)


def _filled(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows with text; raises Invalid when all cells together are too long."""
    characters = 0
    for row in rows:
        characters += sum(map(len, row.cells))
        if characters > LIST_CHARACTERS:
            raise exceeded("the list is too long", LIST_CHARACTERS, "characters in all cells")
        if any(cell and not cell.isspace() for cell in row.cells):
            yield row


def _chained(first: Sequence[Row], rest: Iterator[Row]) -> Iterator[Row]:
    yield from first
    yield from rest


def _search(rows: Iterator[Row]) -> _Found | None:
    """The columns, from as many rows as that takes; None when there is no row at all. Raises NoColumns."""
    seen: list[Row] = []
    for row in rows:
        above = seen[-1].cells if seen else ()
        columns = _better(header_of(row.cells), header_of_two(above, row.cells) if seen else None)
        if columns.complete:
            return _with_next(row, columns, rows)
        seen.append(row)
        if _is_official(row):
            return _Found(
                Columns(OFFICIAL_ORDER, len(OFFICIAL_ORDER)), [one for one in seen if _has_official_width(one)]
            )
        if len(seen) == TITLE_ROWS:
            break
    if not seen:
        return None
    raise _no_columns(seen)


def _better(one: Columns, two: Columns | None) -> Columns:
    """Of a row alone and the row with the one above it; alone where both say as much."""
    if two is None or (one.complete, one.known) >= (two.complete, two.known):
        return one
    return two


def _with_next(header: Row, columns: Columns, rows: Iterator[Row]) -> _Found:
    """The columns, or those of the header and a second row below it (起, 止 under 有效期限)."""
    following = next(rows, None)
    if following is None:
        return _Found(columns)
    two = header_of_two(header.cells, following.cells)
    ends = {"valid_from", "valid_to"}
    more = two.known > columns.known or (ends <= set(two.names) and not ends <= set(columns.names))
    if more and two.complete and all(map(_is_word, following.cells)):
        return _Found(two)
    return _Found(columns, [following])


def _is_word(text: str) -> bool:
    return len(text) <= HEADER_SHOWN and not any(sign.isdigit() for sign in text)


def _header_again(row: Row) -> Columns | None:
    """The columns of a row that repeats the header, as lists do on each page; None for any other row."""
    names = [column_named(cell) for cell in row.cells if cell.strip()]
    return header_of(row.cells) if "number" in names or (len(names) > 1 and None not in names) else None


def _has_official_width(row: Row) -> bool:
    filled = sum(1 for cell in row.cells if cell.strip())
    return len(row.cells) in (len(OFFICIAL_ORDER), len(OFFICIAL_ORDER) + 1) and filled >= len(OFFICIAL_ORDER) // 2


def _is_official(row: Row) -> bool:
    """Whether it is a row of the official page, whose last cell may be a button."""
    number = OFFICIAL_ORDER.index("number")
    return (
        _has_official_width(row)
        and NUMBER_LIKE.fullmatch(re.sub(r"\s", "", narrow(row.cells[number]).text)) is not None
    )


def _listed(row: Row, columns: Columns, *, exact_width: bool) -> Listed:
    cells, width = columns.cells(row.cells), columns.width
    if NUMBER_BEGINS.search(cells.get("number", "")) is None and (reason := _no_data(row)):
        return Listed(row.line, {"row": next(filter(str.strip, row.cells), "")}, no_data=reason)
    if exact_width and any(cell.strip() for cell in row.cells[width:]):
        rule = (
            f"{width} cells as the header has; {len(row.cells)} came: a separator within a cell needs quotes around it"
        )
        return Listed(row.line, cells, misplaced=rule)
    return Listed(row.line, cells)


def _no_data(row: Row) -> str | None:
    """Why a row that holds no number is no data; None when nothing says so, and then its number is what is wrong."""
    texts = [re.sub(r"\s+", "", narrow(cell).text) for cell in row.cells]
    if any(map(TOTAL.fullmatch, texts)):
        return TOTALS
    if all(text in ("", str(place)) for place, text in enumerate(texts, start=1)):
        return NUMBERED
    return NOTED if NOTE.match(next(filter(None, texts), "")) else None


def _no_columns(seen: Sequence[Row]) -> NoColumns:
    """The refusal: the row that names most columns, else the widest; what it has, what is missing.

    Only what is a name of a column is repeated: a file that is no list may hold anything, also passwords.
    """
    best = max(seen, key=lambda row: (header_of(row.cells).known, sum(1 for cell in row.cells if cell.strip())))
    columns = header_of(best.cells)
    filled = [cell for cell in best.cells if cell.strip()]
    known = [cell.strip() for cell in filled if column_named(cell)]
    headers = _headers(filled)
    missing = "、".join(columns.missing())
    detail = (
        f"无法识别表头 / the columns are not recognised: 第 {best.line} 行 (line {best.line}) has the headers {headers}; "
        f"known of them: {'、'.join(known[:HEADERS_SHOWN]) or 'none'}; missing: {missing}"
    )
    return NoColumns(detail, field="file", value=f"{len(filled)} cells in line {best.line}", rule=RULE)


def _headers(cells: Sequence[str]) -> str:
    words_only = all(_is_header_word(cell) for cell in cells)
    shown = [
        " ".join(cell.split())[:HEADER_SHOWN]
        if column_named(cell) or (len(cell) <= HEADER_CHARACTERS and (CHINESE.search(cell) or words_only))
        else "…"
        for cell in cells[:HEADERS_SHOWN]
    ]
    return "、".join(shown) + (f" and {len(cells) - HEADERS_SHOWN} more" if len(cells) > HEADERS_SHOWN else "")


def _is_header_word(text: str) -> bool:
    return CHINESE.search(text) is not None or PLAIN_WORD.fullmatch(text.strip()) is not None
