"""JSON documents of enterprises and permits, with the line each begins on: an array, or one document a line (NDJSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from services.permits.importing.encoding import JSON_ENCODINGS, beginning, open_text
from services.permits.importing.limits import DOCUMENT_CHARACTERS, DOCUMENT_DEPTH, DOCUMENTS, exceeded
from shared.domain.json import JsonObject, JsonValue

SPACE = re.compile(r"[\s,]*")
TOO_LARGE = f"the document is too large: expected at most {DOCUMENT_CHARACTERS:,} characters"
TOO_DEEP = f"the document is nested too deeply: expected at most {DOCUMENT_DEPTH} values within one another"
LONGEST_TOKEN = 16  # a literal, number or escape that is cut off is reported at most so far before the cut


@dataclass(frozen=True, slots=True)
class Document:
    """One document, or why there is none on that line."""

    line: int
    content: JsonObject | None
    wrong: str | None = None


def documents(content: bytes) -> Iterator[Document]:
    """The documents in order. In NDJSON a broken line costs that line; a broken array ends there.

    Raises Invalid when the file is not UTF-8 or has too many documents.
    """
    text = open_text(content, JSON_ENCODINGS, newline="\n")
    found = _array(_Window(text)) if beginning(content).startswith(b"[") else _lines(text)
    for count, document in enumerate(found, start=1):
        if count > DOCUMENTS:
            raise exceeded("the file has too many documents", DOCUMENTS, "documents")
        yield document


def _whole_number(digits: str) -> int | str:
    """A number of thousands of digits stays text: its field refuses it, and the documents behind it are read."""
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return digits


DECODER = json.JSONDecoder(parse_int=_whole_number)


def _lines(text: TextIO) -> Iterator[Document]:
    number = 0
    while line := text.readline(DOCUMENT_CHARACTERS + 2):
        number += 1
        if len(line.rstrip("\r\n")) > DOCUMENT_CHARACTERS:
            yield Document(number, None, TOO_LARGE)
            _skip_line(text, line)
        elif line.strip():
            yield _document(number, line)


def _skip_line(text: TextIO, read: str) -> None:
    while read and not read.endswith("\n"):
        read = text.readline(DOCUMENT_CHARACTERS)


def _document(number: int, line: str) -> Document:
    try:
        return _checked(number, DECODER.decode(line))
    except json.JSONDecodeError as wrong:
        return Document(number, None, f"not JSON: {wrong.msg}, column {wrong.colno}")
    except RecursionError:
        return Document(number, None, TOO_DEEP)


def _checked(number: int, found: JsonValue) -> Document:
    if not isinstance(found, dict):
        return Document(number, None, f"{type(found).__name__}: expected an object")
    return Document(number, None, TOO_DEEP) if _too_deep(found) else Document(number, found)


def _too_deep(found: JsonValue) -> bool:
    level = [found]
    for _ in range(DOCUMENT_DEPTH):
        level = [inside for value in level for inside in _inside(value) if isinstance(inside, dict | list)]
        if not level:
            return False
    return True


def _inside(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _Window:
    """The part of a text that is being read: a document's length ahead of `place`, or all that is left of the text."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.part = ""
        self.place = 0
        self.line = 1
        self.at_end = False
        self.fill()

    def fill(self) -> None:
        """Forget what was read, and read on."""
        if not self.at_end and len(self.part) - self.place <= DOCUMENT_CHARACTERS:
            more = self._text.read(DOCUMENT_CHARACTERS)
            self.part, self.place, self.at_end = self.part[self.place :] + more, 0, len(more) < DOCUMENT_CHARACTERS

    def go_to(self, place: int) -> None:
        self.line += self.part.count("\n", self.place, place)
        self.place = place
        self.fill()

    def next_sign(self) -> str:
        """The sign behind white space and commas, which are passed; none at the end."""
        while True:
            found = SPACE.match(self.part, self.place)
            self.go_to(found.end() if found else self.place)
            if self.place < len(self.part) or self.at_end:
                return self.part[self.place : self.place + 1]


def _array(window: _Window) -> Iterator[Document]:
    window.next_sign()
    window.go_to(window.place + 1)  # behind the bracket
    while (sign := window.next_sign()) != "]":
        if not sign:
            yield Document(window.line, None, "the array does not end")
            return
        line, start = window.line, window.place
        try:
            found, end = DECODER.raw_decode(window.part, start)
        except (json.JSONDecodeError, RecursionError) as wrong:
            yield Document(line, None, _why(window, wrong))
            return
        yield Document(line, None, TOO_LARGE) if end - start > DOCUMENT_CHARACTERS else _checked(line, found)
        window.go_to(end)


def _why(window: _Window, wrong: json.JSONDecodeError | RecursionError) -> str:
    if isinstance(wrong, RecursionError):
        return TOO_DEEP
    cut = wrong.pos + LONGEST_TOKEN >= len(window.part) or wrong.msg.startswith("Unterminated string")
    if cut and not window.at_end:
        return TOO_LARGE
    line = window.line + window.part.count("\n", window.place, wrong.pos)
    return f"not JSON: {wrong.msg}, line {line}"
