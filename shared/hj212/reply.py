"""Makes frames: the answer a device's packet gets, and packets as a logger sends them.

Also hides passwords in raw frames, for headers, logs and quarantine. When an answer may go out (only when the packet is
in the log) is the gateway's to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .crc import crc16
from .items import Pair
from .packet import Packet

LONGEST_SEGMENT = 9999  # four decimal digits
_NOTICES = frozenset({"1001", "1013", "9015", "9021"})
# Sent by the device itself: sample kept on exceedance, serial number, log and state of an instrument.
_DEVICE_REPORTS = frozenset({"3015", "3019", "3020"})
_FLAGS = {2005: 0, 2017: 4, 2025: 8}
_PASSWORD = re.compile(rb"(PW\s*=)[^;\r\n]*?(?=[;\r\n]|&&|\Z)", re.IGNORECASE)


def reply(packet: Packet, *, version: int | None = None) -> bytes | None:
    """The frame that answers a device's packet: 9014 to data, 9013 to a notice, nothing to what asks for nothing.

    HJ 212-2017 §6.6 and Appendix C. The start time (2081) is an upload like other data.
    """
    cn = answer_to(packet.cn)
    if cn is None or not packet.wants_answer:
        return None
    qn = "" if packet.qn is None else f"QN={packet.qn};"
    pw = "" if packet.pw is None else f"PW={packet.pw};"
    flag = _FLAGS[version or packet.generation]
    return encode(f"{qn}ST=91;CN={cn};{pw}MN={packet.mn};Flag={flag};CP=&&&&".encode())


def answer_to(cn: str) -> str | None:
    """The command number that answers `cn`; None for answers and for what needs no answer."""
    if cn in _NOTICES:
        return "9013"
    if cn.startswith("2") or cn in _DEVICE_REPORTS:
        return "9014"
    return None


def encode(segment: bytes) -> bytes:
    """A whole frame: header, length in bytes, segment, checksum, CRLF."""
    if len(segment) > LONGEST_SEGMENT:
        raise ValueError(f"segment of {len(segment)} bytes, at most {LONGEST_SEGMENT} can be declared")
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc16(segment))


def build(
    *,
    mn: str,
    cn: str,
    st: str,
    qn: str | None = None,
    pw: str | None = None,
    flag: int | None = None,
    pnum: int | None = None,
    pno: int | None = None,
    rf: bool = False,
    cp: Iterable[Iterable[Pair]] = (),
) -> bytes:
    """A data segment in the standard's field order; `cp` as `Packet.cp` holds it."""
    fields = (
        ("QN", qn),
        ("ST", st),
        ("CN", cn),
        ("PW", pw),
        ("MN", mn),
        ("Flag", flag),
        ("PNUM", pnum),
        ("PNO", pno),
        ("RF", 1 if rf else None),
    )
    head = ";".join(f"{name}={value}" for name, value in fields if value is not None)
    body = ";".join(",".join(f"{key}={value}" for key, value in item) for item in cp)
    return f"{head};CP=&&{body}&&".encode()


def to_masked(raw: bytes) -> bytes:
    """The frame with every password hidden; its checksum no longer fits, on purpose."""
    lower = raw.lower()
    start = lower.find(b"pw") + 3
    if raw[start - 3 : start] == b"PW=" and lower.find(b"pw", start) < 0:  # an ordinary frame has one
        end = raw.find(b";", start)
        password = raw[start:end]
        if end >= 0 and not (b"&&" in password or b"\r" in password or b"\n" in password):
            return b"%b******%b" % (raw[:start], raw[end:])
    return _PASSWORD.sub(rb"\1******", raw)
