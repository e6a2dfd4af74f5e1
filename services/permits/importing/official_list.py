"""What a row of the official list says, in our words: permit, holder, industry, division; and all that was mended.

A value that names the permit or its validity refuses the row when it cannot be read; one that is beside the point is left
out and reported. Whether the register knows better is the handlers' to ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TypeVar

from services.permits.domain import permit as rules
from services.permits.domain.import_report import Finding, Outcome
from services.permits.importing import cleaning
from services.permits.importing.cleaning import Cleaned, Code
from services.permits.importing.columns import REST
from services.permits.importing.days import ReadPeriod, read_day, read_period
from services.permits.importing.limits import VALUE_CHARACTERS
from services.permits.importing.table import Listed
from shared.domain import identity
from shared.domain.errors import Invalid
from shared.domain.industry import industries
from shared.domain.region import regions

T = TypeVar("T")
CATEGORIES: Mapping[str, str] = {
    "重点管理": "key", "简化管理": "simplified", "登记管理": "registration", "重点": "key", "简化": "simplified",
}  # fmt: skip
LEVELS = ("class", "group", "division", "section")  # the deepest first
YEARS = range(1990, 2200)
PERIOD_PARTS = re.compile(r"[至到~～]|[-—–]\s*[0-9]{4}[-/.年]")  # a second day in the cell
NOTHING = ("", "-", "--", "—", "/", "无")  # how a cell is left empty
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
TOO_LONG = f"expected: at most {VALUE_CHARACTERS} characters"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that can be taken in; what the list does not say, or not in a way we know, is None."""

    line: int
    permit: rules.Listed
    name: str | None
    industry: str | None
    region: str | None
    longitude: float | None
    latitude: float | None

    @property
    def credit_code(self) -> str:
        return self.permit.number[:18]


class _Reading:
    """One row being read: takes down what is mended, left out, wrong."""

    def __init__(self, row: Listed) -> None:
        self.row = row
        self.findings: list[Finding] = []
        self.refused = False

    def cell(self, name: str) -> str:
        return self.row.cells.get(name, "")

    def report(self, field: str, value: str, reason: str, outcome: Outcome) -> None:
        where = f"sheet {self.row.sheet!r}: " if self.row.sheet is not None else ""
        self.findings.append(Finding(self.row.line, field, value[:200], where + reason, outcome))
        self.refused |= outcome is Outcome.REFUSED

    def mended(self, field: str, cleaned: Cleaned | Code) -> str:
        if cleaned.mend:
            self.report(field, self.cell(field), cleaned.mend, Outcome.MENDED)
        return cleaned.text

    def certain(self, field: str, read: Callable[[], T], outcome: Outcome = Outcome.REFUSED) -> T | None:
        """What `read` gives; None, and reported, when it cannot be read."""
        if len(self.cell(field)) > VALUE_CHARACTERS:
            self.report(field, self.cell(field), TOO_LONG, outcome)
            return None
        try:
            return read()
        except Invalid as wrong:
            self.report(wrong.field or field, str(wrong.value), f"expected: {wrong.rule}", outcome)
            return None


def read_row(row: Listed) -> tuple[Entry | None, list[Finding]]:
    """The entry, or None when the row is refused or holds no data; and everything to be reported of it."""
    reading = _Reading(row)
    if row.no_data is not None or row.misplaced is not None:
        outcome, reason = Outcome.LEFT_OUT, row.no_data
        if reason is None:
            outcome, reason = Outcome.REFUSED, f"expected: {row.misplaced}"
        reading.report("row", next(filter(str.strip, row.cells.values()), ""), reason, outcome)
        return None, reading.findings
    number = reading.certain("number", lambda: cleaning.permit_number(row.cells.get("number", "")))
    span = _validity(reading)
    _same_code(reading, number)
    name = _name(reading)
    category = _category(reading)
    industry, region = _industry(reading), _region(reading)
    longitude, latitude = _degrees(reading, "longitude", 180), _degrees(reading, "latitude", 90)
    if number is None or span is None or reading.refused:
        return None, reading.findings
    if not number.check_ok:
        reading.report("number", number.text, _issued_so(number.text), Outcome.CHECK_CHARACTER)
    permit = rules.Listed(reading.mended("number", number), *span, category)
    entry = Entry(row.line, permit, name or None, industry, region, longitude, latitude)
    return entry, reading.findings


def _issued_so(number: str) -> str:
    inside = "fits" if identity.organisation_check_ok(number) else "does not fit either"
    return (
        f"taken as listed, although the check character {number[17]} of the credit code does not fit (GB 32100-2015); "
        f"that of the organisation code in it (GB 11714) {inside}"
    )


def _name(reading: _Reading) -> str:
    """The holder's name, within what the API takes for one; empty when it is not."""
    name = cleaning.name(reading.cell("name"))
    if len(name.text) <= VALUE_CHARACTERS and CONTROL.search(name.text) is None:
        return reading.mended("name", name)
    reading.report("name", name.text, f"{TOO_LONG}, no control characters", Outcome.LEFT_OUT)
    return ""


