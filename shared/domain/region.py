"""Division codes of GB/T 2260: names, and which codes lie inside which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from shared.domain.errors import unknown_value
from shared.domain.tables import rows


@dataclass(frozen=True, slots=True)
class Region:
    """`level`: province, city or county; `parent`: the code above, empty for a province."""

    code: str
    level: str
    parent: str
    name: str


@cache
def regions() -> Mapping[str, Region]:
    """All divisions by 6-digit code."""
    return {row["code"]: Region(row["code"], row["level"], row["parent"], row["name_zh"]) for row in rows("regions")}


def region(code: str, field: str = "region") -> Region:
    """The division; raises Invalid when there is none of that code."""
    found = regions().get(code)
    if found is None:
        raise unknown_value("division code", code, regions(), field=field, rule="6 digits of GB/T 2260")
    return found


def division_prefix(code: str, field: str = "region") -> str:
    """The prefix that stands for a division there is, given by 2, 4 or 6 digits; raises Invalid when there is none."""
    whole = code.ljust(6, "0") if len(code) in (2, 4) else code  # 15010 is a slip, not all of 1501
    return prefix(region(whole, field).code)


def full_name(code: str) -> str:
    """`内蒙古自治区呼和浩特市新城区`, as far up as the table knows."""
    names: list[str] = []
    found = regions().get(code)
    while found is not None:
        names.append(found.name)
        found = regions().get(found.parent) if found.parent else None
    return "".join(reversed(names)) or code


def prefix(code: str) -> str:
    """A code without the zeros that stand for "all of it": 150000 → 15, 150100 → 1501."""
    trimmed = code
    while len(trimmed) > 2 and trimmed.endswith("00"):
        trimmed = trimmed[:-2]
    return trimmed
