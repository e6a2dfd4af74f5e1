"""The text of a file without holding all of it: which encoding it has, and a stream of its characters."""

from __future__ import annotations

import codecs
import io
import re
from typing import TextIO

from shared.domain.errors import Invalid

PIECE = 64 * 1024
JSON_ENCODINGS = ("utf-8-sig",)
LIST_ENCODINGS = ("utf-8-sig", "gb18030")  # the second is what spreadsheets of this country save as CSV
WIDE_ENCODINGS = ("utf-16-le", "utf-16-be")  # the first is what they save as Unicode text
NAMES = {"utf-8-sig": "UTF-8", "gb18030": "GB 18030", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
MARKS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "gb18030": b"\x84\x31\x95\x33",
}  # kept by decoders
SPACE = re.compile(rb"[\xef\xbb\xbf \t\r\n]*")  # a choice instead of the class would keep a step back for each byte
LOOKED_AT = 4096  # bytes from which it is known whether every second one is zero


def beginning(content: bytes) -> bytes:
    """The first four bytes behind a byte order mark and white space; of UTF-16 as they are in UTF-8."""
    wide = wide_encoding(content)
    if wide is not None:
        content = content[:LOOKED_AT].decode(wide, "ignore").encode("utf-8", "ignore")
    space = SPACE.match(content)
    start = space.end() if space else 0
    return content[start : start + 4]


def wide_encoding(content: bytes) -> str | None:
    """The order of bytes of a text in UTF-16, by its mark or by the zeros of its ASCII characters; else None."""
    little, big = WIDE_ENCODINGS
    if content.startswith(codecs.BOM_UTF16_LE):
        return little
    if content.startswith(codecs.BOM_UTF16_BE):
        return big
    head = content[:LOOKED_AT]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 32 < len(head) or max(even, odd) <= 3 * min(even, odd):
        return None  # at least separators and line ends are ASCII; a few zeros are no sign of UTF-16
    return little if odd > even else big


def open_text(content: bytes, encodings: tuple[str, ...], *, newline: str = "") -> TextIO:
    """The content in the first of the encodings that fits; raises Invalid when none does.

    Line ends stay as they are; `newline` is the only one, "" for any.
    """
    failed_at = [_failed_at(content, encoding) for encoding in encodings]
    for encoding, place in zip(encodings, failed_at, strict=True):
        if place is None:
            stream = io.BytesIO(content)
            mark = MARKS.get(encoding, b"")
            stream.seek(len(mark) if mark and content.startswith(mark) else 0)
            return io.TextIOWrapper(stream, encoding, newline=newline)
    rule = " or ".join(dict.fromkeys(NAMES[encoding] for encoding in encodings))
    raise Invalid(f"the text cannot be read at byte {failed_at[0]}", field="file", value=failed_at[0], rule=rule)


def open_list_text(content: bytes) -> TextIO:
    """The text of a list: UTF-16 where it looks so, else UTF-8 or GB 18030; raises Invalid."""
    wide = wide_encoding(content)
    return open_text(content, LIST_ENCODINGS if wide is None else (wide,))


def _failed_at(content: bytes, encoding: str) -> int | None:
    """The place of the first byte that is none of the encoding's; None when all are."""
    decoder, view = codecs.getincrementaldecoder(encoding)(), memoryview(content)
    for start in range(0, max(len(content), 1), PIECE):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[start : start + PIECE], final=start + PIECE >= len(content))
        except UnicodeDecodeError as wrong:
            return start - pending + wrong.start
    return None
