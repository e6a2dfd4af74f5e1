"""The factors of HJ 212-2017 Annex B: names, 2005 codes, default units, families, physical ranges. The unit in force belongs
to the point.

A family gathers factors that fail for the same reasons and are cleaned by the same treatment; peer notices name families only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from shared.domain.errors import unknown_value
from shared.domain.tables import rows

UNITS = {
    "毫克/立方米": "mg/m3",
    "微克/立方米": "ug/m3",
    "纳克/立方米": "ng/m3",
    "毫克/升": "mg/L",
    "微克/升": "ug/L",
    "纳克/升": "ng/L",
    "%": "%",
    "摄氏度": "℃",
    "千帕": "kPa",
    "米/秒": "m/s",
    "升/秒": "L/s",
    "立方米/秒": "m3/s",
    "无量纲": "1",
}
OXYGEN = "a19001"
FLOWS = ("w00000", "a00000")


@dataclass(frozen=True, slots=True)
class PhysicalRange:
    """What a factor can be at all, both ends included. `unit` None: in whatever unit it is sent; `source`: why these ends."""

    lowest: Decimal
    highest: Decimal
    unit: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Pollutant:
    """`unit`: the default of the standard, None where it has none. `physical`: None for a factor that no table knows."""

    code: str
    medium: str
    zh: str
    en: str
    code_2005: str
    unit: str | None
    physical: PhysicalRange | None = None


@cache
def pollutants() -> Mapping[str, Pollutant]:
    """All known factors by code."""
    return {
        row["code"]: Pollutant(
            row["code"],
            row["medium"],
            row["name_zh"],
            row["name_en"] or row["name_zh"],
            row["code_2005"],
            UNITS.get(row["unit_concentration_zh"]),
            PhysicalRange(
                Decimal(row["lowest"]), Decimal(row["highest"]), row["range_unit"] or None, row["range_source"]
            ),
        )
        for row in rows("pollutants")
    }


def pollutant(code: str) -> Pollutant:
    """The factor, or one named by its own code when the table does not know it."""
    return pollutants().get(code) or Pollutant(code, "", code, code, "", None)


def factor(code: str, field: str = "factor") -> str:
    """The code of a known factor; raises Invalid for one that the table does not have."""
    if code not in pollutants():
        rule = "a factor of HJ 212-2017 Annex B, e.g. a21026"
        raise unknown_value("factor", code, pollutants(), field=field, rule=rule)
    return code


@cache
def aliases_2005() -> Mapping[str, str]:
    """2005 code → 2017 code; a 2005 code that stands for two factors is left out (it cannot be mended for certain)."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for factor in pollutants().values():
        old = factor.code_2005.strip()
        if not old:
            continue
        if old in found:
            twice.add(old)
        found[old] = factor.code
    return {old: new for old, new in found.items() if old not in twice}


@dataclass(frozen=True, slots=True)
class Family:
    """A family of factors, e.g. `pm` 颗粒物. `parameter`: no pollutant of its own, measured wherever the medium is."""

    key: str
    zh: str
    en: str
    parameter: bool = False


PARAMETERS = {"air": "flue", "water": "effluent"}  # medium → family of what is measured beside the pollutants
OTHER = Family("other", "其他污染物", "other pollutants")


@cache
def families() -> Mapping[str, Family]:
    """All families by factor code."""
    return {
        row["code"]: Family(row["family"], row["zh"], row["en"], row["family"] in PARAMETERS.values())
        for row in rows("families")
    }


def family(code: str) -> Family:
    """The family of a factor; `other` for one that the table does not know."""
    return families().get(code) or OTHER


@cache
def family_named(key: str) -> Family:
    """The family of this key; `other` for an unknown one."""
    return next((one for one in families().values() if one.key == key), OTHER)


def families_measured(codes: Iterable[str]) -> frozenset[str]:
    """Keys of the families of these factors, and of the parameters measured beside them."""
    found: set[str] = set()
    for code in codes:
        found.add(family(code).key)
        beside = PARAMETERS.get(pollutant(code).medium)
        if beside:
            found.add(beside)
    return frozenset(found)
