"""Who and what: credit codes, permit numbers, monitoring points (MN), outside ids.

Credit codes follow GB 32100-2015 (check character), permit numbers HJ 608-2017. Ids given out are a prefix and
26 base32 characters, without dots (Standard Webhooks signs `id.timestamp.body`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from shared.domain.errors import Invalid

PERMIT_NUMBER = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}\d{3}[A-Z]")
NO_CODE_UNIT = re.compile(r"H9\d{6}0000\d{5}[a-z]")  # units without a credit code, HJ 608-2017
MN = re.compile(r"[A-Za-z0-9_.\-]{1,32}")
OUTLET = re.compile(r"[A-Za-z0-9_\-]{1,32}")


def credit_code(text: str, field: str = "credit_code") -> str:
    """The same 18 characters when the check character fits (GB 32100-2015); raises Invalid."""
    try:
        valid = uscc.validate(text)
    except ValidationError as wrong:
        raise Invalid(
            f"{field} {text!r} is not a unified social credit code: {wrong}",
            field=field,
            value=text,
            rule="18 characters with the check character of GB 32100-2015",
        ) from wrong
    if valid != text:
        raise Invalid(
            f"{field} {text!r} must be written {valid!r}", field=field, value=text, rule="upper case, no spaces"
        )
    return str(valid)


def permit_number(text: str, field: str = "number") -> str:
    """A permit number: credit code, three digits, one letter (HJ 608-2017); raises Invalid."""
    if PERMIT_NUMBER.fullmatch(text):
        credit_code(text[:18], field)
        return text
    if re.fullmatch(NO_CODE_UNIT.pattern + r"\d{3}[A-Z]", text):
        return text
    raise Invalid(
        f"{field} {text!r} is not a permit number",
        field=field,
        value=text,
        rule="credit code + 3 digits + 1 letter (HJ 608-2017)",
    )


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
