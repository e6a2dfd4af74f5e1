"""The one builder and reader of a packet's record: HTTP API, gateway, put-back and records of other producers alike.

A packet is a JSON document (DESIGN §8). Who may send it is decided where it comes in; whether it is valid is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Literal, Protocol, cast

import msgspec

from services.monitoring.domain.alignment import Alignment, aligned, expected_starts
from services.monitoring.domain.items import nothing_usable, readings, repaired, surely_usable
from services.monitoring.domain.packet_row import MINUTE, PACKET_PERIODS, PacketRow
from services.monitoring.domain.period_stamp import window_start_s
from services.monitoring.domain.plain_packet import RealTimeFields, plain_body, real_time_body
from services.monitoring.domain.plain_report import ReportFields, plain_readings
from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.domain.reading import PERIODS, Fields, Reading, rank
from services.monitoring.domain.window_report import WindowReport
from services.monitoring.domain.windows import MINUTE_S, WindowKey, instant, seconds, start_s
from shared.domain.clock import SHANGHAI, rfc3339
from shared.domain.item_note import MOST_NOTES, ItemFault, ItemNote, limited, note
from shared.domain.json import JsonValue, read_optional_text, read_text
from shared.domain.pollutant import aliases_2005, pollutants
from shared.eventlog.codec import encode
from shared.hj212.packet import Packet as DevicePacket
from shared.hj212.packet import uploads
from shared.hj212.reply import to_masked
from shared.ports import NewRecord
from shared.register import Point

AHEAD = timedelta(minutes=10)  # of field time; a packet further ahead waits in quarantine
AHEAD_S = int(AHEAD.total_seconds())
EARLIEST_YEAR = 2000
PACKET_PERIOD_OF = {command: period for command, period in PERIODS.items() if period in PACKET_PERIODS}
HEARTBEAT_COMMAND = "9015"
DETAIL = 500  # characters of an explanation
UNALIGNED_REMEDY = (
    "补救：数采仪改发时段起点（或在监测点设 period_stamp=end）后恢复本条 / remedy: let the logger send the start of the period,"
    " or its end with the point's period_stamp set to end; correct what was sent, or dismiss this"
)
TIMELESS = frozenset({"1013", "9021", "9015", "9011", "9012", "9013", "9014", "1014", "1001"})
Document = dict[str, JsonValue]  # a packet as JSON


class PointLookup(Protocol):
    """Who is registered: the directory where packets come in, the register's rows in the handler."""

    def point(self, mn: str) -> Point | None: ...


class Packet(msgspec.Struct):
    """A packet's document; other fields that it may hold are not read."""

    mn: str
    command: str
    factors: dict[str, dict[str, float | str | None]] = {}
    data_time: str | None = None
    qn: str | None = None
    rf: bool = False
    received_at: str | None = None
    source: str = "unknown"
    item_notes: object = None  # read by `notes_of`: another producer's may have any shape


class RealTimePacket(msgspec.Struct):
    """The document of a real-time packet that has value and mark of each factor, and nothing noted."""

    mn: str
    command: Literal["2011"]
    factors: dict[str, RealTimeFields]
    data_time: str
    qn: str | None = None
    rf: bool = False
    received_at: str | None = None
    source: str = "unknown"
    item_notes: None = None


class ReportPacket(msgspec.Struct):
    """The document of an ordinary packet of an hour or a day: the mean of each factor, and nothing noted."""

    mn: str
    command: Literal["2061", "2031"]
    factors: dict[str, ReportFields]
    data_time: str
    qn: str | None = None
    rf: bool = False
    received_at: str | None = None
    source: str = "unknown"
    item_notes: None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a packet is not taken; `code` is from the closed set of quarantine reasons."""

    code: QuarantineReason
    detail: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a good packet holds; `period` None: it only shows that the point lives."""

    period: str | None
    at_s: int
    readings: Mapping[str, Reading]
    notes: Sequence[ItemNote] = ()


HEARTBEAT = Accepted(None, 0, {})
_decoder = msgspec.json.Decoder(Packet)
_real_time_decoder = msgspec.json.Decoder(RealTimePacket)
_report_decoder = msgspec.json.Decoder(ReportPacket)
_shown = lru_cache(256)(rfc3339)  # packets of one moment, and those that are taken together


