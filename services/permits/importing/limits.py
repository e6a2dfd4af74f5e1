"""How much of a file is read: every limit of an import, in one place.

A file is refused as soon as it exceeds one; what a file says of its own size counts for nothing.
"""

from __future__ import annotations

from shared.domain.errors import Invalid

MB = 1024 * 1024
UNPACKED_BYTES = 64 * MB  # of a workbook: all the parts that are read, counted while they are inflated
PARTS = 10_000  # in the directory of a workbook; each costs about 1 kB before anything is inflated
SHEETS = 256  # of a workbook
SHARED_TEXTS = 1_000_000
STYLES = 65_536  # number formats, cell styles; Excel has at most 64,000
ROWS = 1_000_000  # empty ones included
CELLS = 1_024  # a row; the official list has eight
CELL_CHARACTERS = 32_767  # what a cell of Excel holds
ROW_CHARACTERS = 1_000_000
LIST_CHARACTERS = 100_000_000  # in all cells: a workbook may name one long text in each of its cells
VALUE_CHARACTERS = 200  # of a number, code, day or name of the list
DEPTH = 256  # elements within one another
TAG_BYTES = MB  # one tag or comment, with its attributes
DOCUMENTS = 100_000
DOCUMENT_CHARACTERS = 1_000_000  # 200 outlets with all their limits and amounts are about 300,000
DOCUMENT_DEPTH = 32  # a permit has 6


def exceeded(what: str, limit: int, unit: str) -> Invalid:
    """The refusal of a file that has more than `limit` of something."""
    rule = f"at most {limit:,} {unit}"
    return Invalid(f"{what}, over {limit:,} {unit}", field="file", value=f"over {limit:,}", rule=rule)
