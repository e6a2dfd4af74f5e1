"""Numbers as loggers write them: read where they are one in one sense only, else named for what is wrong with them."""

from __future__ import annotations

import re
from math import isfinite
from unicodedata import normalize

from shared.domain.item_note import ItemFault

LONGEST_NUMBER = 32  # characters; the widest field of the standard has 17
_COMMA = re.compile(r"[+-]?[\d.]*\d,[\d.,]*")
_WITH_UNIT = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\s*[^\s\d.,+-].*", re.DOTALL)


def read_number(text: str) -> float | ItemFault:
    """The number that the text is, or why it is none. Spaces around it and an exponent are allowed."""
    try:
        number = float(text)
    except ValueError:
        return _fault(text)
    if len(text) <= LONGEST_NUMBER and text.isascii() and "_" not in text and isfinite(number):
        return number
    return _fault(text)


def _fault(text: str) -> ItemFault:
    bare = text.strip()
    if not bare:
        return ItemFault.EMPTY
    if len(bare) > LONGEST_NUMBER:
        return ItemFault.TOO_LONG
    if not bare.isascii() and normalize("NFKC", bare) != bare and _is_number(normalize("NFKC", bare)):
        return ItemFault.FULL_WIDTH
    if _COMMA.fullmatch(bare):
        return ItemFault.DECIMAL_COMMA
    if bare[-1:].isdigit() and _is_number(bare) and "_" not in bare:  # 1e999
        return ItemFault.OUT_OF_RANGE
    if _WITH_UNIT.fullmatch(bare) and "_" not in bare:
        return ItemFault.UNIT
    return ItemFault.NOT_A_NUMBER


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
