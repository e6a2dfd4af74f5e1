"""What could not be used: the closed set of reasons, the states of an item, and the item itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class QuarantineReason(StrEnum):
    """Frames first (the gateway finds these), then packets (the shared check), then records of the log."""

    NOISE = "noise"
    LENGTH = "length"
    CHECKSUM = "checksum"
    TOO_LONG = "too-long"
    CUT_SHORT = "cut-short"
    FOOTER = "footer"  # a strict point without CRLF
    MALFORMED = "malformed"
    ENCRYPTED = "encrypted"
    PASSWORD = "password"
    SYSTEM = "system"  # ST does not fit the point
    UNKNOWN_POINT = "unknown-point"
    NOT_YOURS = "not-yours"
    BAD_JSON = "bad-json"
    BAD_COMMAND = "bad-command"
    BAD_TIME = "bad-time"
    BAD_NUMBER = "bad-number"
    NO_FACTORS = "no-factors"
    UNALIGNED = "unaligned"  # DataTime is no start of its period
    FUTURE = "future"  # comes back by itself when its time has come
    HANDLER_ERROR = "handler-error"  # a handler failed on it; the record itself stands on its topic


_KNOWN = frozenset(reason.value for reason in QuarantineReason)


def known_reason(text: str | None) -> QuarantineReason:
    """The reason that a record names; one that there is not, of another producer, counts as malformed."""
    return QuarantineReason(text) if text in _KNOWN else QuarantineReason.MALFORMED


class QuarantineState(StrEnum):
    """`kept` until somebody, or its time, moves it on."""

    KEPT = "kept"
    PUT_BACK = "put-back"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class NewItem:
    """What is put into quarantine. `origin`: the record it came in; `form`: frame or packet; `raw`: the bytes, passwords
    masked; `comes_back_s`: the epoch second at which it goes back by itself."""

    origin: str
    mn: str | None
    reason: QuarantineReason
    detail: str
    form: str
    source: str
    received_at: datetime
    raw: bytes
    address: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    sealed_password: str | None = None
    comes_back_s: int | None = None


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """What is in quarantine, or was."""

    id: int
    mn: str | None
    reason: QuarantineReason
    detail: str
    state: QuarantineState
    form: str
    source: str
    address: str | None
    received_at: datetime
    raw: bytes
    headers: Mapping[str, str]
    sealed_password: str | None
    moved_at: datetime | None
    moved_by: str | None
