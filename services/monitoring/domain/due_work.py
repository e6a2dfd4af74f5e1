"""What is to be done for a point at a later time: the kinds of work and the key of one piece of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

HOUR, DAY, RUNNING, RUNNING_DAY, REDO, UNKNOWN = "hour", "day", "running", "running-day", "redo", "unknown"
RUNNING_TAKEN = "running-taken"  # a running mean that is due and soon evaluated: packets mark the next one meanwhile

UNFINISHED = {HOUR: "unfinished-hour", DAY: "unfinished-day"}  # averaging → kind: reported before its end


class DueKey(NamedTuple):
    """A piece of work of a point. A tuple, because SQL compares rows with it and every packet makes one."""

    mn: str
    kind: str
    start_s: int


@dataclass(frozen=True, slots=True)
class DueAt:
    """Work and the epoch second at which it is due."""

    key: DueKey
    at_s: int


def spread(count: int, now_s: int, *, at_once: int, every_s: int, within: int) -> list[int]:
    """When each of `count` pieces of work is done: `at_once` now and as many every `every_s` seconds, more where that would
    take over `within` turns."""
    a_turn = max(at_once, -(-count // within))
    return [now_s + n // a_turn * every_s for n in range(count)]
