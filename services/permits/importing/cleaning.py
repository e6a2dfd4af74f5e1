"""Mends what is certain in a listed value, and reports every mend.

Numbers and codes: full-width characters, what nobody sees, marks around them, a capital O for zero. A credit code is mended
only into one whose check character fits (GB 32100-2015 has neither O nor I); one that is right but for its check character
is taken as it was issued, and marked. Names keep their spelling, the full-width brackets of Chinese names included; only
what nobody can see is dropped. Days are `days`' affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from shared.domain import identity
from shared.domain.errors import Invalid

INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x200E, 0x200F, 0x180E))
HALF_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x00A0: 0x20}
NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,12})?")
SERIAL = slice(18, 21)  # three digits in a permit number
LOOKS_ALIKE = str.maketrans("OI", "01")
MARKS = ".,;:'`\"=。，、；：‘’“”·"  # around a code: full stops, and the quotes that make a spreadsheet keep it as text
ROUNDED = re.compile(r"[0-9](?:\.[0-9]+)?[Ee]\+?[0-9]{1,2}")
DIGITS_LOST = re.compile(r"[0-9]{15}000")  # a spreadsheet keeps fifteen digits of a number
AS_TEXT = (
    "all its characters: Excel 已将其转换为数字，请将该列设为文本格式后重新填写 / "
    "Excel made a number of it: format the column as text and enter it again"
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A value as it will be kept; `mend` says how it differs from what came, None when it does not."""

    text: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A permit number or credit code as it will be kept. `check_ok`: whether its check character fits."""

    text: str
    mend: str | None
    check_ok: bool


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


def permit_number(text: str, field: str = "number") -> Code:
    """A permit number (HJ 608-2017); raises Invalid with what came when no certain mend makes it one."""
    return _code(text, field, identity.parse_permit_number, _number_guesses)


def credit_code(text: str, field: str = "credit_code") -> Code:
    """A unified social credit code, or the code of a unit without one; raises Invalid."""
    return _code(text, field, _parse_credit_code, _credit_guesses)


def key_of(text: str) -> str:
    """What all spellings of one permit number have in common; other numbers may have it in common too."""
    return tight(narrow(text).text).upper().translate(LOOKS_ALIKE)


def tight(text: str) -> str:
    """A code without the spaces in it and the marks around it."""
    return re.sub(r"\s+", "", text).strip(MARKS)


def degrees(text: str, field: str, limit: int) -> tuple[float | None, str | None]:
    """A longitude or latitude, and the mend; nothing when the cell is empty; raises Invalid."""
    narrowed = narrow(text)
    if not narrowed.text:
        return None, None
    if not NUMBER.fullmatch(narrowed.text) or abs(float(narrowed.text)) > limit:
        raise Invalid(f"{field} {text!r} is no position", field=field, value=text, rule=f"degrees, -{limit} to {limit}")
    return float(narrowed.text), narrowed.mend


def _parse_credit_code(text: str, field: str) -> identity.CreditCode:
    if identity.NO_CODE_UNIT.fullmatch(text):
        return identity.CreditCode(text, check_ok=True)
    return identity.parse_credit_code(text, field)


Parse = Callable[[str, str], identity.CreditCode | identity.PermitNumber]


def _code(text: str, field: str, parse: Parse, guesses: Callable[[str], list[str]]) -> Code:
    """The text as it stands, or the one mend whose check character fits, or as it was issued; raises Invalid."""
    narrowed = narrow(text)
    bare = tight(narrowed.text)
    if ROUNDED.fullmatch(bare):
        raise Invalid(f"{field} {text!r} was made a number", field=field, value=text, rule=AS_TEXT)
    mends = [narrowed.mend] if narrowed.mend else []
    if _fits(parse, narrowed.text, field):
        return Code(narrowed.text, narrowed.mend, check_ok=True)
    fitting = {guess: None for guess in guesses(bare) if _fits(parse, guess, field)}
    if len(fitting) == 1:
        (kept,) = fitting
        return Code(kept, ", ".join([*mends, f"read as {kept}, whose check character fits"]), check_ok=True)
    return _as_issued(text, bare, field, parse, mends)


def _as_issued(text: str, bare: str, field: str, parse: Parse, mends: list[str]) -> Code:
    """A code that is right but for its check character; raises Invalid for any other."""
    code = bare if bare.startswith("H9") else bare.upper()
    try:
        parsed = parse(code, field)
    except Invalid as wrong:
        value = wrong.value if wrong.rule == identity.NO_PERSON else text  # a person's number is shown in part only
        raise Invalid(wrong.detail, field=field, value=value, rule=wrong.rule) from wrong
    if DIGITS_LOST.fullmatch(parsed.text):
        raise Invalid(f"{field} {text!r} has lost its last digits", field=field, value=text, rule=AS_TEXT)
    mends += [f"read as {parsed.text}"] if parsed.text != narrow(text).text else []
    return Code(parsed.text, ", ".join(mends) or None, parsed.check_ok)


def _fits(parse: Parse, text: str, field: str) -> bool:
    try:
        return parse(text, field).check_ok
    except Invalid:
        return False


def _credit_guesses(bare: str) -> list[str]:
    """Upper case, and O and I, which no credit code has, read as the digits they look like."""
    upper = bare.upper()
    return [upper, upper.replace("O", "0"), upper.replace("I", "1"), upper.replace("O", "0").replace("I", "1")]


def _number_guesses(bare: str) -> list[str]:
    """The same for the credit code in a permit number, and for its three digits; the last sign is left as it is."""
    upper = bare.upper()
    serial = upper[SERIAL].replace("O", "0")
    guesses = [code + rest for code in _credit_guesses(upper[:18]) for rest in (upper[18:], serial + upper[21:])]
    if upper.startswith("H9"):  # the last sign of such a unit's code is in lower case
        guesses.append(upper[:18].lower().replace("h9", "H9", 1) + serial + upper[21:])
    return list(dict.fromkeys(guesses))
