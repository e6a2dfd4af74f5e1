"""The parts of a workbook's ZIP archive, inflated piece by piece and counted: all of them together have one limit."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from services.permits.importing.limits import MB, PARTS, UNPACKED_BYTES, exceeded
from shared.domain.errors import Invalid

ENTRY = b"PK\x01\x02"  # begins each entry of the directory
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # ECMA-376 part 2; others inflate without a bound on a piece
PIECE_BYTES = 64 * 1024
RULE = "an XLSX workbook with the list in a sheet"
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, OverflowError)


class Archive:
    """An opened workbook."""

    def __init__(self, content: bytes) -> None:
        if content.count(ENTRY) > PARTS:
            raise exceeded("the workbook has too many parts", PARTS, "parts")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except BROKEN as wrong:
            raise _broken(wrong) from wrong
        self._names = frozenset(self._zip.namelist())
        self._room = UNPACKED_BYTES

    def has(self, name: str) -> bool:
        return name in self._names

    def pieces(self, name: str) -> Iterator[bytes]:
        """The part, inflated; raises Invalid when it is not there, broken, or all that was read is too much."""
        if not self.has(name):
            raise Invalid(f"the workbook has no part {name[:100]!r}", field="file", value=name[:100], rule=RULE)
        info = self._zip.getinfo(name)
        if info.compress_type not in PACKINGS:
            raise Invalid(
                f"{name[:100]} is packed by method {info.compress_type}",
                field="file",
                value=info.compress_type,
                rule="parts stored or deflated",
            )
        try:
            with self._zip.open(info) as part:
                while piece := part.read(PIECE_BYTES):
                    yield self._counted(piece)
        except BROKEN as wrong:
            raise _broken(wrong) from wrong

    def _counted(self, piece: bytes) -> bytes:
        self._room -= len(piece)
        if self._room < 0:
            raise exceeded("the workbook is too large when unpacked", UNPACKED_BYTES // MB, "MB unpacked")
        return piece


def _broken(wrong: Exception) -> Invalid:
    return Invalid(
        f"the workbook cannot be read: {type(wrong).__name__}: {str(wrong)[:100]}", field="file", value="", rule=RULE
    )
