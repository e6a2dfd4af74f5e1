"""Which stage, level, audience, push, clocks, law and words a risk of a kind and condition gets.

Pure. Dated (the day of the fact decides), versioned, with overrides by division prefix. What is not in it falls back to
the row `unknown`, so that nothing is lost. `catalogue.loader` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

UNKNOWN = "unknown"


class Stage(StrEnum):
    """The national stages 事前预警, 事中调度, 事后督办, in order."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"

    @property
    def rank(self) -> int:
        return list(Stage).index(self)


class Level(StrEnum):
    """IV blue, III yellow, II orange, I red, in order."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


class Audience(StrEnum):
    """Who is notified without a subscription."""

    ENTERPRISE = "enterprise"
    COUNTY = "county"
    CITY = "city"
    PROVINCE = "province"
    OPERATORS = "operators"
    DESK = "desk"  # the permit desk: only those officers of the division who subscribed to the kind


OFFICERS = (Audience.COUNTY, Audience.CITY, Audience.PROVINCE)


class Push(StrEnum):
    NOW = "now"
    DIGEST = "digest"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `hidden_from_enterprise`: officers and operators alone may see the alert. `each_step`: a changed
    condition is news although stage and level stay."""

    kind: str
    condition: str
    version: int
    stage: Stage
    level: Level
    audience: tuple[Audience, ...]
    push: Push
    law: tuple[str, ...]
    headline: Mapping[str, str]
    instruction: Mapping[str, str]
    useful_hours: int
    answer_hours: int | None = None
    check_hours: int | None = None
    hidden_from_enterprise: bool = False
    each_step: bool = False

    @property
    def rule(self) -> str:
        """`emission.exceeded@1`."""
        return f"{self.kind}@{self.version}"


@dataclass(frozen=True, slots=True)
class Override:
    """Rows by condition that replace an entry's in a division. `region`: its prefix."""

    region: str
    rows: Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one kind: rows by condition, and what divisions change in them (longest prefix last)."""

    kind: str
    version: int
    effective_from: date
    rows: Mapping[str, Row]
    overrides: tuple[Override, ...] = ()

    def row(self, condition: str, region: str) -> Row | None:
        for override in reversed(self.overrides):
            if region.startswith(override.region) and condition in override.rows:
                return override.rows[condition]
        return self.rows.get(condition)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries by kind, each in order of its day."""

    entries: Mapping[str, Sequence[Entry]]

    def row(self, kind: str, condition: str, *, region: str, day: date) -> Row:
        """The row in force on `day` in `region`; the row `unknown` for what the catalogue does not have."""
        return self._find(kind, condition, region, day) or self._unknown(region, day)

    def _find(self, kind: str, condition: str, region: str, day: date) -> Row | None:
        entries = self.entries.get(kind, ())
        in_force = [entry for entry in entries if entry.effective_from <= day] or list(entries[:1])
        return in_force[-1].row(condition, region) if in_force else None

    def _unknown(self, region: str, day: date) -> Row:
        row = self._find(UNKNOWN, UNKNOWN, region, day)
        assert row is not None  # the loader requires it
        return row
