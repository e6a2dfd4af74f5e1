"""The one check of a packet and the record it becomes: HTTP door, gateway and records of other producers alike.

A packet is a JSON document (DESIGN §8). Who may send it is the door's question; whether it makes sense is answered here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.domain.reading import PERIODS, NotANumber, Reading, reading
from services.monitoring.domain.windows import seconds
from shared.domain.clock import rfc3339
from shared.domain.pollutant import aliases_2005, pollutants
from shared.eventlog.codec import encode
from shared.hj212.packet import uploads
from shared.ports import NewRecord
from shared.register import Point

AHEAD = timedelta(minutes=10)  # of field time; a packet further ahead waits in quarantine
EARLIEST_YEAR = 2000
FACTOR = re.compile(r"[A-Za-z0-9_]{1,32}")
TIMELESS = frozenset({"1013", "9021", "9015", "9011", "9012", "9013", "9014", "1014", "1001"})


class PointLookup(Protocol):
    """Who is registered: the directory at the doors, the register's rows in the handler."""

    def point(self, mn: str) -> Point | None: ...


class Packet(msgspec.Struct):
    """A packet's document; what else it may hold is not looked at."""

    mn: str
    command: str
    factors: dict[str, dict[str, float | str | None]] = {}
    data_time: str | None = None
    qn: str | None = None
    rf: bool = False
    received_at: str | None = None
    source: str = "unknown"


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


HEARTBEAT = Accepted(None, 0, {})
_decoder = msgspec.json.Decoder(Packet)


def read_packet(document: bytes | Mapping[str, Any]) -> Packet | Rejection:
    """The packet in JSON bytes or a decoded document, or what is wrong with its shape."""
    try:
        if isinstance(document, bytes):
            return _decoder.decode(document)
        return msgspec.convert(document, Packet)
    except msgspec.ValidationError as wrong:
        number = "factors" in str(wrong)
        return Rejection(QuarantineReason.BAD_NUMBER if number else QuarantineReason.BAD_JSON, str(wrong))
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        return Rejection(QuarantineReason.BAD_JSON, str(wrong))
    except (RecursionError, MemoryError):
        return Rejection(QuarantineReason.BAD_JSON, "nested too deep, or too large to be decoded")


def known_fields(packet: Packet) -> dict[str, Any]:
    """The packet's document without what nobody reads: an unknown field may be of any depth and size."""
    return {
        "mn": packet.mn,
        "command": packet.command,
        "data_time": packet.data_time,
        "qn": packet.qn,
        "rf": packet.rf,
        "factors": packet.factors,
    }


def check(document: Mapping[str, Any] | Packet, directory: PointLookup, field_now: datetime) -> Rejection | None:
    """None when the packet may enter the log."""
    packet = document if isinstance(document, Packet) else read_packet(document)
    if isinstance(packet, Rejection):
        return packet
    found = examine(packet, directory, field_now)
    return found if isinstance(found, Rejection) else None


def examine(packet: Packet, directory: PointLookup, field_now: datetime) -> Accepted | Rejection:
    """The period and the readings of the packet, or why it is not taken."""
    if directory.point(packet.mn) is None:
        return Rejection(QuarantineReason.UNKNOWN_POINT, f"no registered point {packet.mn[:32]!r}")
    period = PERIODS.get(packet.command)
    if period is None:
        return _without_values(packet.command)
    if not packet.factors:
        return Rejection(QuarantineReason.NO_FACTORS, f"command {packet.command} without factors")
    at = data_time(packet.data_time)
    if at is None:
        return Rejection(QuarantineReason.BAD_TIME, f"data_time {packet.data_time!r} is not RFC 3339 with offset")
    if at > field_now + AHEAD:
        return Rejection(QuarantineReason.FUTURE, f"data_time {packet.data_time} is more than 10 minutes ahead")
    readings = _readings(packet, period)
    return readings if isinstance(readings, Rejection) else Accepted(period, seconds(at), readings)


def _without_values(command: str) -> Accepted | Rejection:
    if not (len(command) == 4 and command.isascii() and command.isdigit()):
        return Rejection(QuarantineReason.BAD_COMMAND, f"command {command[:12]!r}, four digits expected")
    if uploads(command) is None and command not in TIMELESS:
        return Rejection(QuarantineReason.BAD_COMMAND, f"command {command} is no upload")
    return HEARTBEAT


def _readings(packet: Packet, period: str) -> dict[str, Reading] | Rejection:
    found: dict[str, Reading] = {}
    known = pollutants()
    for factor, fields in packet.factors.items():
        if factor not in known and not FACTOR.fullmatch(factor):
            return Rejection(QuarantineReason.BAD_JSON, f"factor {factor[:40]!r} is not a code")
        try:
            value = reading(fields, period)
        except NotANumber as wrong:
            return Rejection(QuarantineReason.BAD_NUMBER, f"{factor}: {wrong}")
        if value is not None:
            found[factor] = value
    return found


def data_time(text: str | None) -> datetime | None:
    """The aware instant, None when there is none or it makes no sense."""
    try:
        at = datetime.fromisoformat(text or "")
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo is not None and EARLIEST_YEAR <= at.year < 9999 else None


def packet_record(
    document: Mapping[str, Any], *, received_at: datetime, source: str, directory: Any, raw: bytes | None = None
) -> NewRecord:
    """The record of `packets`: 2017 codes, when and where it came in; headers say what register the writer knew."""
    value = {**document, "received_at": rfc3339(received_at), "source": source}
    value["factors"] = aliased(document.get("factors") or {})
    headers = {"registry": str(directory.offset).encode()}
    if raw is not None:
        headers["raw"] = raw
    return NewRecord(str(document["mn"]), encode(value), headers)


def aliased(factors: Mapping[str, Any]) -> dict[str, Any]:
    """2005 codes as those of 2017; where both are there the newer stands."""
    known = aliases_2005()
    found = {known.get(code, code): fields for code, fields in factors.items() if code in known}
    found.update((code, fields) for code, fields in factors.items() if code not in known)
    return found
