"""Which stage, level, audience, push, clocks, law and words a risk of a kind and condition gets.

Pure: takes the catalogue's document, gives rows. Dated (the day of the fact decides), versioned, with overrides by
division prefix. What is not in it falls back to the row `unknown`, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from services.alerts.domain.law import legal_bases
from shared.domain.errors import Invalid

UNKNOWN = "unknown"
LANGUAGES = ("zh", "en")


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
    """Who is told unasked."""

    ENTERPRISE = "enterprise"
    COUNTY = "county"
    CITY = "city"
    PROVINCE = "province"
    OPERATORS = "operators"
    DESK = "desk"  # the permit desk: nobody unasked, whoever of the division subscribed to the kind


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
class Entry:
    """One version of one kind: rows by condition, and what a division changes in them (longest prefix last)."""

    kind: str
    version: int
    effective_from: date
    rows: Mapping[str, Row]
    overrides: tuple[tuple[str, Mapping[str, Row]], ...] = ()

    def row(self, condition: str, region: str) -> Row | None:
        for prefix, rows in reversed(self.overrides):
            if region.startswith(prefix) and condition in rows:
                return rows[condition]
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
        assert row is not None  # read_catalogue demands it
        return row


def read_catalogue(document: Any) -> Catalogue:
    """The catalogue in a decoded document; raises Invalid that names the place."""
    if not isinstance(document, Mapping) or not isinstance(document.get("kinds"), list):
        raise _wrong("catalogue", document, "a mapping with a list `kinds`")
    entries: dict[str, list[Entry]] = {}
    for number, entry in enumerate(document["kinds"]):
        read = _entry(entry, f"kinds[{number}]")
        entries.setdefault(read.kind, []).append(read)
    if UNKNOWN not in entries or any(UNKNOWN not in entry.rows for entry in entries[UNKNOWN]):
        raise _wrong("kinds", UNKNOWN, "a kind `unknown` with a condition `unknown`")
    return Catalogue(
        {kind: sorted(found, key=lambda e: (e.effective_from, e.version)) for kind, found in entries.items()}
    )


def _entry(entry: Mapping[str, Any], place: str) -> Entry:
    for name in ("kind", "version", "effective_from", "headline", "instruction", "conditions", "useful_hours", "push"):
        if name not in entry:
            raise _wrong(f"{place}.{name}", None, "must be given")
    rows = {c: _row(entry, c, own, f"{place}.conditions.{c}") for c, own in entry["conditions"].items()}
    overrides = sorted(entry.get("overrides") or (), key=lambda o: len(str(o["region"])))
    return Entry(
        kind=entry["kind"],
        version=int(entry["version"]),
        effective_from=_day(entry["effective_from"], f"{place}.effective_from"),
        rows=rows,
        overrides=tuple((str(o["region"]), _overridden(rows, o, place)) for o in overrides),
    )


def _overridden(rows: Mapping[str, Row], override: Mapping[str, Any], place: str) -> Mapping[str, Row]:
    changed = {}
    for condition, fields in override["conditions"].items():
        at = f"{place}.overrides.{override['region']}.{condition}"
        if condition not in rows:
            raise _wrong(at, condition, f"one of {', '.join(rows)}")
        changed[condition] = replace(rows[condition], **_decisions(fields, at))
    return changed


def _row(entry: Mapping[str, Any], condition: str, own: Mapping[str, Any], place: str) -> Row:
    merged = {**{k: v for k, v in entry.items() if k not in ("conditions", "overrides", "effective_from")}, **own}
    for name in ("stage", "level", "audience"):
        if name not in merged:
            raise _wrong(f"{place}.{name}", None, "must be given")
    return Row(
        kind=entry["kind"],
        condition=condition,
        version=int(entry["version"]),
        headline=_words(merged["headline"], f"{place}.headline"),
        instruction=_words(merged["instruction"], f"{place}.instruction"),
        law=_law(merged.get("law") or (), f"{place}.law"),
        **_decisions(merged, place),
    )


def _decisions(fields: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The fields that an override may change, checked."""
    read: dict[str, Any] = {}
    for name, kind in (("stage", Stage), ("level", Level), ("push", Push)):
        if name in fields:
            read[name] = _member(kind, fields[name], f"{place}.{name}")
    if "audience" in fields:
        read["audience"] = tuple(_member(Audience, one, f"{place}.audience") for one in fields["audience"])
    for name in ("answer_hours", "check_hours", "useful_hours"):
        if name in fields:
            read[name] = _hours(fields[name], f"{place}.{name}")
    for name in ("hidden_from_enterprise", "each_step"):
        if name in fields:
            read[name] = bool(fields[name])
    return read


def _member(kind: type[StrEnum], value: Any, place: str) -> StrEnum:
    try:
        return kind(value)
    except ValueError as wrong:
        raise _wrong(place, value, f"one of {', '.join(kind)}") from wrong


def _hours(value: Any, place: str) -> int | None:
    if value is not None and (not isinstance(value, int) or value <= 0):
        raise _wrong(place, value, "hours above 0, or null")
    return value


def _words(value: Any, place: str) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or any(not value.get(language) for language in LANGUAGES):
        raise _wrong(place, value, "words in zh and en")
    return {language: str(value[language]) for language in LANGUAGES}


def _law(keys: Sequence[str], place: str) -> tuple[str, ...]:
    known = {basis.key for basis in legal_bases()}
    for key in keys:
        if key not in known:
            raise _wrong(place, key, "a key of legal_basis.csv")
    return tuple(keys)


def _day(value: Any, place: str) -> date:
    if not isinstance(value, date):
        raise _wrong(place, value, "a day, YYYY-MM-DD")
    return value


def _wrong(place: str, value: object, rule: str) -> Invalid:
    return Invalid(f"catalogue: {place} is {value!r}; expected {rule}", field=place, value=str(value), rule=rule)
