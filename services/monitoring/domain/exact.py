"""Exact numbers of 1e-6 units: whole ones as integers, which are ten times as fast, others as fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

Exact: TypeAlias = int | Fraction


def exact(value: Fraction) -> Exact:
    """The same number, as an integer if it is whole."""
    return value.numerator if value.denominator == 1 else value


def half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to a whole number, of two equally near ones to the even one. `denominator`: above 0."""
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return whole + (twice > denominator or (twice == denominator and whole & 1))
