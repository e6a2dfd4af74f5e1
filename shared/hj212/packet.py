"""What a data segment says: header fields, CP items, factors and the time they stand for.

Three generations (2005, 2017, 2025) are read alike. What is odd is kept and noted in `notes`; what cannot be understood
is `Malformed`. Units, limits and whether a value may count belong to others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from types import MappingProxyType

from shared.domain.clock import SHANGHAI

MN_LONGEST = 32  # 24 in the standard; vendors write more, never a number

Value = str | float
Pair = tuple[str, str]
Item = tuple[Pair, ...]

_TEXT = frozenset({"Flag", "EFlag", "SampleTime", "SN", "Info"})
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
    ITEM = "item"
    DUPLICATE = "duplicate"
    MISSING = "missing"
    MN = "mn"
    CN = "cn"
    CP = "cp"


class Malformed(ValueError):
    """A segment that cannot be understood; the detail names places, never a password."""

    def __init__(self, reason: Wrong, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


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
    cp: tuple[Item, ...]
    factors: dict[str, dict[str, Value]]
    params: dict[str, str]
    data_time: datetime | None
    notes: tuple[str, ...]

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
    text = _decode(segment, notes)
    header, body = _split(text, notes)
    _check(header, notes)
    reading = _Reading(alias, notes)
    cp = reading.take(body)
    flag, pnum, pno = (_number(header, name, notes) for name in ("Flag", "PNUM", "PNO"))
    return Packet(
        qn=header.get("QN") or None,
        st=header.get("ST", ""),
        cn=header["CN"],
        pw=header.get("PW"),
        mn=header["MN"],
        flag=flag,
        pnum=pnum,
        pno=pno,
        rf=header.get("RF") == "1",
        cp=cp,
        factors=reading.factors,
        params=reading.params,
        data_time=_time(reading.params.get("DataTime"), notes),
        notes=tuple(notes),
    )


def _decode(segment: bytes, notes: list[str]) -> str:
    if b"CP=&&{0x" in segment:
        raise Malformed(Wrong.ENCRYPTED, "CP is enciphered")
    try:
        return segment.decode()
    except UnicodeDecodeError:
        pass
    try:
        text = segment.decode("gbk")
    except UnicodeDecodeError:
        raise Malformed(Wrong.ENCRYPTED, "neither UTF-8 nor GBK, perhaps enciphered") from None
    notes.append("text is GBK")
    return text


def _split(text: str, notes: list[str]) -> tuple[dict[str, str], str]:
    head, opened, rest = text.partition("CP=&&")
    body, closed, tail = rest.rpartition("&&")
    if opened and not closed:
        raise Malformed(Wrong.CP, "CP does not close with &&")
    if not opened:
        notes.append("no CP")
    if tail.strip("; "):
        notes.append("fields after CP")
        head = f"{head};{tail}"
    if not head.isprintable():
        raise Malformed(Wrong.TEXT, "control characters in the header")
    header: dict[str, str] = {}
    for place, item in enumerate(head.split(";"), 1):
        key, joined, value = item.partition("=")
        if joined:
            key = key.strip()
            if key in header:
                raise Malformed(Wrong.DUPLICATE, f"header field {key[:12]!r} twice")
            header[key] = value.strip()
        elif item.strip():
            raise Malformed(Wrong.ITEM, f"header item {place} has no '='")
    if "CP" in header:
        raise Malformed(Wrong.CP, "CP does not open with &&")
    notes.extend(f"header field {key[:12]!r} unknown" for key in header if key not in _HEADER)
    return header, body


def _check(header: Mapping[str, str], notes: list[str]) -> None:
    cn, mn = header.get("CN", ""), header.get("MN", "")
    if not (mn and cn):
        raise Malformed(Wrong.MISSING, "MN and CN are needed")
    if len(mn) > MN_LONGEST:
        raise Malformed(Wrong.MN, f"{len(mn)} characters, at most {MN_LONGEST} expected")
    if not (len(cn) == 4 and cn.isascii() and cn.isdigit()):
        raise Malformed(Wrong.CN, f"{cn[:12]!r}, four digits expected")
    if not header.get("ST"):
        notes.append("no ST")


class _Reading:
    """Collects the CP items of one packet."""

    __slots__ = ("alias", "factors", "notes", "params")

    def __init__(self, alias: Mapping[str, str], notes: list[str]) -> None:
        self.alias = alias
        self.notes = notes
        self.factors: dict[str, dict[str, Value]] = {}
        self.params: dict[str, str] = {}

    def take(self, body: str) -> tuple[Item, ...]:
        items: list[Item] = []
        for place, text in enumerate(body.split(";"), 1):
            item: list[Pair] = []
            for piece in text.split(","):
                key, joined, value = piece.partition("=")
                if joined:
                    item.append((key.strip(), value))
                elif item and item[-1][0].endswith("-Info"):  # free text may hold a comma
                    item[-1] = (item[-1][0], f"{item[-1][1]},{piece}")
                elif piece.strip():
                    raise Malformed(Wrong.ITEM, f"CP item {place} has no '='")
            if item:
                items.append(tuple(item))
                self._sort(item)
        return tuple(items)

    def _sort(self, item: list[Pair]) -> None:
        for key, value in item:
            code, dash, sub = key.rpartition("-")
            if not dash:
                self._param(key, value)
                continue
            fields = self.factors.get(code)
            if fields is None or code in self.alias:
                fields = self._factor(code)
            if sub in fields:
                self.notes.append(f"{key} twice, first kept")
            elif sub in _TEXT:
                fields[sub] = value.strip()
            else:
                self._numeric(fields, key, sub, value)

    def _factor(self, code: str) -> dict[str, Value]:
        known = self.alias.get(code)
        if known is None:
            return self.factors.setdefault(code, {})
        note = f"{code} read as {known}"
        if note not in self.notes:
            self.notes.append(note)
        return self.factors.setdefault(known, {})

    def _numeric(self, fields: dict[str, Value], key: str, sub: str, value: str) -> None:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if isfinite(number) and "_" not in value and value.isascii():
            fields[sub] = number
        else:
            self.notes.append(f"{key} is not a number: {value[:24]!r}")

    def _param(self, key: str, value: str) -> None:
        if key in self.params:
            self.notes.append(f"{key} twice, first kept")
        else:
            self.params[key] = value.strip()


def _number(header: Mapping[str, str], name: str, notes: list[str]) -> int | None:
    text = header.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 5 and (name != "Flag" or int(text) <= 255):
        return int(text)
    notes.append(f"{name} unreadable: {text[:12]!r}")
    return None


def _time(text: str | None, notes: list[str]) -> datetime | None:
    """DataTime is Shanghai local, 14 digits; loggers add milliseconds of any length."""
    if text is None:
        return None
    try:
        if _TIME.fullmatch(text) is None:
            raise ValueError(text)
        local = datetime.fromisoformat(f"{text[:8]}T{text[8:14]}").replace(tzinfo=SHANGHAI)
        if len(text) == 17 and text.isdigit():
            local = local.replace(microsecond=int(text[14:]) * 1000)
        elif len(text) != 14:
            notes.append(f"DataTime with odd milliseconds: {text[:24]!r}")
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        notes.append(f"DataTime unreadable: {text[:24]!r}")
        return None
