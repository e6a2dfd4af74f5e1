"""Reads `catalogue.yaml` once at start and checks it: whatever is wrong in it is named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import yaml

from services.alerts.catalogue.node import Node, node, wrong
from services.alerts.domain.catalogue import UNKNOWN, Audience, Catalogue, Entry, Level, Override, Push, Row, Stage
from services.alerts.domain.law import legal_bases

SAFE_LOADER = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml's where PyYAML was built with it: ten times faster
# a division may change these of a row; words, law and version stay the entry's
OVERRIDABLE = (
    "stage",
    "level",
    "push",
    "audience",
    "answer_hours",
    "check_hours",
    "useful_hours",
    "hidden_from_enterprise",
    "each_step",
)


def load_catalogue() -> Catalogue:
    """The catalogue that comes with the product; raises Invalid that names what is wrong in it."""
    text = (files(__package__) / "catalogue.yaml").read_text(encoding="utf-8")
    return read_catalogue(yaml.load(text, Loader=SAFE_LOADER))


def read_catalogue(document: object) -> Catalogue:
    """The catalogue in a decoded document; raises Invalid that names the place."""
    if not isinstance(document, Mapping) or not isinstance(document.get("kinds"), list):
        raise wrong("catalogue", document, "a mapping with a list `kinds`")
    entries: dict[str, list[Entry]] = {}
    for number, value in enumerate(document["kinds"]):
        entry = _entry(node(value, f"kinds[{number}]"))
        entries.setdefault(entry.kind, []).append(entry)
    if UNKNOWN not in entries or any(UNKNOWN not in entry.rows for entry in entries[UNKNOWN]):
        raise wrong("kinds", UNKNOWN, "a kind `unknown` with a condition `unknown`")
    return Catalogue(
        {kind: sorted(found, key=lambda e: (e.effective_from, e.version)) for kind, found in entries.items()}
    )


def _entry(entry: Node) -> Entry:
    entry.require("kind", "version", "effective_from", "headline", "instruction", "conditions", "useful_hours", "push")
    conditions = entry.child("conditions")
    own = {name: conditions.child(name) for name in conditions.fields}
    overrides = sorted(entry.children("overrides"), key=lambda one: len(one.text("region")))
    return Entry(
        kind=entry.text("kind"),
        version=entry.number("version"),
        effective_from=entry.day("effective_from"),
        rows={name: _row(name, entry.merged(condition)) for name, condition in own.items()},
        overrides=tuple(_override(entry, own, override) for override in overrides),
    )


def _override(entry: Node, own: Mapping[str, Node], override: Node) -> Override:
    """What a division changes: each of its conditions laid over the entry's."""
    region = override.text("region")
    conditions, rows = override.child("conditions"), {}
    for name in conditions.fields:
        place = f"{entry.place}.overrides.{region}.{name}"
        if name not in own:
            raise wrong(place, name, f"one of {', '.join(own)}")
        changed = conditions.child(name, place)
        changed.only(*OVERRIDABLE)
        rows[name] = _row(name, entry.merged(own[name]).merged(changed))
    return Override(region, rows)


def _row(condition: str, fields: Node) -> Row:
    fields.require("stage", "level", "audience")
    return Row(
        kind=fields.text("kind"),
        condition=condition,
        version=fields.number("version"),
        stage=fields.member("stage", Stage),
        level=fields.member("level", Level),
        audience=fields.members("audience", Audience),
        push=fields.member("push", Push),
        law=_law(fields),
        headline=fields.words("headline"),
        instruction=fields.words("instruction"),
        useful_hours=fields.number("useful_hours"),
        answer_hours=fields.hours("answer_hours"),
        check_hours=fields.hours("check_hours"),
        hidden_from_enterprise=fields.flag("hidden_from_enterprise"),
        each_step=fields.flag("each_step"),
    )


def _law(fields: Node) -> tuple[str, ...]:
    keys, known = fields.texts("law"), {basis.key for basis in legal_bases()}
    for key in keys:
        if key not in known:
            raise wrong(f"{fields.place}.law", key, "a key of legal_basis.csv")
    return keys
