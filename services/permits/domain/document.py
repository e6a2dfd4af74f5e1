"""Whether a permit's document is right: everything wrong with it at once, and the one spelling it is kept in.

Pure. Takes documents whose shape the door has checked; factors by HJ 212-2017 Annex B (a 2005 code is kept as the 2017
one and told), units by `quantity`. Whether an MN is free and an enterprise known needs rows: handlers ask those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shared.domain import identity, quantity
from shared.domain.errors import Invalid
from shared.domain.pollutant import UNITS, Pollutant, aliases_2005, pollutants

PIECES = ("category", "authority", "outlets")
OUTLET_PIECES = ("medium", "points", "limits")
DIMENSIONLESS = "1"
DIMENSIONLESS_NAMES = ("pH", "无量纲", "")


@dataclass
class Findings:
    """What an examination found: wrongs that refuse the document, notes that are told with the answer."""

    wrongs: list[Invalid] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def wrong(self, path: str, value: object, rule: str) -> None:
        self.wrongs.append(Invalid(f"{path} {value!r}: {rule}", field=path, value=value, rule=rule))

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def refuse(self) -> None:
        """Raises the first wrong with all others beside it."""
        if self.wrongs:
            first = self.wrongs[0]
            raise Invalid(first.detail, field=first.field, value=first.value, rule=first.rule, also=self.wrongs[1:])


def examine(document: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The document as it is kept; what is wrong or was respelled goes to `findings`."""
    first, last = date.fromisoformat(document["valid_from"]), date.fromisoformat(document["valid_to"])
    if not first < last:
        findings.wrong("valid_to", document["valid_to"], f"later than valid_from ({first})")
    outlets = document.get("outlets")
    if outlets is None:
        return {**document, "outlets": None}
    _unlike(((f"outlets[{i}].code", outlet["code"]) for i, outlet in enumerate(outlets)), "each outlet once", findings)
    _unlike(_mn_paths(outlets), "each MN at one outlet", findings)
    kept = [_outlet(outlet, f"outlets[{i}]", findings) for i, outlet in enumerate(outlets)]
    return {**document, "outlets": kept}


def incomplete(document: Mapping[str, Any]) -> list[str]:
    """Paths of what nobody has said yet (null); an empty list is a statement."""
    missing = [name for name in PIECES if document.get(name) is None]
    for i, outlet in enumerate(document.get("outlets") or ()):
        missing += [f"outlets[{i}].{name}" for name in OUTLET_PIECES if outlet.get(name) is None]
    return missing


def known_factor(code: str, path: str, findings: Findings) -> Pollutant | None:
    """The factor of a 2017 code or of an unmistakable 2005 one; else a wrong."""
    found = pollutants().get(code)
    if found is not None:
        return found
    modern = aliases_2005().get(code)
    if modern is None:
        findings.wrong(path, code, "a factor of HJ 212-2017 Annex B, e.g. a21026")
        return None
    findings.note(f"{path}: the 2005 code {code} is kept as {modern}")
    return pollutants()[modern]


def unit_spelling(text: str) -> str:
    """The one spelling: `mg/m³` and 毫克/立方米 are mg/m3; pH and 无量纲 are 1."""
    if text in DIMENSIONLESS_NAMES:
        return DIMENSIONLESS
    return UNITS.get(text) or quantity.unit(text)


def point_units(units: Mapping[str, str], path: str, findings: Findings) -> dict[str, str]:
    """The units a device sends, by 2017 code. What it really sends is kept even if no limit can be compared with it."""
    kept: dict[str, str] = {}
    for code, text in units.items():
        factor = known_factor(code, f"{path}.{code}", findings)
        if factor is None:
            continue
        unit = unit_spelling(text)
        if factor.unit is not None and quantity.scale(unit, factor.unit) is None:
            findings.note(f"{path}.{code}: {text} cannot be converted to {factor.unit}; its windows get no verdict")
        kept[factor.code] = unit
    return kept


