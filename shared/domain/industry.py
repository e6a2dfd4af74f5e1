"""Industries of GB/T 4754-2017: section letter and up to four digits, e.g. D4411."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from shared.domain.errors import unknown_value
from shared.domain.tables import rows


@dataclass(frozen=True, slots=True)
class Industry:
    """`level`: section, division, group or class."""

    code: str
    level: str
    parent: str
    name: str


@cache
def industries() -> Mapping[str, Industry]:
    """All industries by code with the section letter."""
    return {
        row["code"]: Industry(row["code"], row["level"], row["parent"], row["name_zh"]) for row in rows("industries")
    }


def industry(code: str, field: str = "industry") -> Industry:
    """The industry; raises Invalid when there is none of that code."""
    found = industries().get(code)
    if found is None:
        rule = "section letter + digits (GB/T 4754-2017)"
        raise unknown_value("code of an industry", code, industries(), field=field, rule=rule)
    return found
