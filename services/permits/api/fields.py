"""The kinds of text that documents are made of: days, decimal numbers, names. Each refuses with a rule one can follow."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

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


def _logger_password(value: object) -> str | None:
    if value is None:
        return value
    if not isinstance(value, str) or not LOGGER_PASSWORD.fullmatch(value) or any(sign in value for sign in ";&"):
        raise ValueError("null (not checked), or 1 to 32 visible ASCII characters without ; and & (HJ 212 uses 6)")
    return value


DecimalText = Annotated[
    str,
    BeforeValidator(_decimal_text),
    WithJsonSchema({"type": "string", "pattern": rf"^{DECIMAL.pattern}$", "examples": ["35"]}),
]
Day = Annotated[
    date, BeforeValidator(_real_day), WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-12-15"]})
]
PlainText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x20\x7f]+$")]
Password = Annotated[
    str | None,
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
