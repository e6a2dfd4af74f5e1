"""Conversion to the reference oxygen, C · (21 − ref) / (21 − O2), with worked values of the emission standards."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.conversion import AIR_PCT, LEAK_MICRO, convert, is_same_conversion, may_be_converted
from services.monitoring.domain.plausible import plausible_range
from services.monitoring.domain.verdict import Bound, Status, Value, ValueKind, decide

MICRO = 1_000_000


def converted(measured: str, oxygen: str, reference: str) -> Fraction:
    return convert(Fraction(measured), oxygen_micro=Fraction(oxygen) * MICRO, reference_o2_pct=Decimal(reference))


@pytest.mark.parametrize(
    ("measured", "oxygen", "reference", "expected"),
    [
        ("35", "6", "6", Fraction(35)),  # at the reference itself nothing changes
        ("35", "9", "6", Fraction(35 * 15, 12)),  # thermal power, GB 13223: coal
        ("35", "6", "3", Fraction(35 * 18, 15)),  # oil and gas
        ("50", "12", "15", Fraction(50 * 6, 9)),  # gas turbines
        ("50", "12", "9", Fraction(50 * 12, 9)),  # coal boilers, GB 13271
        ("20", "10", "10", Fraction(20)),  # cement kilns, GB 4915
        ("20", "16", "10", Fraction(20 * 11, 5)),
        ("80", "11", "11", Fraction(80)),  # waste incineration, GB 18485
        ("80", "8.5", "11", Fraction(80 * 20, 25)),
        ("100", "0", "6", Fraction(100 * 15, 21)),  # no oxygen makes the least of it
        ("0", "12", "6", Fraction(0)),
        ("-2", "9", "6", Fraction(-2 * 15, 12)),  # a drift below zero stays one
        ("48.2137", "7.35", "6", Fraction("48.2137") * 15 / Fraction("13.65")),
    ],
)
def test_worked_examples(measured: str, oxygen: str, reference: str, expected: Fraction) -> None:
    assert converted(measured, oxygen, reference) == expected


oxygens = st.integers(0, LEAK_MICRO - 1)
values = st.integers(0, 10**10).map(Fraction)
references = st.sampled_from([Decimal(text) for text in ("3", "6", "8", "9", "10", "11", "15", "3.5")])


@given(values, oxygens, oxygens, references)
def test_more_oxygen_never_lowers_the_converted_value(
    measured: Fraction, one: int, other: int, reference: Decimal
) -> None:
    """Dilution with air cannot turn an excess into a compliant hour."""
    low, high = sorted((one, other))
    less = convert(measured, oxygen_micro=Fraction(low), reference_o2_pct=reference)
    more = convert(measured, oxygen_micro=Fraction(high), reference_o2_pct=reference)
    assert less <= more


@given(values, values, oxygens, references)
def test_conversion_is_linear(one: Fraction, other: Fraction, oxygen: int, reference: Decimal) -> None:
    """So the mean of converted minutes of one oxygen is the converted mean."""

    def at(value: Fraction) -> Fraction:
        return convert(value, oxygen_micro=Fraction(oxygen), reference_o2_pct=reference)

    assert at(one + other) == at(one) + at(other)


@given(values, oxygens, references)
def test_below_the_leak_the_quotient_stays_finite(measured: Fraction, oxygen: int, reference: Decimal) -> None:
    made = convert(measured, oxygen_micro=Fraction(oxygen), reference_o2_pct=reference)
    assert 0 <= made <= measured * 21 / 2


@pytest.mark.parametrize(
    ("reported", "own", "same"),
    [
        (0, 0, True),
        (100_000, 0, True),  # 0.1 unit beside nothing
        (100_001, 0, False),
        (-5_000_000, 0, True),  # a drift below zero is zero
        (0, -5_000_000, True),
        (105_100_000, 100_000_000, True),  # 5 % and 0.1
        (105_100_001, 100_000_000, False),
        (94_900_000, 100_000_000, True),
        (94_899_999, 100_000_000, False),
        (200_000_000, 100_000_000, False),
    ],
)
def test_a_reported_conversion_may_differ_by_5_percent_and_a_tenth(reported: int, own: int, same: bool) -> None:
    assert is_same_conversion(Fraction(reported), Fraction(own)) is same


@given(values)
def test_a_value_is_its_own_conversion(value: Fraction) -> None:
    assert is_same_conversion(value, value)


@given(values, oxygens, references)
def test_what_some_oxygen_makes_is_possible(measured: Fraction, oxygen: int, reference: Decimal) -> None:
    made = convert(measured, oxygen_micro=Fraction(oxygen), reference_o2_pct=reference)
    assert may_be_converted(made, measured, AIR_PCT - Fraction(reference))


@pytest.mark.parametrize(
    ("reported", "measured", "possible"),
    [
        (100, 100, True),
        (72, 100, True),  # 15/21 of it: no oxygen at all
        (67, 100, False),  # less than any oxygen makes, and than 5 % and 0.1 below that
        (0, 100, False),
        (0, 0, True),
        (-3, -3, True),
        (0, -3, True),
        (500, 100, True),  # with very much oxygen
    ],
)
def test_a_converted_value_cannot_be_less_than_without_any_oxygen(reported: int, measured: int, possible: bool) -> None:
    assert may_be_converted(Fraction(reported * MICRO), Fraction(measured * MICRO), Fraction(AIR_PCT - 6)) is possible


@pytest.mark.parametrize("oxygen", [None, Value(6_000_000)], ids=["no oxygen reported", "oxygen reported"])
@pytest.mark.parametrize("drift", [-300_000, -3_000_000])
def test_a_zero_that_drifts_below_zero_is_compliant_in_its_converted_value_too(
    drift: int, oxygen: Value | None
) -> None:
    """SO2 of a boiler that burns gas is about zero, and a cold instrument reads a little less."""
    bound = Bound(Decimal(35), "mg/m3", "mg/m3", Decimal(6), plausible_range("a21026", "mg/m3"))
    verdict = decide(bound, Value(drift, drift), oxygen, None)
    assert (verdict.status, verdict.doubt, verdict.value_kind) == (Status.COMPLIANT, None, ValueKind.REPORTED_CONVERTED)