def read_real_time(document: bytes) -> RealTimePacket | None:
    """The packet if it is of the most frequent kind; None: `read_packet` reads it, or says what is wrong with it."""
    try:
        return _real_time_decoder.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MemoryError):
        return None


def read_report(document: bytes) -> ReportPacket | None:
    """As `read_real_time`, of hours and days."""
    try:
        return _report_decoder.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MemoryError):
        return None


def read_packet(document: bytes | Mapping[str, object]) -> Packet | Rejection:
    """The packet in JSON bytes or a decoded document, or what is wrong with its shape. Fields of factors that are of a
    wrong type are left out and noted."""
    try:
        if isinstance(document, bytes):
            return _decoder.decode(document)
        return msgspec.convert(document, Packet)
    except msgspec.ValidationError as wrong:
        return _repaired(document, str(wrong))
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        return Rejection(QuarantineReason.BAD_JSON, str(wrong))
    except (RecursionError, MemoryError):
        return Rejection(QuarantineReason.BAD_JSON, "nested too deep, or too large to be decoded")


def _repaired(document: bytes | Mapping[str, object], wrong: str) -> Packet | Rejection:
    if "factors" not in wrong:
        return Rejection(QuarantineReason.BAD_JSON, wrong)
    try:
        whole = msgspec.json.decode(document) if isinstance(document, bytes) else document
        if not isinstance(whole["factors"], dict):
            return Rejection(QuarantineReason.BAD_NUMBER, wrong)
        found = repaired(whole["factors"])
        packet = msgspec.convert({**whole, "factors": found.factors}, Packet)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MemoryError) as other:
        return Rejection(QuarantineReason.BAD_JSON, str(other))
    packet.item_notes = _documents([*notes_of(packet), *found.notes])
    return packet


def notes_of(packet: Packet) -> Sequence[ItemNote]:
    """The notes that came with the packet's record; none when they have another shape."""
    if packet.item_notes is None:
        return ()
    try:
        found = msgspec.convert(packet.item_notes, tuple[ItemNote, ...])
    except (msgspec.ValidationError, RecursionError):
        return ()
    return [note(one.fault, one.factor, one.field, one.value, one.expected) for one in found[:MOST_NOTES]]


def _documents(notes: Iterable[ItemNote]) -> list[JsonValue]:
    return [
        {
            "fault": one.fault.value,
            "factor": one.factor,
            "field": one.field,
            "value": one.value,
            "expected": one.expected,
        }
        for one in notes
    ]


def known_fields(packet: Packet) -> Document:
    """The packet's document without what nobody reads, its factors under 2017 codes: an unknown field may be of any depth
    and size."""
    document: Document = {
        "mn": packet.mn,
        "command": packet.command,
        "data_time": packet.data_time,
        "factors": aliased(packet.factors),
    }
    if packet.qn is not None:
        document["qn"] = packet.qn
    if packet.rf:
        document["rf"] = True
    notes = notes_of(packet)
    if notes:
        known = aliases_2005()
        document["item_notes"] = _documents(replace(one, factor=known.get(one.factor, one.factor)) for one in notes)
    return document


def device_document(packet: DevicePacket, of_frame: Sequence[ItemNote] = ()) -> Document:
    """The document of a device's packet, with what is odd about its frame and its items. Of a packet without readings its
    items are left out: they may hold a new key."""
    return _upload(packet, of_frame) if packet.upload is not None else _notice(packet)


def _upload(packet: DevicePacket, of_frame: Sequence[ItemNote]) -> Document:
    document: Document = {
        "mn": packet.mn,
        "command": packet.cn,
        "data_time": _shown(packet.data_time) if packet.data_time else None,
        "qn": packet.qn,
        "rf": packet.rf,
        "factors": packet.factors,
        "st": packet.st,
    }
    if packet.pnum is not None:
        document["pnum"], document["pno"] = packet.pnum, packet.pno
    params = {name: value for name, value in packet.params.items() if name != "DataTime"}
    if params:
        document["params"] = params
    if packet.notes:
        document["notes"] = list(packet.notes)
    if of_frame or packet.item_notes:
        document["item_notes"] = _documents(limited((*of_frame, *packet.item_notes)))
    return document


