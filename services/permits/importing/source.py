"""An import's file as a whole: how many rows it has, and its rows from any of them on. It is read anew each time, so that
memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from services.permits.domain.import_report import Finding
from services.permits.importing.documents import Document, documents
from services.permits.importing.official_list import Entry, read_row
from services.permits.importing.readers import Format, format_of, listed_rows


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of a list: its entry, None when it is refused, and what there is to report of it."""

    entry: Entry | None
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`content` as it was uploaded."""

    content: bytes
    format: Format

    @classmethod
    def of(cls, content: bytes) -> SourceFile:
        """Raises Invalid for an empty file."""
        return cls(content, format_of(content))

    def count(self) -> int:
        """How many rows or documents it has; raises Invalid when it cannot be read to its end."""
        if self.format is Format.JSON:
            return sum(1 for _ in documents(self.content))
        return sum(1 for _ in listed_rows(self.content, self.format))

    def documents(self, start: int = 0) -> Iterator[Document]:
        """The JSON documents behind the first `start`, which are read at once."""
        found = documents(self.content)
        for _ in islice(found, start):
            continue
        return found

    def rows(self, start: int = 0) -> Iterator[ReadRow]:
        """The rows of a list, the first `start` left out."""
        for row in islice(listed_rows(self.content, self.format), start, None):
            entry, findings = read_row(row)
            yield ReadRow(entry, findings)
