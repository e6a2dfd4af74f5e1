"""Cuts a byte stream into HJ 212 frames: sticky, split, noisy, of wrong length or without CRLF.

Every byte is looked at once, and what is cut depends on the stream alone, never on how it came in pieces. A cut with a
fault is kept whole for quarantine. A frame whose length field is wrong ends at its terminator; its checksum decides whether
it is trusted. What the data segment says is packet's matter; how strict a point is, its owner's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.domain.item_note import ItemFault, ItemNote, note

from .crc import Dialect, crc16, foreign_dialect

MAX_FRAME = 65536
NOISE_KEPT = 1024  # of a run of noise, enough to see what it was

_HEADER = re.compile(rb"##(\d{4})(?=[ A-Za-z])")
# What ends a frame before its declared length: a closed segment with checksum and CRLF, or the next frame's header.
_EVENT = re.compile(rb"&&([0-9A-Za-z]{4})\r\n|##\d{4}(?=[ A-Za-z])")
_EVENT_REACH = 7  # an event may begin this many bytes before the place up to which was searched
_CLOSED_TAIL = re.compile(rb"(?<!CP=)&&([0-9A-Za-z]{4})([\r\n]*)\Z")
_HEX4 = re.compile(rb"[0-9A-Fa-f]{4}")
_HEAD, _CRC = 6, 4


class Footer(StrEnum):
    CRLF = "crlf"
    NONE = "none"
    OTHER = "other"


class Fault(StrEnum):
    NOISE = "noise"
    HEADER = "header"
    LENGTH = "length"
    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    CRC = "crc"
    CRC_MODBUS = "crc_modbus"
    ENCRYPTED = "encrypted"
    FOOTER = "footer"


@dataclass(frozen=True, slots=True)
class Cut:
    """One frame, or one piece of junk, as it came. `raw` of noise holds at most its first 1,024 bytes."""

    raw: bytes
    segment: bytes = b""
    crc_given: bytes = b""
    declared: int | None = None
    footer: Footer = Footer.NONE
    fault: Fault | None = None
    dialect: Dialect | None = None
    ended_by: str | None = None
    misfit: bool = False  # the length field counts neither the segment's bytes nor its characters

    def refusal(self, *, strict: bool = False, dialect: Dialect = Dialect.HJ212) -> Fault | None:
        """Why a point with these habits refuses the cut; None when it takes it."""
        fault = self.fault
        if fault is Fault.CRC_MODBUS and self.dialect is dialect:
            fault = None
        if fault is None and strict and self.footer is not Footer.CRLF:
            return Fault.FOOTER
        return fault

    def notes(self) -> tuple[ItemNote, ...]:
        """What is odd about a frame that is taken all the same."""
        if not self.misfit:
            return ()
        expected = f"{len(self.segment):04d}"
        return (note(ItemFault.LENGTH, "", "length", f"{self.declared or 0:04d}", expected),)

    def strict_fault(self) -> Fault | None:
        return self.refusal(strict=True)


class Framer:
    """Bytes in, cuts out; one a connection."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._max = max_frame
        self._buffer = bytearray()
        self._declared: int | None = None  # of the frame at the buffer's start; None while looking for a header
        self._searched = _HEAD  # no event before this place
        self._misfit = False  # the declared length was reached and did not fit
        self._noise = bytearray()
        self._noise_bytes = 0

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame: a half-open device keeps this above zero."""
        return len(self._buffer)

    @property
    def noise_bytes(self) -> int:
        """Length of the present run of noise, however little of it is kept."""
        return self._noise_bytes

    def feed(self, data: bytes) -> list[Cut]:
        self._buffer += data
        cuts: list[Cut] = []
        while self._step(cuts, final=False):
            pass
        return cuts

    def settle(self, reason: str = "silence") -> list[Cut]:
        """After a silence: gives what is complete but lacked its CRLF, and goes on waiting for the rest of the rest."""
        cuts: list[Cut] = []
        while self._step(cuts, final=True):
            pass
        if self._declared is None:
            self._flush_noise(cuts)
        return [replace(cut, ended_by=reason) for cut in cuts]

    def end(self, reason: str = "closed") -> list[Cut]:
        """At the end: gives what is complete but lacked its CRLF, and the rest as junk."""
        cuts = self.settle(reason)
        rest: list[Cut] = []
        if self._declared is None:
            self._drop_noise(len(self._buffer))
        else:
            self._cut_before(rest, len(self._buffer))
        self._flush_noise(rest)
        return cuts + [replace(cut, ended_by=reason) for cut in rest]

    def _step(self, cuts: list[Cut], *, final: bool) -> bool:
        """One move; False when more bytes are needed."""
        if self._declared is None:
            return self._seek(cuts)
        if not self._misfit:
            end = _HEAD + self._declared + _CRC
            if self._cut_at_event(cuts, end):
                return True
            if len(self._buffer) >= end:
                return self._judge(cuts, end, final=final)
        elif self._cut_at_event(cuts, self._max):
            return True
        elif len(self._buffer) >= self._max:
            self._emit(cuts, self._max, Cut(bytes(self._buffer[: self._max]), fault=Fault.OVERSIZE))
            return True
        if final and _CLOSED_TAIL.search(self._buffer, max(_HEAD, len(self._buffer) - 64)):
            self._cut_before(cuts, len(self._buffer))
            return True
        return False

    def _seek(self, cuts: list[Cut]) -> bool:
        found = _HEADER.search(self._buffer)
        if found is None:
            tail = max(0, len(self._buffer) - _HEAD)
            start = self._buffer.find(b"#", tail)
            self._drop_noise(len(self._buffer) if start < 0 else start)
            return False
        self._declared = int(found[1])
        self._drop_noise(found.start())
        return True

    def _cut_at_event(self, cuts: list[Cut], limit: int) -> bool:
        """Ends the frame at the first closed segment or new header that lies before `limit`."""
        buffer, start, limit = self._buffer, self._searched, min(limit, len(self._buffer))
        if buffer.find(b"\n", start, limit) < 0 and buffer.find(b"##", start, limit) < 0:
            found = None
        else:
            found = _EVENT.search(buffer, start, limit)
        if found is None:
            self._searched = max(_HEAD, limit - _EVENT_REACH)
            return False
        if found[1] is None:
            self._cut_before(cuts, found.start())
        else:
            self._cut_misfit(cuts, found.start() + 2, found.end(), Footer.CRLF)
        return True

    def _judge(self, cuts: list[Cut], end: int, *, final: bool) -> bool:
        """The declared length is there: does it fit, and what follows it?"""
        buffer = self._buffer
        after = bytes(buffer[end : end + 2])
        if not final and (not after or after == b"\r" or after == b"#"):
            return False
        segment, given = bytes(buffer[_HEAD : end - _CRC]), bytes(buffer[end - _CRC : end])
        fault, dialect = verdict(segment, given)
        footer, size = _footer(after)
        closed = segment.endswith(b"&&") and _HEX4.fullmatch(given) is not None
        fits = footer is Footer.CRLF or closed or not after or (fault is None and after[:1] in b"#\r\n")
        if not fits:
            self._misfit = True
            return True
        raw = bytes(buffer[: end + size])
        self._emit(cuts, end + size, Cut(raw, segment, given, self._declared, footer, fault, dialect))
        return True

    def _cut_before(self, cuts: list[Cut], end: int) -> None:
        """The frame stops at `end` without a fitting length: closed and of wrong length, or broken off."""
        closed = _CLOSED_TAIL.search(self._buffer, max(_HEAD, end - 64), end)
        if closed is not None:
            footer = Footer.OTHER if closed[2] else Footer.NONE
            self._cut_misfit(cuts, closed.start() + 2, end, footer)
        elif self._buffer.find(b"=", 0, end) >= 0:
            raw = bytes(self._buffer[:end])
            self._emit(cuts, end, Cut(raw, raw[_HEAD:], declared=self._declared, fault=Fault.TRUNCATED))
        else:
            self._drop_noise(end)
            self._restart()

    def _cut_misfit(self, cuts: list[Cut], close: int, end: int, footer: Footer) -> None:
        """A closed segment whose bytes do not count up to the declared length; its characters still may."""
        raw = bytes(self._buffer[:end])
        segment, given = raw[_HEAD:close], raw[close : close + _CRC]
        fault, dialect = verdict(segment, given)
        misfit = _characters(segment) != self._declared
        if b"CP=&&{0x" in segment:
            fault = Fault.ENCRYPTED
        elif misfit and fault is Fault.CRC:
            fault = Fault.LENGTH
        self._emit(cuts, end, Cut(raw, segment, given, self._declared, footer, fault, dialect, misfit=misfit))

    def _emit(self, cuts: list[Cut], size: int, cut: Cut) -> None:
        self._flush_noise(cuts)
        cuts.append(cut)
        del self._buffer[:size]
        self._restart()

    def _restart(self) -> None:
        self._declared, self._searched, self._misfit = None, _HEAD, False

    def _drop_noise(self, size: int) -> None:
        if not size:
            return
        self._noise += self._buffer[: min(size, NOISE_KEPT - len(self._noise))]
        self._noise_bytes += size
        del self._buffer[:size]

    def _flush_noise(self, cuts: list[Cut]) -> None:
        if not self._noise_bytes:
            return
        noise = bytes(self._noise)
        if noise.strip():  # blank lines between frames are no news
            cuts.append(Cut(noise, fault=Fault.HEADER if b"CP=&&" in noise else Fault.NOISE))
        self._noise.clear()
        self._noise_bytes = 0


def verdict(segment: bytes, given: bytes) -> tuple[Fault | None, Dialect | None]:
    """What the four checksum characters say about the segment."""
    if b"%04X" % crc16(segment) == given.upper():
        return None, Dialect.HJ212
    if _HEX4.fullmatch(given) is None:
        return Fault.CRC, None
    dialect = foreign_dialect(segment, int(given, 16))
    return (Fault.CRC if dialect is None else Fault.CRC_MODBUS), dialect


def _footer(after: bytes) -> tuple[Footer, int]:
    if after == b"\r\n":
        return Footer.CRLF, 2
    if after[:1] == b"\r":
        return Footer.OTHER, 2 if after == b"\r\r" else 1
    if after[:1] == b"\n":
        return Footer.OTHER, 1
    return Footer.NONE, 0


def _characters(segment: bytes) -> int | None:
    """Table 2 counts characters, most loggers bytes."""
    for encoding in ("utf-8", "gbk"):
        try:
            return len(segment.decode(encoding))
        except UnicodeDecodeError:
            continue
    return None