def _notice(packet: DevicePacket) -> Document:
    """A sign of life; a command that no device is meant to send counts as a heartbeat."""
    known = packet.cn in TIMELESS
    document: Document = {
        "mn": packet.mn,
        "command": packet.cn if known else HEARTBEAT_COMMAND,
        "data_time": None,
        "qn": packet.qn,
        "rf": False,
        "factors": {},
    }
    if not known:
        document["notes"] = [f"CN {packet.cn}, kept as a sign of life"]
    return document


def packet_of(sent: DevicePacket, document: Document) -> Packet:
    """What `read_packet` gives for the document of a device's packet."""
    found = sent.factors if sent.upload is not None else {}
    factors = cast("dict[str, dict[str, float | str | None]]", found)  # of fewer kinds of values; only read
    return Packet(
        mn=sent.mn,
        command=read_text(document, "command"),
        factors=factors,
        data_time=read_optional_text(document, "data_time"),
        qn=sent.qn,
        rf=sent.rf and sent.upload is not None,
        item_notes=document.get("item_notes"),
    )


def check(document: Mapping[str, object] | Packet, directory: PointLookup, field_now: datetime) -> Rejection | None:
    """None when the packet may enter the log."""
    packet = document if isinstance(document, Packet) else read_packet(document)
    if isinstance(packet, Rejection):
        return packet
    window = _window(packet, directory, field_now)
    if isinstance(window, Rejection):
        return window
    if isinstance(window, Accepted) or surely_usable(packet.factors, PERIODS[packet.command]):
        return None
    found = _read(packet, window)
    return found if isinstance(found, Rejection) else None


def examine(packet: Packet, directory: PointLookup, field_now: datetime) -> Accepted | Rejection:
    """The period and the readings of the packet, or why it is not taken."""
    window = _window(packet, directory, field_now)
    return _read(packet, window) if isinstance(window, Alignment) else window


def _window(packet: Packet, directory: PointLookup, field_now: datetime) -> Alignment | Accepted | Rejection:
    """The window that the packet reports, of one without readings what it is worth; or why it is not taken."""
    if directory.point(packet.mn) is None:
        return Rejection(QuarantineReason.UNKNOWN_POINT, f"no registered point {packet.mn[:32]!r}")
    period = PERIODS.get(packet.command)
    if period is None:
        return _without_values(packet)
    if not packet.factors:
        return Rejection(QuarantineReason.NO_FACTORS, f"command {packet.command} without factors")
    at = data_time(packet.data_time)
    if at is None:
        return Rejection(QuarantineReason.BAD_TIME, f"data_time {packet.data_time!r} is not RFC 3339 with offset")
    if at > field_now + AHEAD:
        return Rejection(QuarantineReason.FUTURE, f"data_time {packet.data_time} is more than 10 minutes ahead")
    alignment = aligned(at, period)
    if alignment is None:
        shown = at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        detail = f"DataTime {shown} begins no {period}: {expected_starts(at, period)}. {UNALIGNED_REMEDY}"
        return Rejection(QuarantineReason.UNALIGNED, detail)
    return alignment


def _read(packet: Packet, alignment: Alignment) -> Accepted | Rejection:
    period, noted = PERIODS[packet.command], notes_of(packet)
    found = readings(packet.factors, period, {one.factor for one in noted})
    notes = [*noted, *found.notes]
    if not found.usable and nothing_usable(notes):
        return Rejection(QuarantineReason.BAD_NUMBER, f"no item is usable: {'; '.join(map(str, notes))}"[:DETAIL])
    if alignment.mended:
        meant = instant(alignment.start_s).astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")
        notes.append(note(ItemFault.TIME_MENDED, "", "DataTime", packet.data_time or "", meant))
    return Accepted(period, alignment.start_s, found.usable, limited(notes) if notes else ())


def plain_row(
    packet: Packet | RealTimePacket, content: bytes, period_stamp: str, received: datetime, field_now_s: int
) -> PacketRow | None:
    """The row of an ordinary real-time or minute packet of a registered point. None: it is to be examined, for which see
    `examine`. `content`: the bytes of its record; `period_stamp`: of its point."""
    period = PACKET_PERIOD_OF.get(packet.command)
    at_s = _whole_second(packet.data_time)
    if period is None or at_s is None or at_s > field_now_s + AHEAD_S or packet.item_notes is not None:
        return None
    if period == MINUTE and at_s % MINUTE_S:
        return None
    body = real_time_body(packet.factors) if isinstance(packet, RealTimePacket) else plain_body(packet.factors, period)
    if body is None:
        return None
    start = window_start_s(at_s, period, period_stamp)
    ranked = rank(resent=packet.rf, sent=sent_of(packet, received), content=content)
    return PacketRow(packet.mn, period, start, ranked, packet.source[:40], seconds(received), body)