def _mn_paths(outlets: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    for i, outlet in enumerate(outlets):
        for j, point in enumerate(outlet.get("points") or ()):
            yield f"outlets[{i}].points[{j}].mn", point["mn"]


def _unlike(named: Iterable[tuple[str, str]], rule: str, findings: Findings) -> None:
    """Every value once: the second and later ones are wrong."""
    seen: dict[str, str] = {}
    for path, value in named:
        if value in seen:
            findings.wrong(path, value, f"{rule}; it stands already at {seen[value]}")
        seen.setdefault(value, path)


def _outlet(outlet: Mapping[str, Any], path: str, findings: Findings) -> dict[str, Any]:
    if not identity.OUTLET.fullmatch(outlet["code"]):
        findings.wrong(f"{path}.code", outlet["code"], "1 to 32 of A-Z a-z 0-9 _ -, e.g. DA001")
    for j, point in enumerate(outlet.get("points") or ()):
        if not identity.MN.fullmatch(point["mn"]):
            findings.wrong(f"{path}.points[{j}].mn", point["mn"], "1 to 32 of A-Z a-z 0-9 _ . -")
    kept = dict(outlet)
    if outlet.get("limits") is not None:
        kept["limits"] = _limits(outlet["limits"], outlet.get("medium"), f"{path}.limits", findings)
    if outlet.get("annual_amounts") is not None:
        kept["annual_amounts"] = _amounts(outlet["annual_amounts"], f"{path}.annual_amounts", findings)
    return kept


def _limits(
    rows: Iterable[Mapping[str, Any]], medium: str | None, path: str, findings: Findings
) -> list[dict[str, Any]]:
    kept = [_limit(row, medium, f"{path}[{i}]", findings) for i, row in enumerate(rows)]
    _unlike(
        ((f"{path}[{i}].factor", f"{row['factor']} {row['averaging']}") for i, row in enumerate(kept)),
        "one limit a factor and averaging",
        findings,
    )
    return kept


def _limit(row: Mapping[str, Any], medium: str | None, path: str, findings: Findings) -> dict[str, Any]:
    kept = dict(row)
    if not quantity.decimal(row["limit"], f"{path}.limit") > 0:
        findings.wrong(f"{path}.limit", row["limit"], "greater than 0")
    reference = row.get("reference_o2_pct")
    if reference is not None and not 0 <= quantity.decimal(reference, f"{path}.reference_o2_pct") <= 20:
        findings.wrong(f"{path}.reference_o2_pct", reference, "0 to 20 percent, or null for no conversion")
    kept["unit"] = unit = unit_spelling(row["unit"])
    if unit not in quantity.known_units():
        findings.wrong(f"{path}.unit", row["unit"], f"one of {', '.join(sorted(quantity.known_units()))}")
    factor = known_factor(row["factor"], f"{path}.factor", findings)
    if factor is None:
        return kept
    kept["factor"] = factor.code
    _must_fit(factor, unit, medium, row, path, findings)
    return kept


def _must_fit(
    factor: Pollutant, unit: str, medium: str | None, row: Mapping[str, Any], path: str, findings: Findings
) -> None:
    """The unit measures the factor, and the factor occurs in the outlet's medium."""
    known = unit in quantity.known_units()
    if known and factor.unit is not None and quantity.scale(unit, factor.unit) is None:
        findings.wrong(f"{path}.unit", row["unit"], f"convertible to {factor.unit}, the unit of {factor.code}")
    if medium is not None and factor.medium != medium:
        findings.wrong(f"{path}.factor", row["factor"], f"a factor of {medium}, as the outlet; {factor.en} is not")


def _amounts(rows: Iterable[Mapping[str, Any]], path: str, findings: Findings) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for i, row in enumerate(rows):
        factor = known_factor(row["factor"], f"{path}[{i}].factor", findings)
        if not quantity.decimal(row["tonnes"], f"{path}[{i}].tonnes") > 0:
            findings.wrong(f"{path}[{i}].tonnes", row["tonnes"], "greater than 0")
        kept.append({**row, "factor": factor.code if factor else row["factor"]})
    _unlike(
        ((f"{path}[{i}].factor", f"{row['factor']} {row['year']}") for i, row in enumerate(kept)),
        "one amount a factor and year",
        findings,
    )
    return kept
