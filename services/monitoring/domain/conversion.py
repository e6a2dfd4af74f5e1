"""Conversion of a concentration to the reference oxygen, C · (21 − ref) / (21 − O2) (HJ/T 397, GB 13223 formula)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

AIR_PCT = 21
LEAK_MICRO = 19_000_000  # from 19 % on the quotient explodes: air leak or standstill, no verdict


def convert(measured: Fraction, *, oxygen_micro: Fraction, reference_o2_pct: Decimal) -> Fraction:
    """The measured value at the reference oxygen; the caller has refused `oxygen_micro` from LEAK_MICRO on."""
    return measured * (AIR_PCT - Fraction(reference_o2_pct)) / (AIR_PCT - oxygen_micro / 1_000_000)
