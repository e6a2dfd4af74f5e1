"""The kinds of text that documents are made of: days, decimal numbers, names. Each refuses with a rule one can follow."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from shared.domain.identity import CREDIT_CODE_TEXT, MN, OUTLET

DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
YEARS = range(1990, 2200)
LOGGER_PASSWORD = re.compile(r"[!-~]{1,32}")


def _decimal_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('a number that decides travels as text: "35", not 35')
    if not DECIMAL.fullmatch(value):
        raise ValueError('a decimal number as text with at most 6 decimals, e.g. "35" or "0.05"')
    return value


def _real_day(value: object) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise ValueError("a day as text, YYYY-MM-DD")
    try:
        day = date.fromisoformat(value)
    except ValueError as wrong:
        raise ValueError("a day that the calendar has, YYYY-MM-DD") from wrong
    if day.year not in YEARS:
        raise ValueError(f"a day between {YEARS[0]}-01-01 and {YEARS[-1]}-12-31")
    return day


def _whole_number(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number")
    return value


def _logger_password(value: object) -> str | None:
    if value is None:
        return value
    if not isinstance(value, str) or not LOGGER_PASSWORD.fullmatch(value) or any(sign in value for sign in ";&"):
        raise ValueError("null (not checked), or 1 to 32 visible ASCII characters without ; and & (HJ 212 uses 6)")
    return value


Day = Annotated[
    date,
    BeforeValidator(_real_day),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date",
            "pattern": r"^(199[0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}$",
            "examples": ["2026-12-15"],
        }
    ),
]
# JSON has one kind of number: 60.0 is 60
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
NAMED = r"^[A-Za-z0-9_.\-]{1,64}$"
# What a schema can say of these; the rules themselves are the handlers', whose errors say more.
CREDIT_CODE = {"type": "string", "pattern": f"^{CREDIT_CODE_TEXT}$", "examples": ["91150102MA0N0AAA1B"]}
NUMBER = {"type": "string", "pattern": f"^{CREDIT_CODE_TEXT}[0-9]{{3}}[A-Z]$", "examples": ["91150102MA0N0AAA1B001P"]}
MN_TEXT = {"type": "string", "pattern": f"^{MN.pattern}$", "examples": ["A110000_0001"]}
OUTLET_TEXT = {"type": "string", "pattern": f"^{OUTLET.pattern}$", "examples": ["DA001"]}
DIVISION = {"type": "string", "pattern": "^[0-9]{6}$", "examples": ["150102"]}
INDUSTRY = {"type": "string", "pattern": "^[A-T][0-9]{0,4}$", "examples": ["D4412"]}
PositiveText = Annotated[
    str,
    BeforeValidator(_decimal_text),
    WithJsonSchema({"type": "string", "pattern": rf"^(?=.*[1-9]){DECIMAL.pattern}$", "examples": ["35"]}),
]
OxygenText = Annotated[
    str,
    BeforeValidator(_decimal_text),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^0{0,10}(20(\.0{1,6})?|1?[0-9](\.[0-9]{1,6})?)$",
            "description": "0 to 20 percent",
            "examples": ["6"],
        }
    ),
]
PlainText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x20\x7f]+$")]
Password = Annotated[
    Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[!-%'-:<-~]{1,32}$"})] | None,
    BeforeValidator(_logger_password),
    Field(
        repr=False,
        description="null: not checked; absent: as it was. Never shown again.",
        json_schema_extra={"writeOnly": True},
    ),
]


class Document(BaseModel):
    """A document from outside; a name we do not know is refused rather than dropped."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
