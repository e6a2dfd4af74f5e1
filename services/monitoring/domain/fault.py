"""Whether a window shows an instrument that reports itself broken: oxygen missing that is needed, or marks D, B, T.

The newest window that says anything speaks for its factor, whatever the order of arrival.
"""

from __future__ import annotations

from services.monitoring.domain.verdict import NoVerdict, Status

MARKS = ("D", "B", "T")  # 故障, 通讯异常, 超测定上限: HJ 212-2017 table 8
OXYGEN_MISSING = NoVerdict.OXYGEN_MISSING.value
FAULTS = (OXYGEN_MISSING, *MARKS)


def fault(mark: str, reason: str | None) -> str | None:
    """`oxygen_missing` or the mark; None when the window shows no fault (or is no longer limited)."""
    if reason == OXYGEN_MISSING:
        return OXYGEN_MISSING
    return mark if mark in MARKS and reason != NoVerdict.NO_LIMIT.value else None


def tells(status: str, mark: str, reason: str | None) -> bool:
    """Whether the window says anything about the instrument: a verdict, a fault, or that nothing is limited any more."""
    return status != Status.NONE.value or reason == NoVerdict.NO_LIMIT.value or fault(mark, reason) is not None
