"""Which permits of the sample region run out, when, and which step of the warning must be announced of each.

Days count from the day on which the region is registered; steps are those of 排污许可管理条例 Art. 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

YEARS_OF_A_PERMIT = 5


class Term(StrEnum):
    """How it stands with an enterprise's permit."""

    LONG = "long"
    LEFT_180 = "left_180"
    LEFT_90 = "left_90"
    STATUTORY = "statutory"
    LATE = "late"
    EXPIRED = "expired"
    TURNING = "turning"  # its next step is announced at midnight
    APPLYING = "applying"  # the same, but it applies for renewal before
    NONE = "none"  # a monitor without a permit


@dataclass(frozen=True, slots=True)
class Case:
    """`left` days at the beginning; `step` and `level`: of the alert that must come of it."""

    left: int
    step: str
    level: str
    zh: str
    en: str


CASES = {
    Term.LEFT_180: Case(150, "left_180", "blue", "剩余180天内", "180 days left or fewer"),
    Term.LEFT_90: Case(88, "left_90", "blue", "剩余90天内", "90 days left or fewer"),
    Term.STATUTORY: Case(70, "statutory", "yellow", "申请期限将至", "the term to apply is near"),
    Term.LATE: Case(40, "late", "orange", "逾期未申请", "late to apply"),
    Term.EXPIRED: Case(-3, "expired_discharging", "red", "届满仍排放", "expired and discharging"),
    Term.TURNING: Case(91, "left_90", "blue", "零点进入90天", "90 days left at midnight"),
    Term.APPLYING: Case(91, "left_180", "blue", "提交申请之前", "before it applies for renewal"),
}
STEPS = ("left_180", "left_90", "statutory", "late", "expired_quiet", "expired_discharging")  # the mildest first
PLACED = {
    ("D4430", 4): Term.LEFT_180,
    ("D4430", 5): Term.LEFT_90,
    ("C3011", 4): Term.STATUTORY,
    ("C2521", 4): Term.LATE,
    ("C2521", 5): Term.EXPIRED,
    ("D4620", 4): Term.TURNING,
    ("D4620", 5): Term.APPLYING,
    ("D4430", 6): Term.NONE,
}


def validity(term: Term, on: date) -> tuple[date, date]:
    """First and last valid day of a permit as it stands `on` that day."""
    case = CASES.get(term)
    if case is None:
        return date(on.year - 2, 1, 1), date(on.year + 2, 12, 31)
    last = on + timedelta(days=case.left)
    after = last + timedelta(days=1)
    day = min(after.day, 28)  # 29 February has no fellow five years before
    return date(after.year - YEARS_OF_A_PERMIT, after.month, day), last
