"""An import's file as a whole: how many rows it has, which of them repeat a number, and its rows from any of them on. It is
read anew each time, so that memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from services.permits.domain.import_report import Finding, Outcome
from services.permits.importing.documents import Document, documents
from services.permits.importing.duplicates import Duplicates, Place, RepeatedKeys, find_duplicates, may_repeat
from services.permits.importing.official_list import Entry, read_row
from services.permits.importing.readers import Format, format_of, listed_rows
from services.permits.importing.table import Listed


class RowKind(StrEnum):
    """What becomes of a row before the register is asked."""

    ENTRY = "entry"
    REFUSED = "refused"
    NO_DATA = "no data"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of a list: its entry, None when it is not taken in, and what there is to report of it."""

    entry: Entry | None
    findings: Sequence[Finding]
    kind: RowKind


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file's first reading gives: how many rows or documents it has, and which numbers stand in several rows."""

    total: int
    duplicates: Duplicates = field(default_factory=Duplicates)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`content` as it was uploaded."""

    content: bytes
    format: Format

    @classmethod
    def of(cls, content: bytes) -> SourceFile:
        """Raises Invalid for an empty file."""
        return cls(content, format_of(content))

    def scan(self) -> Scan:
        """Read it to its end; raises Invalid when that is not possible."""
        if self.format is Format.JSON:
            return Scan(sum(1 for _ in documents(self.content)))
        total, keys = 0, RepeatedKeys()
        for row in self._listed():
            total += 1
            keys.add(row)
        repeated = keys.found()
        return Scan(total, self._duplicates(repeated) if repeated else Duplicates())

    def documents(self, start: int = 0) -> Iterator[Document]:
        """The JSON documents behind the first `start`, which are read at once."""
        found = documents(self.content)
        for _ in islice(found, start):
            continue
        return found

    def rows(self, duplicates: Duplicates, start: int = 0) -> Iterator[ReadRow]:
        """The rows of a list, the first `start` left out; of those that repeat a number one has an entry."""
        for at, row in enumerate(islice(self._listed(), start, None), start):
            entry, findings = read_row(row)
            if entry is None:
                yield ReadRow(None, findings, RowKind.REFUSED if row.no_data is None else RowKind.NO_DATA)
            else:
                yield _counted(_place(at, row), entry, findings, duplicates)

    def _listed(self) -> Iterator[Listed]:
        return listed_rows(self.content, self.format)

    def _duplicates(self, keys: frozenset[int]) -> Duplicates:
        rows = ((at, row) for at, row in enumerate(self._listed()) if may_repeat(row, keys))
        read = ((_place(at, row), read_row(row)[0]) for at, row in rows)
        return find_duplicates((place, entry) for place, entry in read if entry is not None)


def _place(at: int, row: Listed) -> Place:
    return Place(at, row.sheet, row.line)


def _counted(place: Place, entry: Entry, findings: list[Finding], duplicates: Duplicates) -> ReadRow:
    """The row; the later ones of a number are named as duplicates, and of all of them one has an entry."""
    number = entry.permit.number
    found = duplicates.of(number)
    if found is None:
        return ReadRow(entry, findings, RowKind.ENTRY)
    if place != found.first:
        reason = (
            f"{found.first} and {place} have this number; {found.best} counts: the newer period, else the fuller row"
        )
        findings.append(Finding(place.line, "number", number, reason, Outcome.DUPLICATE))
    if place != found.best:
        return ReadRow(None, findings, RowKind.DUPLICATE)
    return ReadRow(entry, findings, RowKind.ENTRY)
