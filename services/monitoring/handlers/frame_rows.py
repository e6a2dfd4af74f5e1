"""A record of `packets` or `quarantine` as a row of the archive: its bytes as they came, and what finds it again.

No record is left out: one that cannot be read is a row under its key, with its bytes.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import msgspec

from services.monitoring.domain.frame import Form, Frame
from services.monitoring.domain.quarantine import QuarantineReason, known_reason
from services.monitoring.packet_record import data_time
from shared.hj212.reply import to_masked
from shared.ports import Record

MN_LONGEST, WORD_LONGEST = 64, 40  # characters; a longer one stands whole in the bytes
UNREADABLE = "\ufffd"
SECRET = "sealed_password"


class _Head(msgspec.Struct):
    """What both topics have of a record; other fields are passed over."""

    mn: str | None = None
    command: str | None = None
    data_time: str | None = None
    received_at: str | None = None
    source: str | None = None


class _Quarantined(_Head):
    reason: str | None = None
    raw: str = ""


_read_head = msgspec.json.Decoder(_Head).decode
_read_quarantined = msgspec.json.Decoder(_Quarantined).decode
_read_any = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class _Content:
    """The bytes of a record, and what they are."""

    form: Form
    raw: bytes


def packet_frame(record: Record) -> Frame:
    """The row of a record of `packets`."""
    value = record.value or b""
    head = _head(value)
    raw = record.headers.get("raw")
    if raw is not None:
        content = _Content(Form.FRAME, to_masked(raw))
    else:
        content = _without_frame(value) if head is None else _Content(Form.DOCUMENT, value)
    return _row(record, head or _Head(), content, None)


def quarantined_frame(record: Record) -> Frame:
    """The row of a record of `quarantine`: the bytes that were refused, or the record itself where it came without."""
    value = record.value or b""
    try:
        head = _read_quarantined(value)
        raw = b64decode(head.raw, validate=True)
    except (msgspec.DecodeError, ValueError, RecursionError, MemoryError):
        return _row(record, _Head(), _without_frame(value), known_reason(None))
    content = _Content(Form.FRAME, to_masked(raw)) if raw else _without_frame(value)
    return _row(record, head, content, known_reason(head.reason))


def _head(value: bytes) -> _Head | None:
    try:
        return _read_head(value)
    except (msgspec.DecodeError, ValueError, RecursionError, MemoryError):
        return None


def _without_frame(value: bytes) -> _Content:
    """A document without its sealed password; what is none, as it is."""
    try:
        document = _read_any(value)
    except (msgspec.DecodeError, ValueError, RecursionError, MemoryError):
        return _Content(Form.OTHER, to_masked(value))
    if isinstance(document, dict) and document.get(SECRET) is not None:
        return _Content(Form.DOCUMENT, msgspec.json.encode({**document, SECRET: None}))
    return _Content(Form.DOCUMENT, value)


def _row(record: Record, head: _Head, content: _Content, reason: QuarantineReason | None) -> Frame:
    logged_at_ms = _milliseconds(record.appended_at)
    received = _time_ms(head.received_at)
    at_ms = _time_ms(head.data_time)
    return Frame(
        _word(head.mn, MN_LONGEST) or _word(record.key, MN_LONGEST) or "",
        record.topic,
        record.partition,
        record.offset,
        _word(head.command, WORD_LONGEST),
        None if at_ms is None else at_ms // 1_000,
        logged_at_ms if received is None else received,
        logged_at_ms,
        _word(head.source, WORD_LONGEST) or "unknown",
        content.form.value,
        reason.value if reason else None,
        content.raw,
    )


def _word(text: str | None, longest: int) -> str | None:
    """At most so many characters, all of them printable."""
    if text is None or (len(text) <= longest and text.isprintable()):
        return text
    return "".join(one if one.isprintable() else UNREADABLE for one in text[:longest])


@lru_cache(maxsize=4096)
def _time_ms(text: str | None) -> int | None:
    """Epoch milliseconds; packets of many points have the same time."""
    at = data_time(text)
    return None if at is None else _milliseconds(at)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
