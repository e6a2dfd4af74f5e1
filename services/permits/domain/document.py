"""Whether a permit's document is right: everything wrong with it at once, and the one spelling it is kept in.

Pure. Factors by HJ 212-2017 Annex B (a 2005 code is kept as the 2017 one, with a note), units by `quantity`. Whether an MN is
free and an enterprise known needs rows: handlers ask those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.permits.domain.permit_document import AnnualAmount, PermitDocument, PermitLimit, PermitOutlet
from shared.domain import identity, quantity
from shared.domain.errors import Invalid
from shared.domain.pollutant import UNITS, Pollutant, aliases_2005, pollutants

DIMENSIONLESS = "1"
DIMENSIONLESS_NAMES = ("pH", "无量纲", "")


@dataclass
class Examination:
    """What an examination found: errors that refuse the document, notes that are answered with it."""

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


@dataclass(frozen=True, slots=True)
class ValueAt:
    """A value and the path where it stands."""

    path: str
    value: str


def examine(document: PermitDocument, examination: Examination) -> PermitDocument:
    """The document as it is kept; what is wrong or was respelled goes to `examination`."""
    if not document.valid_from < document.valid_to:
        examination.wrong("valid_to", document.valid_to.isoformat(), f"later than valid_from ({document.valid_from})")
    _must_follow(document, examination)
    if document.outlets is None:
        return document
    codes = (ValueAt(f"outlets[{i}].code", outlet.code) for i, outlet in enumerate(document.outlets))
    _must_differ(codes, "each outlet once", examination)
    _must_differ(_mns(document.outlets), "each MN at one outlet", examination)
    kept = tuple(_outlet(outlet, f"outlets[{i}]", examination) for i, outlet in enumerate(document.outlets))
    return replace(document, outlets=kept)


def _must_follow(document: PermitDocument, examination: Examination) -> None:
    """An application is withdrawn or refused after it was filed."""
    applied, refused = document.renewal_applied_on, document.renewal_refused_on
    if refused is not None and (applied is None or refused < applied):
        rule = "not before renewal_applied_on, the application that was withdrawn or refused; null while one is pending"
        examination.wrong("renewal_refused_on", refused.isoformat(), rule)


def incomplete(document: PermitDocument) -> list[str]:
    """Paths of what nobody has reported yet (None); an empty list is a statement."""
    pieces = {"category": document.category, "authority": document.authority, "outlets": document.outlets}
    missing = [name for name, value in pieces.items() if value is None]
    for i, outlet in enumerate(document.outlets or ()):
        of_outlet = {"medium": outlet.medium, "points": outlet.points, "limits": outlet.limits}
        missing += [f"outlets[{i}].{name}" for name, value in of_outlet.items() if value is None]
    return missing


def known_factor(code: str, path: str, examination: Examination) -> Pollutant | None:
    """The factor of a 2017 code or of an unmistakable 2005 one; else a wrong."""
    found = pollutants().get(code)
    if found is not None:
        return found
    modern = aliases_2005().get(code)
    if modern is None:
        examination.wrong(path, code, "a factor of HJ 212-2017 Annex B, e.g. a21026")
        return None
    examination.note(f"{path}: the 2005 code {code} is kept as {modern}")
    return pollutants()[modern]


def unit_spelling(text: str) -> str:
    """The one spelling: `mg/m³` and 毫克/立方米 are mg/m3; pH and 无量纲 are 1."""
    if text in DIMENSIONLESS_NAMES:
        return DIMENSIONLESS
    return UNITS.get(text) or quantity.unit(text)


def point_units(units: Mapping[str, str], path: str, examination: Examination) -> dict[str, str]:
    """The units a device sends, by 2017 code. What it really sends is kept even if no limit can be compared with it."""
    kept: dict[str, str] = {}
    for code, text in units.items():
        factor = known_factor(code, f"{path}.{code}", examination)
        if factor is None:
            continue
        unit = unit_spelling(text)
        if factor.unit is not None and quantity.scale(unit, factor.unit) is None:
            examination.note(f"{path}.{code}: {text} cannot be converted to {factor.unit}; its windows get no verdict")
        kept[factor.code] = unit
    return kept


def _mns(outlets: Sequence[PermitOutlet]) -> Iterator[ValueAt]:
    for i, outlet in enumerate(outlets):
        for j, mn in enumerate(outlet.mns):
            yield ValueAt(f"outlets[{i}].points[{j}].mn", mn)


def _must_differ(placed: Iterable[ValueAt], rule: str, examination: Examination) -> None:
    """Every value once: the second and later ones are wrong."""
    seen: dict[str, str] = {}
    for one in placed:
        if one.value in seen:
            examination.wrong(one.path, one.value, f"{rule}; it stands already at {seen[one.value]}")
        seen.setdefault(one.value, one.path)


def _outlet(outlet: PermitOutlet, path: str, examination: Examination) -> PermitOutlet:
    if not identity.OUTLET.fullmatch(outlet.code):
        examination.wrong(f"{path}.code", outlet.code, "1 to 32 of A-Z a-z 0-9 _ -, e.g. DA001")
    for j, mn in enumerate(outlet.mns):
        if not identity.MN.fullmatch(mn):
            examination.wrong(f"{path}.points[{j}].mn", mn, "1 to 32 of A-Z a-z 0-9 _ . -")
    limits, amounts = outlet.limits, outlet.annual_amounts
    return replace(
        outlet,
        limits=None if limits is None else _limits(limits, outlet.medium, f"{path}.limits", examination),
        annual_amounts=None if amounts is None else _amounts(amounts, f"{path}.annual_amounts", examination),
    )


def _limits(
    limits: Sequence[PermitLimit], medium: str | None, path: str, examination: Examination
) -> tuple[PermitLimit, ...]:
    kept = tuple(_limit(limit, medium, f"{path}[{i}]", examination) for i, limit in enumerate(limits))
    named = (ValueAt(f"{path}[{i}].factor", f"{limit.factor} {limit.averaging}") for i, limit in enumerate(kept))
    _must_differ(named, "one limit a factor and averaging", examination)
    return kept


def _limit(limit: PermitLimit, medium: str | None, path: str, examination: Examination) -> PermitLimit:
    if not quantity.decimal(limit.limit, f"{path}.limit") > 0:
        examination.wrong(f"{path}.limit", limit.limit, "greater than 0")
    reference = limit.reference_o2_pct
    if reference is not None and not 0 <= quantity.decimal(reference, f"{path}.reference_o2_pct") <= 20:
        examination.wrong(f"{path}.reference_o2_pct", reference, "0 to 20 percent, or null for no conversion")
    unit = unit_spelling(limit.unit)
    if unit not in quantity.known_units():
        examination.wrong(f"{path}.unit", limit.unit, f"one of {', '.join(sorted(quantity.known_units()))}")
    factor = known_factor(limit.factor, f"{path}.factor", examination)
    if factor is None:
        return replace(limit, unit=unit)
    _must_fit(factor, unit, medium, limit, path, examination)
    return replace(limit, unit=unit, factor=factor.code)


def _must_fit(
    factor: Pollutant, unit: str, medium: str | None, limit: PermitLimit, path: str, examination: Examination
) -> None:
    """The unit measures the factor, and the factor occurs in the outlet's medium."""
    known = unit in quantity.known_units()
    if known and factor.unit is not None and quantity.scale(unit, factor.unit) is None:
        examination.wrong(f"{path}.unit", limit.unit, f"convertible to {factor.unit}, the unit of {factor.code}")
    if medium is not None and factor.medium != medium:
        examination.wrong(f"{path}.factor", limit.factor, f"a factor of {medium}, as the outlet; {factor.en} is not")


def _amounts(amounts: Sequence[AnnualAmount], path: str, examination: Examination) -> tuple[AnnualAmount, ...]:
    kept = tuple(_amount(amount, f"{path}[{i}]", examination) for i, amount in enumerate(amounts))
    named = (ValueAt(f"{path}[{i}].factor", f"{amount.factor} {amount.year}") for i, amount in enumerate(kept))
    _must_differ(named, "one amount a factor and year", examination)
    return kept


def _amount(amount: AnnualAmount, path: str, examination: Examination) -> AnnualAmount:
    factor = known_factor(amount.factor, f"{path}.factor", examination)
    if not quantity.decimal(amount.tonnes, f"{path}.tonnes") > 0:
        examination.wrong(f"{path}.tonnes", amount.tonnes, "greater than 0")
    return replace(amount, factor=factor.code) if factor else amount
