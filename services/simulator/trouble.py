"""What goes wrong in the sample region, when, and which alert must come of it.

Hours count from the first whole field hour in which the loggers run; negative ones lie before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TroubleKind(StrEnum):
    SINGLE = "single"
    LASTING = "lasting"
    GRAVE = "grave"
    REPEATED = "repeated"
    DAY = "day"
    NEARING = "nearing"
    FAULT = "fault"
    OXYGEN = "oxygen"
    SILENT = "silent"
    COMMON = "common"  # of three of one class: what a peer notice is about


LEVELS = ("blue", "yellow", "orange", "red")
TROUBLE_NAMES = {
    TroubleKind.SINGLE: ("一小时超标", "one hour over the limit"),
    TroubleKind.LASTING: ("连续三小时超标", "three hours over in a row"),
    TroubleKind.GRAVE: ("超标一倍以上", "more than twice the limit"),
    TroubleKind.REPEATED: ("七日内三次超标", "three excesses in seven days"),
    TroubleKind.DAY: ("日均值超标", "a day mean over the limit"),
    TroubleKind.NEARING: ("达到限值九成", "above 90 % of the limit"),
    TroubleKind.FAULT: ("设备故障标记", "marked as faulty"),
    TroubleKind.OXYGEN: ("缺少氧含量", "oxygen missing"),
    TroubleKind.SILENT: ("失联", "gone silent"),
    TroubleKind.COMMON: ("同行业共性超标", "the same excess at three of one class"),
}
_EXPECTED = {
    TroubleKind.SINGLE: ("emission.exceeded", "yellow"),
    TroubleKind.LASTING: ("emission.exceeded", "orange"),
    TroubleKind.GRAVE: ("emission.exceeded", "orange"),
    TroubleKind.REPEATED: ("emission.exceeded", "red"),
    TroubleKind.DAY: ("emission.exceeded", "orange"),
    TroubleKind.NEARING: ("emission.nearing", "yellow"),
    TroubleKind.FAULT: ("data.fault", "blue"),
    TroubleKind.OXYGEN: ("data.fault", "blue"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """During `hours` the factor stands at `fraction` of its limit, carries a mark, or lacks its oxygen."""

    kind: TroubleKind
    factor: str
    hours: frozenset[int]
    fraction: float = 0.0
    promised: bool = True  # an alert must come; background troubles only keep the region lively

    @property
    def expected(self) -> tuple[str, str] | None:
        """The kind of alert and the level that it must reach and not pass; None when nothing is promised."""
        return _EXPECTED.get(self.kind) if self.promised else None


def excess(kind: TroubleKind, factor: str, hours: frozenset[int] | set[int], fraction: float) -> Trouble:
    """A trouble that puts the factor at `fraction` of its limit in these hours."""
    return Trouble(kind, factor, frozenset(hours), fraction)
