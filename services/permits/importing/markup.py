"""Reads HTML and XML piece by piece as a stream of events; no tree is made, so memory does not grow with the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

from lxml import etree

from services.permits.importing.limits import DEPTH, TAG_BYTES, exceeded
from shared.domain.errors import Invalid

T = TypeVar("T")


class Parser(Protocol):
    """A push parser of lxml."""

    def feed(self, data: bytes) -> None: ...
    def close(self) -> object: ...


class Target(Generic[T]):
    """What a parser calls, and what came of it: `ready`. Limits are checked here; lxml's own hold for trees only."""

    def __init__(self) -> None:
        self.ready: list[T] = []
        self.called = False
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.called = True
        self._depth += 1
        if self._depth > DEPTH:
            raise exceeded("elements are nested too deeply", DEPTH, "elements within one another")
        self.opened(tag, attributes)

    def end(self, tag: str) -> None:
        self.called = True
        self._depth -= 1
        self.closed(tag)

    def data(self, text: str) -> None:
        self.called = True
        self.text(text)

    def comment(self, _text: str) -> None:
        self.called = True

    def close(self) -> None:
        """The document is over."""

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def closed(self, tag: str) -> None:
        """An element is over."""

    def text(self, text: str) -> None:
        """Text between tags, in pieces."""


class XmlTarget(Target[T]):
    """A part of a workbook: it has no document type (ECMA-376 part 2), and so no entities."""

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise Invalid("an XML part has a document type", field="file", value="DOCTYPE", rule="XML without DOCTYPE")


def read_xml(target: XmlTarget[T], pieces: Iterable[bytes], name: str) -> Iterator[T]:
    """What the target makes of an XML document; raises Invalid when it is not well-formed."""
    parser = etree.XMLParser(target=cast(Any, target), resolve_entities=False, no_network=True)
    return _read(parser, target, pieces, name)


def read_html(target: Target[T], pieces: Iterable[bytes], name: str) -> Iterator[T]:
    """What the target makes of a page in UTF-8; the parser mends what is not well-formed."""
    return _read(etree.HTMLParser(target=cast(Any, target), encoding="utf-8"), target, pieces, name)


def _read(parser: Parser, target: Target[T], pieces: Iterable[bytes], name: str) -> Iterator[T]:
    pending = 0
    try:
        for piece in pieces:
            target.called = False
            parser.feed(piece)
            pending = 0 if target.called else pending + len(piece)
            if pending > TAG_BYTES:
                raise exceeded(f"{name}: a tag or comment is too long", TAG_BYTES, "bytes")
            yield from _ready(target)
        parser.close()
    except etree.XMLSyntaxError as wrong:  # its own text may repeat what stands in the file
        line = getattr(wrong, "lineno", 0) or 0
        raise Invalid(
            f"{name} is not well-formed at line {line}", field="file", value=f"line {line}", rule="well-formed XML"
        ) from wrong
    yield from _ready(target)


def _ready(target: Target[T]) -> list[T]:
    ready, target.ready = target.ready, []
    return ready
