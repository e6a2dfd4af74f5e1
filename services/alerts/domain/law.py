"""What a warning cites: articles with their substance in Chinese and English, dated by when they are in force, each marked as
verified or still to be confirmed against the published text. Law is data, never a constant in code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from shared.domain.json import JsonObject
from shared.domain.tables import rows


class Mark(StrEnum):
    """Whether somebody compared the row with the published text."""

    VERIFIED = "verified"
    TO_CONFIRM = "to_confirm"


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """One article. `source`: who published it and under which number; `article` is empty for a whole instrument; `text_*`: its
    substance in our words. In force from its first day to its last, both included; `in_force_to` None: until now."""

    key: str
    instrument_zh: str
    instrument_en: str
    source: str
    article: str
    in_force_from: date
    in_force_to: date | None
    text_zh: str
    text_en: str
    mark: Mark

    def in_force(self, day: date) -> bool:
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)

    def document(self) -> JsonObject:
        """As alerts and peer notices show it, JSON-ready."""
        return {
            "key": self.key,
            "instrument": {"zh": self.instrument_zh, "en": self.instrument_en},
            "source": self.source,
            "article": self.article,
            "text": {"zh": self.text_zh, "en": self.text_en},
            "mark": self.mark.value,
        }


@cache
def legal_bases() -> Sequence[LegalBasis]:
    """All rows of the table `legal_basis.csv`."""
    return tuple(
        LegalBasis(
            key=row["key"],
            instrument_zh=row["instrument_zh"],
            instrument_en=row["instrument_en"],
            source=row["source"],
            article=row["article"],
            in_force_from=date.fromisoformat(row["in_force_from"]),
            in_force_to=date.fromisoformat(row["in_force_to"]) if row["in_force_to"] else None,
            text_zh=row["text_zh"],
            text_en=row["text_en"],
            mark=Mark(row["mark"]),
        )
        for row in rows("legal_basis")
    )


def cited(keys: Sequence[str], day: date) -> tuple[LegalBasis, ...]:
    """The rows of `keys` in force on the day of the fact, in the order of `keys`."""
    return tuple(row for key in keys for row in legal_bases() if row.key == key and row.in_force(day))
