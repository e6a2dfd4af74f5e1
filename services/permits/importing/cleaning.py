"""Mends what is certain in a listed value, and says every mend.

Numbers, codes and days: full-width characters, zero-width spaces, letter O for zero, five spellings of a day. A credit
code is mended only into one whose check character fits (GB 32100-2015 has neither letter O nor I). Names keep their
spelling, the full-width brackets of Chinese names included; only what nobody can see is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from shared.domain import identity
from shared.domain.errors import Invalid

INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x200E, 0x200F, 0x180E))
HALF_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x00A0: 0x20}
DAY = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2})|(\d{2})(\d{2})|年(\d{1,2})月(\d{1,2})日)"
)
MIDNIGHT = re.compile(r"[T ]0{1,2}:00(:00(\.0+)?)?$")
SPAN = re.compile(r"\s*(?:至|到|~|—+|–)\s*|\s+-+\s+")
NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,12})?")
SERIAL = slice(18, 21)  # three digits in a permit number


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A value as it will be kept; `mend` says how it differs from what came, None when it does not."""

    text: str
    mend: str | None = None


def name(text: str) -> Cleaned:
    """A name: nothing invisible in it, no space around it, one space where there were several."""
    kept = re.sub(r"\s+", " ", text.translate(INVISIBLE).replace("\u3000", " ").replace("\xa0", " ")).strip()
    return Cleaned(kept, "invisible characters dropped" if kept != text.strip() else None)


def narrow(text: str) -> Cleaned:
    """A number, code or day: half-width, nothing invisible, no space around it."""
    seen = text.translate(INVISIBLE)
    kept = seen.translate(HALF_WIDTH).strip()
    mends = ["zero-width characters dropped"] if seen != text else []
    mends += ["full-width characters narrowed"] if kept != seen.strip() else []
    return Cleaned(kept, ", ".join(mends) or None)


def permit_number(text: str, field: str = "number") -> Cleaned:
    """A permit number (HJ 608-2017); raises Invalid with what came when no certain mend makes it one."""
    return _code(text, field, identity.permit_number, _number_guesses)


def credit_code(text: str, field: str = "credit_code") -> Cleaned:
    """A unified social credit code, or the code of a unit without one; raises Invalid."""
    return _code(text, field, _credit_code, _credit_guesses)


def day(text: str, field: str) -> tuple[date, str | None]:
    """A day in one of five spellings, and the mend; raises Invalid."""
    narrowed = narrow(text)
    plain = MIDNIGHT.sub("", narrowed.text)
    zeros = re.sub("[Oo]", "0", plain)
    found = DAY.fullmatch(zeros)
    try:
        parts = [int(part) for part in found.groups() if part] if found else []
        read = date(*parts)
    except (ValueError, TypeError) as wrong:
        rule = "a day such as 2030-12-15, 2030/12/15, 2030.12.15, 20301215 or 2030年12月15日"
        raise Invalid(f"{field} {text!r} is no day", field=field, value=text, rule=rule) from wrong
    mends = [narrowed.mend] if narrowed.mend else []
    mends += ["letter O read as zero"] if zeros != plain else []
    mends += [f"read as {read}"] if read.isoformat() != zeros else []
    return read, ", ".join(mends) or None


def validity(text: str, field: str = "validity") -> tuple[date, date, str | None]:
    """First and last day of `2025-12-16至2030-12-15`, and the mend; raises Invalid."""
    narrowed = narrow(text)
    parts = SPAN.split(narrowed.text)
    if len(parts) != 2:
        rule = "two days, e.g. 2025-12-16至2030-12-15"
        raise Invalid(f"{field} {text!r} is no period", field=field, value=text, rule=rule)
    try:
        first, mend = day(parts[0], field)
        last, other = day(parts[1], field)
    except Invalid as wrong:
        raise Invalid(wrong.detail, field=field, value=text, rule=wrong.rule) from wrong
    mends = [mend for mend in (narrowed.mend, mend, other) if mend]
    return first, last, ", ".join(mends) or None


def degrees(text: str, field: str, limit: int) -> tuple[float | None, str | None]:
    """A longitude or latitude, and the mend; nothing when the cell is empty; raises Invalid."""
    narrowed = narrow(text)
    if not narrowed.text:
        return None, None
    if not NUMBER.fullmatch(narrowed.text) or abs(float(narrowed.text)) > limit:
        raise Invalid(f"{field} {text!r} is no position", field=field, value=text, rule=f"degrees, -{limit} to {limit}")
    return float(narrowed.text), narrowed.mend


def _credit_code(text: str, field: str) -> str:
    return text if identity.NO_CODE_UNIT.fullmatch(text) else identity.credit_code(text, field)


def _code(text: str, field: str, check: Callable[[str, str], str], guesses: Callable[[str], list[str]]) -> Cleaned:
    """The text as it stands, or the one mend whose check character fits; raises Invalid that shows what came."""
    narrowed = narrow(text)
    if _fits(check, narrowed.text, field):
        return narrowed
    fitting = {guess: None for guess in guesses(narrowed.text) if _fits(check, guess, field)}
    if len(fitting) != 1:
        try:
            check(narrowed.text, field)
        except Invalid as wrong:
            raise Invalid(wrong.detail, field=field, value=text, rule=wrong.rule) from wrong
    (kept,) = fitting
    mends = [narrowed.mend] if narrowed.mend else []
    return Cleaned(kept, ", ".join([*mends, f"read as {kept}, whose check character fits"]))


def _fits(check: Callable[[str, str], str], text: str, field: str) -> bool:
    try:
        return check(text, field) == text
    except Invalid:
        return False


def _credit_guesses(text: str) -> list[str]:
    """Spaces inside left out, capitals, and the two letters that no credit code has read as the digits they look like."""
    tight = re.sub(r"\s+", "", text).upper()
    return [tight, tight.replace("O", "0"), tight.replace("I", "1"), tight.replace("O", "0").replace("I", "1")]


def _number_guesses(text: str) -> list[str]:
    """The same for the credit code in a permit number, and for its three digits; the last letter is left as it is."""
    tight = re.sub(r"\s+", "", text).upper()
    serial = tight[SERIAL].replace("O", "0")
    guesses = [code + rest for code in _credit_guesses(tight[:18]) for rest in (tight[18:], serial + tight[21:])]
    if text.startswith("H9"):  # the letter of a unit without credit code is a small one
        guesses.append(tight[:18].lower().replace("h9", "H9", 1) + serial + tight[21:])
    return list(dict.fromkeys(guesses))
