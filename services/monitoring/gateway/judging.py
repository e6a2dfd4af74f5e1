"""What one cut of the stream is: a packet of a registered point, a notice, an answer, or something for quarantine.

Decides from the frame, the look-up and the check of its password; appending and answering are others' work (DOMAIN
§1.5). Before the password fits nothing is acknowledged; after it what cannot be used is acknowledged too, once its
quarantine record is durable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hmac import compare_digest

from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.packet_record import DETAIL, Document, aliases_of_segment, check, device_document, packet_of
from shared.hj212.crc import Dialect
from shared.hj212.frame import Cut, Fault
from shared.hj212.packet import MN_LONGEST, Malformed, Packet, Wrong, parse
from shared.register import Point
from shared.runtime.directory import Directory

from .brake import Scope

REASONS = {
    Fault.NOISE: QuarantineReason.NOISE,
    Fault.HEADER: QuarantineReason.MALFORMED,
    Fault.LENGTH: QuarantineReason.LENGTH,
    Fault.TRUNCATED: QuarantineReason.CUT_SHORT,
    Fault.OVERSIZE: QuarantineReason.TOO_LONG,
    Fault.CRC: QuarantineReason.CHECKSUM,
    Fault.CRC_MODBUS: QuarantineReason.CHECKSUM,
    Fault.ENCRYPTED: QuarantineReason.ENCRYPTED,
    Fault.FOOTER: QuarantineReason.FOOTER,
}

_MN = re.compile(rb"(?:^|[;#\d ])MN=([^;&\r\n]{1,%d})(?=[;&])" % MN_LONGEST)
_PW = re.compile(rb"(?:^|[;#\d ])PW=([^;&\r\n]*)(?=[;&])")


@dataclass(frozen=True, slots=True)
class Data:
    """A packet for the log; answered when it is there."""

    packet: Packet
    document: Document


@dataclass(frozen=True, slots=True)
class Notice:
    """A login, heartbeat, command or answer: proves that the point lives, holds no readings."""

    packet: Packet
    document: Document


@dataclass(frozen=True, slots=True)
class Checked:
    """A password that was checked. Not `compared`: too many were wrong before, and whether it is right stays unknown.
    `braked`: what is slowed down by that."""

    right: bool
    compared: bool = True
    braked: Scope | None = None


Check = Callable[[str, str | None, str, str], Checked]  # point, password given, password registered and its seal


def compared(_mn: str, given: str | None, password: str, _seal: str) -> Checked:
    """A check that counts nothing."""
    return Checked(given is not None and compare_digest(given.encode(), password.encode()))


@dataclass(frozen=True, slots=True)
class Refused:
    """For quarantine. `packet` only when it is a registered point's own and may be acknowledged. `checked`: of a refusal
    by its password."""

    reason: QuarantineReason
    detail: str
    mn: str | None = None
    password: str | None = None
    registered: bool = False
    packet: Packet | None = None
    checked: Checked | None = None


Verdict = Data | Notice | Refused


def judge(cut: Cut, directory: Directory, field_now: datetime, check_password: Check = compared) -> Verdict:
    """The verdict on one cut; raises Invalid when the point's password cannot be unsealed here."""
    fault = cut.fault
    if fault is not None and fault is not Fault.CRC_MODBUS:
        return _damaged(cut, fault, directory)
    try:
        packet = parse(cut.segment, aliases_of_segment(cut.segment))
    except Malformed as wrong:
        return _malformed(cut, wrong, directory, check_password)
    refused = _unproven(cut, packet, directory, check_password)
    return refused or _of_point(cut, packet, directory, field_now)


def _unproven(cut: Cut, packet: Packet, directory: Directory, check_password: Check) -> Refused | None:
    """Why the packet is not its point's; None when point, checksum, line end and password are right."""
    point = directory.point(packet.mn)
    if point is None:
        if cut.fault is not None:
            return _damaged(cut, cut.fault, directory)
        return Refused(QuarantineReason.UNKNOWN_POINT, "no active point has this MN", packet.mn, packet.pw)
    refusal = cut.refusal(strict=point.strict, dialect=_dialect(point))
    if refusal is not None:
        return _damaged(cut, refusal, directory)
    password = directory.password(packet.mn)
    if password is not None:
        checked = check_password(packet.mn, packet.pw, password, point.sealed_password or "")
        if not checked.right:
            return _wrong_password(packet, checked)
    return None


def _malformed(cut: Cut, wrong: Malformed, directory: Directory, check_password: Check) -> Refused:
    """A segment that cannot be understood: acknowledged when its header proves whose it is, else its logger would send it
    for ever."""
    if wrong.packet is not None:
        refused = _unproven(cut, wrong.packet, directory, check_password)
        if refused is not None and refused.reason is not QuarantineReason.UNKNOWN_POINT:
            return refused
    elif cut.fault is not None:
        return _damaged(cut, cut.fault, directory)
    enciphered = wrong.reason is Wrong.ENCRYPTED
    reason = QuarantineReason.ENCRYPTED if enciphered else QuarantineReason.MALFORMED
    found = _refused(cut, reason, str(wrong), directory)
    proven = wrong.packet is not None and found.registered
    return replace(found, packet=wrong.packet) if proven else found


def _wrong_password(packet: Packet, checked: Checked) -> Refused:
    if not checked.compared:
        detail = "the password was not compared: too many were wrong before"
    else:
        detail = "no password" if packet.pw is None else "another password than registered"
    return Refused(QuarantineReason.PASSWORD, detail, packet.mn, packet.pw, registered=True, checked=checked)


def _of_point(cut: Cut, packet: Packet, directory: Directory, field_now: datetime) -> Verdict:
    document = device_document(packet, cut.notes())
    if packet.upload is None:
        return Notice(packet, document)
    found = Data(packet, document)
    rejection = check(packet_of(packet, document), directory, field_now)
    if rejection is None or rejection.code is QuarantineReason.FUTURE:  # the handler keeps it until its time has come
        return found
    named = rejection.code is QuarantineReason.BAD_NUMBER  # its detail names the items
    detail = "; ".join((rejection.detail, *packet.notes, *(() if named else map(str, packet.item_notes))))[:DETAIL]
    return Refused(rejection.code, detail, packet.mn, packet.pw, registered=True, packet=packet)


def _damaged(cut: Cut, fault: Fault, directory: Directory) -> Refused:
    """CRC wrong: 执行结束, no answer (HJ 212-2017 table 2); so with every other damage."""
    dialect = f"; its checksum is {cut.dialect.value}" if fault is Fault.CRC_MODBUS and cut.dialect else ""
    return _refused(cut, REASONS[fault], f"{fault.value}{dialect}", directory)


def _refused(cut: Cut, reason: QuarantineReason, detail: str, directory: Directory) -> Refused:
    mn, password = _header_field(_MN, cut.raw), _header_field(_PW, cut.raw)
    registered = mn is not None and directory.point(mn) is not None
    return Refused(reason, detail, mn, password, registered)


def _header_field(pattern: re.Pattern[bytes], raw: bytes) -> str | None:
    """A header field of a frame that may not be parsed; None when it is not plain text."""
    found = pattern.search(raw[:512])
    text = found[1].decode("ascii", "replace").strip() if found else ""
    return text if text and text.isascii() and text.isprintable() else None


@cache
def _dialects() -> Mapping[str, Dialect]:
    return {dialect.value: dialect for dialect in Dialect}


def _dialect(point: Point) -> Dialect:
    return _dialects().get(point.dialect, Dialect.HJ212)
