"""What an import has to say of one row: refused, mended, or left out, with line, value and reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    REFUSED = "refused"  # the row is not in
    MENDED = "mended"  # the row is in, with a value that was certain
    LEFT_OUT = "left_out"  # the row is in, without this value


@dataclass(frozen=True, slots=True)
class Finding:
    line: int
    field: str
    value: str
    reason: str
    outcome: Outcome
