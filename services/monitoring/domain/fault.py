"""Whether a window shows an instrument that reports itself broken: oxygen missing that is needed, or marks D, B, T.

The newest window that shows the state of the instrument decides for its factor, whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.monitoring.domain.verdict import NoVerdict, Status
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import LENGTH_S

MARKS = ("D", "B", "T")  # 故障, 通讯异常, 超测定上限: HJ 212-2017 table 8
OXYGEN_MISSING = NoVerdict.OXYGEN_MISSING.value
FAULTS = (OXYGEN_MISSING, *MARKS)


def fault(mark: str, reason: NoVerdict | None) -> str | None:
    """`oxygen_missing` or the mark; None when the window shows no fault (or is no longer limited)."""
    if reason is NoVerdict.OXYGEN_MISSING:
        return OXYGEN_MISSING
    return mark if mark in MARKS and reason is not NoVerdict.NO_LIMIT else None


def shows_instrument(row: VerdictRow) -> bool:
    """Whether the window shows the state of the instrument: a verdict, a fault, or that nothing is limited any more."""
    if row.status is not Status.NONE or row.reason is NoVerdict.NO_LIMIT:
        return True
    return fault(row.mark, row.reason) is not None


def newest_of_each_factor(rows: Iterable[VerdictRow]) -> dict[str, dict[str, VerdictRow]]:
    """Of each point and factor the newest window that shows the instrument; historical windows show nothing of now."""
    newest: dict[str, dict[str, VerdictRow]] = {}
    for row in rows:
        if shows_instrument(row) and not row.historical:
            other = newest.setdefault(row.mn, {}).get(row.factor)
            if other is None or _ending(row) > _ending(other):
                newest[row.mn][row.factor] = row
    return newest


def _ending(row: VerdictRow) -> tuple[int, int]:
    """Later ends first; of two that end together the shorter window decides."""
    return row.end_s, -LENGTH_S[row.averaging]
