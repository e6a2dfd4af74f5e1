"""Why something was not understood, and what may become of it: the closed set of reasons, the states of a kept row."""

from __future__ import annotations

from enum import StrEnum


class QuarantineReason(StrEnum):
    """Frames first (the gateway says these), then packets (the shared check), then records of the log."""

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
    FUTURE = "future"  # comes back by itself when its time has come
    HANDLER_ERROR = "handler-error"  # a handler failed on it; the record itself stands on its topic


class QuarantineState(StrEnum):
    """`kept` until somebody, or its time, moves it on."""

    KEPT = "kept"
    PUT_BACK = "put-back"
    DISMISSED = "dismissed"
