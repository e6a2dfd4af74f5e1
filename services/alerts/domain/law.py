"""What a warning cites: instruments dated by when they are in force. Law is data, never a constant in code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from shared.domain.tables import rows


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """`confidence` other than `verified` is shown as such."""

    key: str
    instrument: str
    article: str
    in_force_from: date
    in_force_to: date | None
    says_en: str
    confidence: str

    def in_force(self, day: date) -> bool:
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)


@cache
def legal_bases() -> Sequence[LegalBasis]:
    """All rows of the table."""
    return tuple(
        LegalBasis(
            row["key"],
            row["instrument_zh"],
            row["article"],
            date.fromisoformat(row["in_force_from"]),
            date.fromisoformat(row["in_force_to"]) if row["in_force_to"] else None,
            row["says_en"],
            row["confidence"],
        )
        for row in rows("legal_basis")
    )


def cited(keys: Sequence[str], day: date) -> tuple[LegalBasis, ...]:
    """The rows of `keys` in force on the day of the fact, in the order of `keys`."""
    return tuple(row for key in keys for row in legal_bases() if row.key == key and row.in_force(day))
