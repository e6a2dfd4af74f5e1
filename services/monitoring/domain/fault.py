"""Whether a window shows an instrument that reports itself broken: marks D, B, T, or oxygen missing that is needed."""

from __future__ import annotations

from services.monitoring.domain.verdict import NoVerdict

MARKS = ("D", "B", "T")  # 故障, 通讯异常, 超测定上限: HJ 212-2017 table 8


def fault(mark: str, reason: str | None) -> str | None:
    """The mark, or `oxygen_missing`; None when the window shows no fault."""
    if mark in MARKS:
        return mark
    return reason if reason == NoVerdict.OXYGEN_MISSING.value else None
