"""What a data segment says: header fields, CP items, factors and the time they stand for.

Three generations (2005, 2017, 2025) are read alike. What is odd is kept and noted in `notes`; an item that cannot be read
is left out and noted in `item_notes`; a segment that cannot be understood is `Malformed`. Units, limits and whether a
value may count belong to others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from shared.domain.clock import SHANGHAI
from shared.domain.item_note import ItemFault, ItemNote, note

from .items import Item, ItemReader, Value
from .shapes import planned_header, planned_items

TIMES_CACHED = 256  # loggers report the same moments
MN_LONGEST = 32  # 24 in the standard; vendors write more, never a number

_HEADER = frozenset({"QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO", "RF"})
_NO_ALIAS: Mapping[str, str] = MappingProxyType({})
_TIME = re.compile(r"[0-9]{14}[0-9.]*", re.ASCII)


class Upload(StrEnum):
    """What a device's data packet holds."""

    REALTIME = "realtime"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    RUNTIME = "runtime"
    STATE = "state"
    RESTART = "restart"
    FURNACE = "furnace"
    CHECK = "check"
    RAW = "raw"
    NOISE_EVENT = "noise_event"
    MIXED_SAMPLE = "mixed_sample"


_UPLOADS = {
    "2011": Upload.REALTIME,
    "2013": Upload.RAW,
    "2021": Upload.STATE,
    "2031": Upload.DAY,
    "2041": Upload.RUNTIME,
    "2051": Upload.MINUTE,
    "2052": Upload.NOISE_EVENT,
    "2061": Upload.HOUR,
    "2062": Upload.CHECK,
    "2063": Upload.MIXED_SAMPLE,
    "2081": Upload.RESTART,
    "2111": Upload.FURNACE,
}


def uploads(cn: str) -> Upload | None:
    """Which upload a command number is; None for commands, notices and answers."""
    return _UPLOADS.get(cn)


class Wrong(StrEnum):
    TEXT = "text"
    ENCRYPTED = "encrypted"
    DUPLICATE = "duplicate"
    MISSING = "missing"
    MN = "mn"
    CN = "cn"
    CP = "cp"