def _validity(reading: _Reading) -> tuple[date, date] | None:
    if cleaning.narrow(reading.cell("validity")).text:
        period = reading.certain("validity", lambda: _period(reading))
        if period is None:
            return None
        if period.mend:
            reading.report("validity", reading.cell("validity"), period.mend, Outcome.MENDED)
        first, last = period.first, period.last
    else:
        days = [_day(reading, "valid_from"), _day(reading, "valid_to")]
        if days[0] is None or days[1] is None:
            return None
        first, last = days[0], days[1]
    if not (first < last and first.year in YEARS and last.year in YEARS):
        rule = f"valid_from before valid_to, both between {YEARS[0]} and {YEARS[-1]}"
        reading.report("validity", f"{first} {last}", f"expected: {rule}", Outcome.REFUSED)
        return None
    return first, last


def _period(reading: _Reading) -> ReadPeriod:
    """The period in its cell, or in two below one header; raises Invalid."""
    text, rest, zero = reading.cell("validity"), reading.cell(REST), reading.row.day_zero
    if rest and PERIOD_PARTS.search(text.strip()) is None:
        text = f"{text}至{rest.lstrip('至到-~～—')}"
    return read_period(text, "validity", zero)


def _day(reading: _Reading, field: str) -> date | None:
    read = reading.certain(field, lambda: read_day(reading.cell(field), field, reading.row.day_zero))
    if read is not None and read.mend:
        reading.report(field, reading.cell(field), read.mend, Outcome.MENDED)
    return read.day if read else None


def _same_code(reading: _Reading, number: Code | None) -> None:
    """A credit code beside the number must be the one the number begins with."""
    if number is None or cleaning.tight(cleaning.narrow(reading.cell("credit_code")).text) in NOTHING:
        return
    code = reading.certain("credit_code", lambda: cleaning.credit_code(reading.cell("credit_code")))
    if code is not None and reading.mended("credit_code", code) != number.text[:18]:
        rule = f"{number.text[:18]}, as the permit's number begins"
        reading.report("credit_code", reading.cell("credit_code"), f"expected: {rule}", Outcome.REFUSED)


def _category(reading: _Reading) -> str | None:
    text = cleaning.name(reading.cell("category")).text
    if text and text not in CATEGORIES:
        reading.report("category", text, f"expected one of {', '.join(CATEGORIES)}", Outcome.LEFT_OUT)
    return CATEGORIES.get(text)


def _degrees(reading: _Reading, field: str, limit: int) -> float | None:
    read = reading.certain(field, lambda: cleaning.degrees(reading.cell(field), field, limit), Outcome.LEFT_OUT)
    if read is not None and read[1]:
        reading.report(field, reading.cell(field), read[1], Outcome.MENDED)
    return read[0] if read else None


def _industry(reading: _Reading) -> str | None:
    """By code, else by name; of several named the first one known."""
    code = cleaning.narrow(reading.cell("industry_code")).text.upper()
    known = _by_digits().get(code.lstrip("ABCDEFGHIJKLMNOPQRST")) if code else None
    if known is not None:
        return known
    text = cleaning.name(reading.cell("industry")).text
    if not text and not code:
        return None
    found = industry_named(text)
    if found is None:
        reading.report("industry", text or code, "no industry of GB/T 4754-2017 has this name", Outcome.LEFT_OUT)
    elif industries()[found].name != text:
        reading.report("industry", text, f"read as {found} {industries()[found].name}", Outcome.MENDED)
    return found


def industry_named(text: str) -> str | None:
    """The code of an industry by its Chinese name: the whole text, else the first known of several, else before a dash."""
    parts = [text, *re.split(r"[,，、;；/]", text)]
    parts += [re.split(r"[-—－]", part)[0] for part in parts]
    return next((found for part in parts if (found := _by_name().get(part.strip()))), None)


@cache
def _by_name() -> Mapping[str, str]:
    """Where a group and its only class share a name, the class."""
    named: dict[str, str] = {}
    for level in reversed(LEVELS):
        named |= {one.name: code for code, one in industries().items() if one.level == level}
    return named


@cache
def _by_digits() -> Mapping[str, str]:
    return {code[1:]: code for code in industries() if len(code) > 1}


def _region(reading: _Reading) -> str | None:
    """The division as far down as the list says it; a holder's credit code names where it is registered, not the site."""
    names = [cleaning.name(reading.cell(field)).text for field in ("province", "city", "county")]
    found: str | None = None
    for field, name in zip(("province", "city", "county"), names, strict=True):
        if not name:
            continue
        inside = _divisions().get((found or "", name))
        if inside is None:
            reading.report(field, name, f"no division of that name in {found or 'GB/T 2260'}", Outcome.LEFT_OUT)
            break
        found = inside
    return found


@cache
def _divisions() -> Mapping[tuple[str, str], str]:
    return {(one.parent, one.name): code for code, one in regions().items()}
