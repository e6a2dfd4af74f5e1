"""What deciding changed, and what time alone has changed: the input of every detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.monitoring.domain.due_work import DueKey
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow


class VerdictChange(NamedTuple):
    """A verdict before (None: the first one of its window) and after. A tuple, because every verdict makes one."""

    before: VerdictRow | None
    after: VerdictRow


class Discharge(NamedTuple):
    """A day (ISO date) on which the holder of a permit was seen to discharge. A tuple, because every hour hashes one."""

    permit: str
    day: str
    credit_code: str


@dataclass(frozen=True, slots=True)
class Elapsed:
    """24 windows have passed since the point's window `last_s`."""

    mn: str
    averaging: str
    last_s: int


@dataclass(slots=True)
class Changes:
    """`running`: means so far of windows that are not closed yet; `unfinished`: rows of such windows that were reported
    already; `waiting`: when a window is to be decided again."""

    rows: list[VerdictChange] = field(default_factory=list)
    unfinished: list[VerdictRow] = field(default_factory=list)
    discharges: set[Discharge] = field(default_factory=set)
    waiting: dict[DueKey, int] = field(default_factory=dict)
    running: list[VerdictRow] = field(default_factory=list)
    elapsed: list[Elapsed] = field(default_factory=list)
    _by_outlet: dict[OutletKey, list[VerdictChange]] | None = None
    _subjects: dict[OutletKey, str] | None = None

    def by_outlet(self) -> dict[OutletKey, list[VerdictChange]]:
        """The changes by outlet, factor and averaging; a window that moved to another permit counts in both."""
        if self._by_outlet is None:
            self._by_outlet = {}
            for change in self.rows:
                key = change.after.outlet_key
                self._by_outlet.setdefault(key, []).append(change)
                if change.before is not None and change.before.outlet_key != key:
                    self._by_outlet.setdefault(change.before.outlet_key, []).append(change)
        return self._by_outlet

    def subjects(self) -> Mapping[OutletKey, str]:
        """The subject of each outlet, factor and averaging that changed: more than one detector asks for the risks of it."""
        if self._subjects is None:
            self._subjects = {key: key.subject for key in self.by_outlet()}
        return self._subjects
