"""Days and periods of validity as lists write them, and what was mended to read them.

A day: 2030-12-15, 2030/12/15, 2030.12.15, 20301215, 2030年12月15日, with a time of day or without, or the serial number of
a spreadsheet (46007, 46007.5). A period: two days with 至, 到, a dash or a wave between them, 自…起至…止 around them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from services.permits.importing.cleaning import narrow
from shared.domain.errors import Invalid

DAY_ZERO, DAY_ZERO_1904 = date(1899, 12, 30), date(1904, 1, 1)  # serial 0 of the two date systems, ECMA-376 18.17.4
SERIAL = re.compile(r"([0-9]{5,6})(?:\.[0-9]{1,12})?")
SERIAL_YEARS = range(1990, 2200)  # a number outside is no day of a permit
_N = "[0-9Oo]"
_N2 = rf"{_N}{{1,2}}"
_DATE = rf"{_N}{{4}}(?:-{_N2}-{_N2}|/{_N2}/{_N2}|\.{_N2}\.{_N2}|{_N}{{4}}|年{_N2}月{_N2}[日号]?)"
_TIME = r"(?:(?:[T ]|(?<=[日号]))(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?)"
DAY = re.compile(rf"({_DATE})({_TIME}?)")
PERIOD = re.compile(
    rf"(?:自|从|由)?({_DATE}{_TIME}?|[0-9]{{5}}(?:\.[0-9]+)?)(?:起|始)?[,，]?(?:起至|至|到|~+|〜+|—+|–+|―+|─+|-+|－+)"
    rf"({_DATE}{_TIME}?|[0-9]{{5}}(?:\.[0-9]+)?)(?:日?止|为止)?"
)
TIGHT = re.compile(r"\s*([年月日号./\-~—–至到起自止])\s*")
END = re.compile(r"[.。,，;；、]+$")
MIDNIGHT = re.compile(r"[T ]?0{1,2}:00(?::00(?:\.0+)?)?")
ENDLESS = re.compile(r"长期|永久|无固定期限|无限期")
DAY_RULE = "a day such as 2030-12-15, 2030/12/15, 2030.12.15, 20301215 or 2030年12月15日"
PERIOD_RULE = "two days, e.g. 2025-12-16至2030-12-15"
ENDLESS_RULE = f"{DAY_RULE}; 长期 names no last day, and a permit is valid for five years (排污许可管理条例 第十四条)"


@dataclass(frozen=True, slots=True)
class ReadDay:
    """A day; `mend` says how what came differs, None when it does not."""

    day: date
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class ReadPeriod:
    """Days from `first` to `last`; `mend` as of a day."""

    first: date
    last: date
    mend: str | None = None


def read_day(text: str, field: str, zero: date = DAY_ZERO) -> ReadDay:
    """A day in one of its spellings; `zero`: the day of serial number 0. Raises: Invalid with what came."""
    narrowed = narrow(text)
    plain = TIGHT.sub(r"\1", END.sub("", narrowed.text)).strip()
    if ENDLESS.search(plain):
        raise Invalid(f"{field} {text!r} has no end", field=field, value=text, rule=ENDLESS_RULE)
    serial = SERIAL.fullmatch(plain)
    found = DAY.fullmatch(plain)
    try:
        read = _of_serial(int(serial[1]), zero) if serial else _of_text(found[1]) if found else None
    except (ValueError, OverflowError):
        read = None
    if read is None:
        raise Invalid(f"{field} {text!r} is no day", field=field, value=text, rule=DAY_RULE)
    mends = [narrowed.mend] if narrowed.mend else []
    if serial:
        mends.append(f"day number of a spreadsheet read as {read}")
    elif found:
        mends += _mends(found, read)
    return ReadDay(read, ", ".join(mends) or None)


def read_period(text: str, field: str = "validity", zero: date = DAY_ZERO) -> ReadPeriod:
    """First and last day of a period of validity. Raises: Invalid with what came."""
    narrowed = narrow(text)
    plain = TIGHT.sub(r"\1", END.sub("", narrowed.text)).strip()
    if ENDLESS.search(plain):
        raise Invalid(f"{field} {text!r} has no end", field=field, value=text, rule=ENDLESS_RULE)
    found = PERIOD.fullmatch(plain)
    if found is None:
        raise Invalid(f"{field} {text!r} is no period", field=field, value=text, rule=_period_rule(plain))
    try:
        first, last = read_day(found[1], field, zero), read_day(found[2], field, zero)
    except Invalid as wrong:
        raise Invalid(wrong.detail, field=field, value=text, rule=wrong.rule) from wrong
    mends = [mend for mend in (narrowed.mend, first.mend, last.mend) if mend]
    return ReadPeriod(first.day, last.day, ", ".join(mends) or None)


def _period_rule(plain: str) -> str:
    """What was expected: of two parts the one that is no day is at fault."""
    return DAY_RULE if len(re.split(r"[至到~]", plain)) == 2 else PERIOD_RULE


def _of_serial(number: int, zero: date) -> date | None:
    read = zero + timedelta(days=number)
    return read if read.year in SERIAL_YEARS else None


def _of_text(text: str) -> date:
    """Raises: ValueError for a day that no calendar has."""
    digits = re.sub("[Oo]", "0", text)
    parts = re.findall("[0-9]+", digits)
    if len(parts) == 1:
        parts = [digits[:4], digits[4:6], digits[6:]]
    return date(*(int(part) for part in parts))


def _mends(found: re.Match[str], read: date) -> list[str]:
    mends = ["O read as zero"] if re.search("[Oo]", found[1]) else []
    if re.sub("[Oo]", "0", found[1]) != read.isoformat():
        mends.append(f"read as {read}")
    if found[2] and not MIDNIGHT.fullmatch(found[2]):
        mends.append("time of day left out")
    return mends
