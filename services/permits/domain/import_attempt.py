"""Who works on an import, and how often it was begun: one process at a time, and once more after a crash.

Pure. An attempt that is ended, also by a clean stop, is not counted; one that nobody ended was ended by a crash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

ATTEMPTS = 2
LEASE = timedelta(seconds=10)  # a process that has not renewed its attempt for so long has crashed


class Turn(StrEnum):
    """What a process that wants to begin an import may do."""

    BEGIN = "begin"
    WAIT = "another process has it"
    GIVE_UP = "it was begun too often and never ended"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`begun`: attempts that nobody ended, the present one included; `holder`: whose it is, until when."""

    begun: int = 0
    holder: str | None = None
    held_until: datetime | None = None

    def turn(self, now: datetime) -> Turn:
        if self.held_until is not None and self.held_until > now:
            return Turn.WAIT
        return Turn.GIVE_UP if self.begun >= ATTEMPTS else Turn.BEGIN

    def begin(self, holder: str, now: datetime) -> Attempt:
        return Attempt(self.begun + 1, holder, now + LEASE)

    def renew(self, now: datetime) -> Attempt:
        return replace(self, held_until=now + LEASE)

    def stop(self, holder: str) -> Attempt:
        """`holder` has not crashed, so its attempt counts no longer; also when another process has taken it for crashed."""
        begun = max(self.begun - 1, 0)
        return Attempt(begun) if self.holder == holder else replace(self, begun=begun)

    def end(self) -> Attempt:
        """The import is over."""
        return Attempt(self.begun)