def plain_report(
    packet: ReportPacket, content: bytes, period_stamp: str, received: datetime, *, field_now_s: int
) -> WindowReport | None:
    """What an ordinary packet of a registered point reports of an hour or a day. None: it is to be examined, for which see
    `examine`. `content`: the bytes of its record; `period_stamp`: of its point."""
    period, at_s = PERIODS[packet.command], _whole_second(packet.data_time)
    if at_s is None or at_s > field_now_s + AHEAD_S or at_s != start_s(at_s, period):
        return None
    found = plain_readings(packet.factors)
    if found is None:
        return None
    window = WindowKey(packet.mn, period, window_start_s(at_s, period, period_stamp))
    ranked = rank(resent=packet.rf, sent=sent_of(packet, received), content=content)
    return WindowReport(window, ranked, packet.source[:40], seconds(received), found)


def sent_of(packet: Packet | RealTimePacket | ReportPacket, received: datetime) -> str:
    """When the packet was sent, as 17 digits in Shanghai time: its QN, or when it was received if it has none."""
    if packet.qn and len(packet.qn) == 17 and packet.qn.isdigit():
        return packet.qn
    return received.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S%f")[:17]


@lru_cache(maxsize=4096)
def _whole_second(text: str | None) -> int | None:
    """Epoch seconds of a DataTime; None when it makes no sense or holds parts of a second. Many points report at one time."""
    at = data_time(text)
    return int(at.timestamp()) if at is not None and not at.microsecond else None


def _without_values(packet: Packet) -> Accepted | Rejection:
    command = packet.command
    if not (len(command) == 4 and command.isascii() and command.isdigit()):
        return Rejection(QuarantineReason.BAD_COMMAND, f"command {command[:12]!r}, four digits expected")
    if uploads(command) is None and command not in TIMELESS:
        return Rejection(QuarantineReason.BAD_COMMAND, f"command {command} is no upload")
    return replace(HEARTBEAT, notes=notes_of(packet)) if packet.item_notes else HEARTBEAT


def data_time(text: str | None) -> datetime | None:
    """The aware instant, None when there is none or it makes no sense."""
    try:
        at = datetime.fromisoformat(text or "")
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo is not None and EARLIEST_YEAR <= at.year < 9999 else None


def packet_record(
    document: Document,
    *,
    received_at: datetime,
    source: str,
    register_offset: int | None = None,
    raw: bytes | None = None,
) -> NewRecord:
    """The record of `packets`. `document` has 2017 codes; its time and source of receipt are set here.

    `register_offset`: how far the writer had read the register, None when that does not matter. `raw`: the device's bytes,
    None where they may hold a key; the password in them is masked.
    """
    document["received_at"] = _shown(received_at)
    document["source"] = source
    headers = {} if register_offset is None else {"registry": b"%d" % register_offset}
    if raw is not None:
        headers["raw"] = to_masked(raw)
    return NewRecord(read_text(document, "mn"), encode(document), headers)


@cache
def aliases_of_medium(prefix: str) -> Mapping[str, str]:
    """2005 code → 2017 code among the factors of one medium: the same old code may stand in air and in water."""
    found: dict[str, list[str]] = {}
    for factor in pollutants().values():
        if factor.code.startswith(prefix) and factor.code_2005.strip():
            found.setdefault(factor.code_2005.strip(), []).append(factor.code)
    return {old: new[0] for old, new in found.items() if len(new) == 1}


def aliases_of_segment(segment: bytes) -> Mapping[str, str]:
    """By the system that the packet names: 31 is stack air, 32 waste water."""
    head = segment[:64]
    if b"ST=31;" in head:
        return aliases_of_medium("a")
    if b"ST=32;" in head:
        return aliases_of_medium("w")
    return aliases_2005()


def aliased(factors: Mapping[str, Fields]) -> dict[str, Fields]:
    """2005 codes as those of 2017; where both are there the newer stands."""
    known = aliases_2005()
    found = {known.get(code, code): fields for code, fields in factors.items() if code in known}
    found.update((code, fields) for code, fields in factors.items() if code not in known)
    return found
