"""The text of a file without holding all of it: which encoding it has, and a stream of its characters."""

from __future__ import annotations

import codecs
import io
import re
from typing import TextIO

from shared.domain.errors import Invalid

PIECE = 64 * 1024
LIST_ENCODINGS = ("utf-8-sig", "gb18030")  # the second is what spreadsheets of this country save
JSON_ENCODINGS = ("utf-8-sig",)
NAMES = {"utf-8-sig": "UTF-8", "gb18030": "GB 18030"}
SPACE = re.compile(rb"[\xef\xbb\xbf \t\r\n]*")  # a choice instead of the class would keep a step back for each byte


def beginning(content: bytes) -> bytes:
    """The first four bytes behind a byte order mark and white space."""
    space = SPACE.match(content)
    start = space.end() if space else 0
    return content[start : start + 4]


def open_text(content: bytes, encodings: tuple[str, ...], *, newline: str = "") -> TextIO:
    """The content in the first of the encodings that fits; raises Invalid when none does.

    Line ends stay as they are; `newline` is the only one, "" for any.
    """
    failed_at = [_failed_at(content, encoding) for encoding in encodings]
    for encoding, place in zip(encodings, failed_at, strict=True):
        if place is None:
            return io.TextIOWrapper(io.BytesIO(content), encoding, newline=newline)
    rule = " or ".join(NAMES[encoding] for encoding in encodings)
    raise Invalid(f"the text cannot be read at byte {failed_at[0]}", field="file", value=failed_at[0], rule=rule)


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
