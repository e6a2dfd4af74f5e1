"""Conversion of a concentration to the reference oxygen, C · (21 − ref) / (21 − O2) (HJ/T 397, GB 13223 formula)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from services.monitoring.domain.exact import Exact, half_even

AIR_PCT = 21
AIR_MICRO = 21_000_000
SAME_PER_CENT, SAME_MICRO = 5, 100_000  # 5 % and 0.1 unit: rounding, and a mean of converted minutes
LEAK_MICRO = 19_000_000  # from 19 % on the quotient explodes: air leak or standstill, no verdict


def convert(measured: Exact, *, oxygen_micro: Exact, reference_o2_pct: Decimal) -> Fraction:
    """The measured value at the reference oxygen; the caller has refused `oxygen_micro` from LEAK_MICRO on."""
    return measured * (AIR_PCT - Fraction(reference_o2_pct)) / (AIR_PCT - Fraction(oxygen_micro) / 1_000_000)


def converted_micro(measured: Exact, oxygen_micro: Exact, below_air: Exact) -> int:
    """`convert` rounded half-even to 1e-6, in whole numbers: every window of a point asks for it. `below_air`: 21 less the
    reference oxygen, in %."""
    over = measured.numerator * below_air.numerator * oxygen_micro.denominator * 1_000_000
    left = AIR_MICRO * oxygen_micro.denominator - oxygen_micro.numerator
    return half_even(over, measured.denominator * below_air.denominator * left)


def is_same_conversion(reported: Exact, own: Exact) -> bool:
    """Whether a device's converted mean is our own conversion of its mean, both in 1e-6 units; a drift below zero is zero."""
    expected = _not_below_zero(own)
    difference = _not_below_zero(reported) - expected
    return max(difference, -difference) * 100 <= expected * SAME_PER_CENT + SAME_MICRO * 100


def may_be_converted(reported: Exact, measured: Exact, below_air: Exact) -> bool:
    """Whether some oxygen makes `reported` of `measured`: no oxygen at all makes the least of it; a drift below zero is zero.
    `below_air`: as of `converted_micro`."""
    least, of = _not_below_zero(measured) * below_air.numerator, AIR_PCT * below_air.denominator
    return (_not_below_zero(reported) + SAME_MICRO) * of * 100 >= least * (100 - SAME_PER_CENT)


def _not_below_zero(value: Exact) -> Exact:
    return value if value > 0 else 0
