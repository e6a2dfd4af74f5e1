"""Who and what: credit codes, permit numbers, monitoring points (MN), outside ids.

Credit codes follow GB 32100-2015 (check character), permit numbers HJ 608-2017. Ids given out are a prefix and
26 base32 characters, without dots (Standard Webhooks signs `id.timestamp.body`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from stdnum.cn import ric, uscc

from shared.domain.errors import Invalid

PERMIT_NUMBER = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}[0-9]{3}[A-Z]")
NO_CODE_UNIT = re.compile(r"H9[0-9]{6}0000[0-9]{5}[a-z]")  # units without a credit code, HJ 608-2017
MN = re.compile(r"[A-Za-z0-9_.\-]{1,32}")
OUTLET = re.compile(r"[A-Za-z0-9_\-]{1,32}")
KINDS: Mapping[str, str] = {  # registering department → kinds it registers, GB 32100-2015 with its amendment 1
    "1": "1239", "2": "19", "3": "123459", "4": "19", "6": "129", "7": "129", "8": "19", "9": "123", "A": "19",
    "N": "1239", "Y": "1",
    "5": "123459",  # 54 and 55: committees of villages and neighbourhoods, which civil affairs registers since 2017
}  # fmt: skip
CREDIT_CODE = re.compile(
    rf"(?:{'|'.join(f'{one}[{kinds}]' for one, kinds in KINDS.items())})[0-9]{{6}}[0-9A-HJ-NPQRTUWXY]{{10}}"
)
CHECKED = "18 characters with the check character of GB 32100-2015"
STRUCTURE = (
    "18 characters: department and kind (e.g. 91), six digits, ten of 0-9 and A-Z without I, O, S, V, Z (GB 32100-2015)"
)
NO_PERSON = "the credit code of an organisation, not the number of an identity card (GB 11643)"
CREDIT_CODE_TEXT = (
    "([0-9A-HJ-NPQRTUWXY]{18}|H9[0-9]{6}0000[0-9]{5}[a-z])"  # what a schema can say of one, in a document
)
PERSON = re.compile(  # province, four digits, birthday, three digits, check character
    r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[123])[0-9]{4}((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})[0-9]{3}[0-9X]"
)
ORGANISATION = slice(8, 17)  # of a credit code: its organisation code, GB 11714
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


Coded = TypeVar("Coded", "CreditCode", "PermitNumber")


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A code of right structure. `check_ok`: whether its check character fits; True for a unit's code that has none."""

    text: str
    check_ok: bool


@dataclass(frozen=True, slots=True)
class PermitNumber:
    """A permit number of right structure; `check_ok`: of the credit code that it begins with."""

    text: str
    check_ok: bool

    @property
    def credit_code(self) -> str:
        return self.text[:18]


def check_character_ok(code: str) -> bool:
    """Whether the check character of a credit code, or of one that begins a permit number, fits (GB 32100-2015).

    True for the code of a unit without credit code (HJ 608-2017): it has no check character. False for what has not
    the structure of a credit code.
    """
    code = code[:18]
    if NO_CODE_UNIT.fullmatch(code):
        return True
    return CREDIT_CODE.fullmatch(code) is not None and uscc.calc_check_digit(code) == code[-1]


def organisation_check_ok(code: str) -> bool:
    """Whether the organisation code within a credit code (its characters 9 to 17) has the check character of GB 11714.

    `code` has the structure of a credit code.
    """
    organisation = code[ORGANISATION]
    total = sum(int(sign, 36) * weight for sign, weight in zip(organisation, ORGANISATION_WEIGHTS, strict=False))
    return "0123456789X0"[11 - total % 11] == organisation[-1]


def parse_credit_code(text: str, field: str = "credit_code") -> CreditCode:
    """A credit code whose check character may be wrong: registries have issued such codes.

    Raises: Invalid when the structure is not that of GB 32100-2015, or when it is the number of an identity card.
    """
    if not CREDIT_CODE.fullmatch(text):
        tidy = uscc.compact(text)
        if tidy != text and check_character_ok(tidy):
            raise Invalid(
                f"{field} {text!r} must be written {tidy!r}", field=field, value=text, rule="upper case, no spaces"
            )
        raise Invalid(f"{field} {text!r} is not a unified social credit code", field=field, value=text, rule=STRUCTURE)
    check_ok = check_character_ok(text)
    if _is_person(text, certain=not check_ok):
        shown = f"{text[:6]}********{text[-4:]}"  # the middle is somebody's birthday
        raise Invalid(f"{field} {shown!r} is a person's number", field=field, value=shown, rule=NO_PERSON)
    return CreditCode(text, check_ok)


def credit_code(text: str, field: str = "credit_code") -> str:
    """The same 18 characters when the check character fits (GB 32100-2015); raises Invalid."""
    return _checked(parse_credit_code(text, field), text[:18], field).text


def parse_permit_number(text: str, field: str = "number") -> PermitNumber:
    """A permit number (HJ 608-2017) whose credit code's check character may be wrong.

    Raises: Invalid when the structure is not credit code, three digits, one letter.
    """
    if PERMIT_NUMBER.fullmatch(text):
        return PermitNumber(text, parse_credit_code(text[:18], field).check_ok)
    if re.fullmatch(NO_CODE_UNIT.pattern + r"[0-9]{3}[A-Z]", text):
        return PermitNumber(text, True)
    raise Invalid(
        f"{field} {text!r} is not a permit number",
        field=field,
        value=text,
        rule="credit code + 3 digits + 1 letter (HJ 608-2017)",
    )


def permit_number(text: str, field: str = "number") -> str:
    """A permit number: credit code, three digits, one letter (HJ 608-2017); raises Invalid."""
    return _checked(parse_permit_number(text, field), text[:18], field).text


def _checked(parsed: Coded, code: str, field: str) -> Coded:
    if not parsed.check_ok:
        right = uscc.calc_check_digit(code)
        raise Invalid(
            f"{field} {parsed.text!r}: the check character of {code} would be {right!r}",
            field=field,
            value=parsed.text,
            rule=CHECKED,
        )
    return parsed


def _is_person(text: str, *, certain: bool) -> bool:
    """Whether it is the number of an identity card (GB 11643): place, birthday and check character.

    `certain`: that it is no credit code, so that place and birthday are enough.
    """
    found = PERSON.fullmatch(text)
    if found is None:
        return False
    try:
        date(*(int(part) for part in found.groups()))
    except ValueError:
        return False
    return certain or ric.calc_check_digit(text) == text[-1]


def mn(text: str, field: str = "mn") -> str:
    """A device number, opaque, at most 32 characters (HJ 212); raises Invalid."""
    if not MN.fullmatch(text):
        raise Invalid(f"{field} {text!r} is not an MN", field=field, value=text, rule="1 to 32 of A-Z a-z 0-9 _ . -")
    return text


def new_id(prefix: str) -> str:
    """A random outside id: `alr_` + 26 base32 characters (130 bits)."""
    return f"{prefix}_{b32encode(secrets.token_bytes(17)).decode()[:26].lower()}"


def derived_id(prefix: str, *parts: str) -> str:
    """An outside id that is the same for the same parts: a second handling finds the first one's row."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{prefix}_{b32encode(digest[:17]).decode()[:26].lower()}"
