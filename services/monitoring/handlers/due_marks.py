"""What this process has committed of due marks and last-seen times, so that a packet need not write the same again.

A mark is trusted only while no job can have taken it off the list. Jobs take what is due by the clock of their process, which
may be ahead of this one by `SKEW_S`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import event
from sqlmodel import Session

from services.monitoring.domain.due_work import HOUR, RUNNING, DueKey
from services.monitoring.domain.windows import HOUR_S, MINUTE_S
from services.monitoring.store.due import due_times, mark_due
from services.monitoring.store.values import write_last_seen

GRACE_END_S = 2 * HOUR_S  # from an hour's start to the end of its grace, when it is decided
LATE_S = (
    5 * MINUTE_S
)  # so near to the end of the grace a packet is late: a job may decide its hour before it is committed
RUNNING_EVERY_S = 5 * MINUTE_S  # a running mean is evaluated so often at most
SKEW_S = 5
SEEN_EVERY_S = 60  # a point's last-seen time is exact to a minute


class _Mark(NamedTuple):
    """The marks of this hour of a point are on the list, certainly until then."""

    hour_s: int
    until_s: int


_shared_mark = lru_cache(1_024)(_Mark)  # of one hour the marks of most points are alike


@dataclass(frozen=True, slots=True)
class NewMarks:
    """Marks to be written. `contended`: points of which a job may be working off such a mark at this moment; they must be
    locked before. `lasting`: what may be remembered once the marks are committed."""

    due: Mapping[DueKey, int]
    contended: frozenset[str]
    lasting: Mapping[str, _Mark]


class DueMarks:
    """Used by one thread. Remembers one hour a point: the one marked last."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}
        self._seen: dict[str, int] = {}

    def stand(self, mn: str, hour_s: int, now_s: int) -> bool:
        """Whether what a packet in this hour marks is on the list, and will still be there when the packet is committed."""
        mark = self._marks.get(mn)
        return mark is not None and mark.hour_s == hour_s and now_s < mark.until_s

    def is_fresh(self, mn: str, at_s: int) -> bool:
        """Whether the stored last-seen time of the point is not a minute older."""
        return at_s - self._seen.get(mn, 0) < SEEN_EVERY_S

    def prepare(self, session: Session, due: Mapping[DueKey, int], now_s: int) -> NewMarks:
        """What is to be locked before these marks are written.

        A late packet's hour may be just being decided: its mark is found on the list, changes nothing, and goes with the
        job that has not seen the packet. So its point is locked, as jobs lock the points they decide. The hour of any other
        packet is due in the future, and nobody takes its mark before. A running mean's mark is due every five minutes: where
        one is due now its point is locked; where there is none, or one for later, nobody is at it.
        """
        running = due_times(session, [key for key in due if key.kind == RUNNING])
        contended = {key.mn for key in due if key.kind == HOUR and is_late(key.start_s, now_s)}
        contended |= {key.mn for key, at_s in running.items() if at_s <= now_s + SKEW_S}
        lasting: dict[str, _Mark] = {}
        for key in sorted(due):
            if key.kind == HOUR and key.mn not in contended:
                mean = DueKey(key.mn, RUNNING, key.start_s)
                until_s = key.start_s + GRACE_END_S - LATE_S
                if mean in due:
                    until_s = min(until_s, running.get(mean, due[mean]) - SKEW_S)
                lasting[key.mn] = _shared_mark(key.start_s, until_s)
        return NewMarks(due, frozenset(contended), lasting)

    def write(self, session: Session, marks: NewMarks, seen: Mapping[str, int]) -> None:
        """Put the marks on the list and move last-seen times on; both are remembered when the transaction has committed."""
        mark_due(session, marks.due)
        write_last_seen(session, seen)

        def remember(_: Session) -> None:
            self._marks.update(marks.lasting)
            self._seen.update(seen)

        event.listen(session, "after_commit", remember, once=True)


def is_late(hour_s: int, now_s: int) -> bool:
    """Whether a packet in this hour comes when the hour is decided, or may be before the packet is committed."""
    return now_s >= hour_s + GRACE_END_S - LATE_S


def marks_of(mn: str, hour_s: int, now_s: int) -> dict[DueKey, int]:
    """What a packet in this hour of a point marks, with the time at which each is due."""
    due = {DueKey(mn, HOUR, hour_s): max(hour_s + GRACE_END_S, now_s)}
    if now_s < hour_s + HOUR_S:
        due[DueKey(mn, RUNNING, hour_s)] = now_s - now_s % RUNNING_EVERY_S + RUNNING_EVERY_S
    return due
