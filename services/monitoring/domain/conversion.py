"""Conversion of a concentration to the reference oxygen, C · (21 − ref) / (21 − O2) (HJ/T 397, GB 13223 formula)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

AIR_PCT = 21
SAME_SHARE, SAME_MICRO = Fraction(5, 100), 100_000  # 5 % and 0.1 unit: rounding, and a mean of converted minutes
LEAK_MICRO = 19_000_000  # from 19 % on the quotient explodes: air leak or standstill, no verdict


def convert(measured: Fraction, *, oxygen_micro: Fraction, reference_o2_pct: Decimal) -> Fraction:
    """The measured value at the reference oxygen; the caller has refused `oxygen_micro` from LEAK_MICRO on."""
    return measured * (AIR_PCT - Fraction(reference_o2_pct)) / (AIR_PCT - oxygen_micro / 1_000_000)


def is_same_conversion(reported: Fraction, own: Fraction) -> bool:
    """Whether a device's converted mean is our own conversion of its mean, both in 1e-6 units; a drift below zero is zero."""
    expected = max(Fraction(0), own)
    return abs(max(Fraction(0), reported) - expected) <= expected * SAME_SHARE + SAME_MICRO


def may_be_converted(reported: Fraction, measured: Fraction, reference_o2_pct: Decimal) -> bool:
    """Whether some oxygen makes `reported` of `measured`: no oxygen at all makes the least of it; a drift below zero is zero."""
    least = convert(max(Fraction(0), measured), oxygen_micro=Fraction(0), reference_o2_pct=reference_o2_pct)
    return max(Fraction(0), reported) >= least * (1 - SAME_SHARE) - SAME_MICRO