class Malformed(ValueError):
    """A segment that cannot be understood; the detail names places, never a password. `packet` has its header and nothing
    else, where that could be read: who sent it can be asked for the password and answered."""

    def __init__(self, reason: Wrong, detail: str, packet: Packet | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.packet = packet


@dataclass(frozen=True, slots=True)
class Packet:
    qn: str | None
    st: str
    cn: str
    pw: str | None
    mn: str
    flag: int | None
    pnum: int | None
    pno: int | None
    rf: bool
    body: str  # between the && of CP
    factors: dict[str, dict[str, Value]]
    params: dict[str, str]
    data_time: datetime | None
    notes: tuple[str, ...]
    item_notes: tuple[ItemNote, ...] = ()

    @property
    def cp(self) -> tuple[Item, ...]:
        """The items in their order, as sent."""
        reading = ItemReader(_NO_ALIAS, [])
        reading.take(self.body)
        return tuple(reading.items)

    @property
    def generation(self) -> int:
        """2005, 2017 or 2025. Flag 8..11 was met in packets years older than the 2025 text, so the QN must agree."""
        version = 0 if self.flag is None else self.flag >> 2
        if version == 0:
            return 2005
        if version == 1 or (self.qn is not None and self.qn[:4] < "2024"):  # the text's own examples are of 2024
            return 2017
        return 2025

    @property
    def wants_answer(self) -> bool:
        return self.flag is not None and self.flag & 1 == 1

    @property
    def upload(self) -> Upload | None:
        return uploads(self.cn)


def parse(segment: bytes, alias: Mapping[str, str] = _NO_ALIAS) -> Packet:
    """Reads a data segment; `alias` maps old factor codes to those of 2017, others stay as sent."""
    notes: list[str] = []
    reading = ItemReader(alias, notes)
    text, readable = _decode(segment, notes)
    header, body = _split(text, notes, reading.item_notes)
    try:
        _check(header)
        enciphered = _enciphered(segment, readable)
        if enciphered is not None:
            raise Malformed(Wrong.ENCRYPTED, enciphered)
    except Malformed as wrong:
        if _names_its_sender(header):
            wrong.packet = _packet(header.fields, "", reading, notes)
        raise
    notes.extend(f"header field {key[:12]!r} unknown" for key in header.fields if key not in _HEADER)
    if not header.fields.get("ST"):
        notes.append("no ST")
    planned = planned_items(body, alias) if body.isascii() else None
    if planned is None:
        reading.take(body)
    else:
        reading.factors, reading.params = planned.factors, planned.params
    return _packet(header.fields, body, reading, notes)


@dataclass(frozen=True, slots=True)
class _Header:
    """`ambiguous`: fields that stand there twice with different values."""

    fields: Mapping[str, str]
    ambiguous: tuple[str, ...]
    printable: bool


def _names_its_sender(header: _Header) -> bool:
    """Whether it is known who sent a segment that is otherwise not understood, so that it can be answered."""
    texts = [header.fields.get(name, "") for name in ("MN", "PW", "QN")]
    plain = all(text.isprintable() for text in texts) and not {"MN", "PW", "QN"}.intersection(header.ambiguous)
    return plain and 0 < len(texts[0]) <= MN_LONGEST


def _packet(header: Mapping[str, str], body: str, reading: ItemReader, notes: list[str]) -> Packet:
    flag, pnum, pno = (_number(header, name, notes) for name in ("Flag", "PNUM", "PNO"))
    data_time = None if reading.ambiguous_time else _time(reading.params.get("DataTime"), notes)
    return Packet(
        qn=header.get("QN") or None,
        st=header.get("ST", ""),
        cn=header.get("CN", ""),
        pw=header.get("PW"),
        mn=header["MN"],
        flag=flag,
        pnum=pnum,
        pno=pno,
        rf=header.get("RF") == "1",
        body=body,
        factors=reading.factors,
        params=reading.params,
        data_time=data_time,
        notes=tuple(notes),
        item_notes=tuple(reading.item_notes),
    )


def _decode(segment: bytes, notes: list[str]) -> tuple[str, bool]:
    """The text, and whether all of its bytes are text."""
    try:
        return segment.decode(), True
    except UnicodeDecodeError:
        pass
    try:
        text = segment.decode("gbk")
    except UnicodeDecodeError:
        notes.append("text is neither UTF-8 nor GBK")
        return segment.decode(errors="replace"), False
    notes.append("text is GBK")
    return text, True


def _enciphered(segment: bytes, readable: bool) -> str | None:
    """Why the items cannot be plain text. Odd bytes around a readable DataTime spoil only the items they stand in."""
    if b"CP=&&{0x" in segment:
        return "CP is enciphered"
    if not readable and b"DataTime=" not in segment:
        return "neither UTF-8 nor GBK, perhaps enciphered"
    return None


def _split(text: str, notes: list[str], item_notes: list[ItemNote]) -> tuple[_Header, str]:
    head, opened, rest = text.partition("CP=&&")
    body, closed, tail = rest.rpartition("&&")
    if opened and not closed:  # a sender that cuts what is too long: the item at the cut may have lost its end
        body, _, last = tail.rpartition(";")
        tail = ""
        item_notes.append(note(ItemFault.UNCLOSED, "", "CP", last))
    elif not opened:
        notes.append("no CP")
    if tail.strip("; "):
        notes.append("fields after CP")
        head = f"{head};{tail}"
    planned = planned_header(head, _HEADER) if head.isascii() else None
    if planned is not None:
        return _Header(planned, (), head.isprintable()), body
    header: dict[str, str] = {}
    ambiguous = []
    for place, item in enumerate(head.split(";"), 1):
        key, joined, value = item.partition("=")
        if joined:
            key = key.strip()
            if header.setdefault(key, value.strip()) != value.strip():
                ambiguous.append(key)
        elif item.strip():
            notes.append(f"header item {place} has no '='")
    return _Header(header, tuple(ambiguous), head.isprintable()), body


def _check(header: _Header) -> None:
    """Raises Malformed for a header without which the rest cannot be understood."""
    cn, mn = header.fields.get("CN", ""), header.fields.get("MN", "")
    if not header.printable:
        raise Malformed(Wrong.TEXT, "control characters in the header")
    if header.ambiguous:
        raise Malformed(Wrong.DUPLICATE, f"header field {header.ambiguous[0][:12]!r} twice, with different values")
    if not (mn and cn):
        raise Malformed(Wrong.MISSING, "MN and CN are needed")
    if len(mn) > MN_LONGEST:
        raise Malformed(Wrong.MN, f"{len(mn)} characters, at most {MN_LONGEST} expected")
    if not (len(cn) == 4 and cn.isascii() and cn.isdigit()):
        raise Malformed(Wrong.CN, f"{cn[:12]!r}, four digits expected")
    if "CP" in header.fields:
        raise Malformed(Wrong.CP, "CP does not open with &&")


def _number(header: Mapping[str, str], name: str, notes: list[str]) -> int | None:
    text = header.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 5 and (name != "Flag" or int(text) <= 255):
        return int(text)
    notes.append(f"{name} unreadable: {text[:12]!r}")
    return None


def _time(text: str | None, notes: list[str]) -> datetime | None:
    if text is None:
        return None
    found = _read_time(text)
    if found.note is not None:
        notes.append(found.note)
    return found.at


@dataclass(frozen=True, slots=True)
class _DataTime:
    at: datetime | None
    note: str | None = None


@lru_cache(TIMES_CACHED)
def _read_time(text: str) -> _DataTime:
    """DataTime is Shanghai local, 14 digits; loggers add milliseconds of any length."""
    note = None
    try:
        if _TIME.fullmatch(text) is None:
            raise ValueError(text)
        local = datetime.fromisoformat(f"{text[:8]}T{text[8:14]}").replace(tzinfo=SHANGHAI)
        if len(text) == 17 and text.isdigit():
            local = local.replace(microsecond=int(text[14:]) * 1000)
        elif len(text) != 14:
            note = f"DataTime with odd milliseconds: {text[:24]!r}"
        return _DataTime(local.astimezone(UTC), note)
    except (ValueError, OverflowError):
        return _DataTime(None, f"DataTime unreadable: {text[:24]!r}")
