"""Reads `catalogue.yaml` once at start and checks it: whatever is wrong in it is named with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Any

import yaml

from services.alerts.domain.catalogue import UNKNOWN, Audience, Catalogue, Entry, Level, Push, Row, Stage
from services.alerts.domain.law import legal_bases
from shared.domain.errors import Invalid

LANGUAGES = ("zh", "en")


def load_catalogue() -> Catalogue:
    """The catalogue that comes with the product; raises Invalid that names what is wrong in it."""
    return read_catalogue(yaml.safe_load((files(__package__) / "catalogue.yaml").read_text(encoding="utf-8")))


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
