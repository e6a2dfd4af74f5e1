"""JSON documents of enterprises and permits, with the line each begins on: an array, or one document a line (NDJSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import Invalid

SPACE = re.compile(r"[\s,]*")
RULE = "an array of documents, or one document a line"


@dataclass(frozen=True, slots=True)
class Document:
    """One document, or why there is none on that line."""

    line: int
    content: Mapping[str, Any] | None
    wrong: str | None = None


def documents(content: bytes) -> Iterator[Document]:
    """The documents in order. In NDJSON a broken line costs that line; a broken array ends there."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise Invalid("the text cannot be read", field="file", value="", rule="UTF-8") from wrong
    yield from (_array(text) if text.lstrip().startswith("[") else _lines(text))


def _lines(text: str) -> Iterator[Document]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _document(number, line)


def _document(number: int, line: str) -> Document:
    try:
        return _checked(number, json.loads(line))
    except (json.JSONDecodeError, RecursionError) as wrong:
        return Document(number, None, f"not JSON: {wrong}")


def _checked(number: int, found: Any) -> Document:
    if not isinstance(found, dict):
        return Document(number, None, f"{type(found).__name__}: expected an object")
    return Document(number, found)


def _array(text: str) -> Iterator[Document]:
    decoder = json.JSONDecoder()
    place = text.index("[") + 1
    line, counted = 1, 0
    while True:
        place = _after_space(text, place)
        line, counted = line + text.count("\n", counted, place), place
        if place >= len(text):
            yield Document(line, None, "the array does not end")
            return
        if text[place] == "]":
            return
        try:
            found, place = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError) as wrong:
            yield Document(line, None, f"not JSON: {wrong}")
            return
        yield _checked(line, found)


def _after_space(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return found.end() if found else place
