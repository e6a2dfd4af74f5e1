"""Whether a window shows a broken instrument: oxygen missing that is needed, marks D, B, T, or a number that cannot be right.

The newest window that shows the state of the instrument decides for its factor, whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.monitoring.domain.verdict import Doubt, NoVerdict
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import LENGTH_S

MARKS = ("D", "B", "T")  # 故障, 通讯异常, 超测定上限: HJ 212-2017 table 8
OXYGEN_MISSING = NoVerdict.OXYGEN_MISSING.value
OF_OXYGEN = (OXYGEN_MISSING, Doubt.OXYGEN_IMPLAUSIBLE.value)
FAULTS = (OXYGEN_MISSING, *MARKS, *(doubt.value for doubt in Doubt))


def fault(row: VerdictRow) -> str | None:
    """A doubt, `oxygen_missing` or the mark; None when the window shows no fault (or is no longer limited)."""
    if row.reason is NoVerdict.NO_LIMIT:
        return None
    if row.doubt is not None:
        return row.doubt.value
    if row.reason is NoVerdict.OXYGEN_MISSING:
        return OXYGEN_MISSING
    return row.mark if row.mark in MARKS else None


def fault_condition(fault_name: str) -> str:
    """The row of the catalogue: a number that cannot be right, a conversion that is not one, or any other fault."""
    if fault_name in (Doubt.IMPLAUSIBLE, Doubt.OXYGEN_IMPLAUSIBLE):
        return "implausible"
    return "converted_mismatch" if fault_name == Doubt.CONVERTED_MISMATCH else "fault"


def shows_instrument(row: VerdictRow) -> bool:
    """Whether the window shows the state of the instrument: a verdict, a fault, or that nothing is limited any more."""
    if row.status.decides or row.reason is NoVerdict.NO_LIMIT:
        return True
    return fault(row) is not None


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
