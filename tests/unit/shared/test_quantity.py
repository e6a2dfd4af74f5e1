"""Numbers that decide: exact, compared at 1e-6, shown half-even."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import quantity
from shared.domain.errors import Invalid


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("mg/L", "ug/L", "1000"),
        ("ug/m3", "mg/m3", "0.001"),
        ("ng/m³", "mg/m3", "0.000001"),
        ("µg/L", "mg/L", "0.001"),
        ("mg/m3", "mg/m3", "1"),
    ],
)
def test_units_of_one_dimension_convert_exactly(source: str, target: str, factor: str) -> None:
    assert quantity.scale(source, target) == Decimal(factor)


def test_mass_in_gas_does_not_convert_to_mass_in_water() -> None:
    assert quantity.scale("mg/m3", "mg/L") is None
    assert quantity.scale("times", "mg/L") is None


def test_float_noise_never_decides() -> None:
    assert quantity.micro(0.1 + 0.2) == quantity.micro(Decimal("0.3"))
    assert quantity.micro(35.0000004) == quantity.micro(Decimal(35))
    assert quantity.micro(35.000001) > quantity.micro(Decimal(35))


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_six_decimals_survive_the_round_trip(value: Decimal) -> None:
    assert quantity.from_micro(quantity.micro(value)) == value


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        ("48.2137", "35", "48.21"),  # at least two decimals
        ("48.205", "35", "48.2"),  # half to even, trailing zero gone
        ("0.00249", "0.005", "0.002"),  # the limit's own decimals
        ("50", "35", "50"),
        ("-0.001", "35", "0"),
    ],
)
def test_values_are_shown_half_even_to_the_limits_decimals(value: str, limit: str, text: str) -> None:
    assert quantity.shown(Decimal(value), quantity.decimals(Decimal(limit))) == text


@pytest.mark.parametrize("text", ["NaN", "inf", "1,5", "", "abc", "1_000", "６０", "٣", "1e", "0x10", "--1"])
def test_what_is_no_finite_number_is_refused_by_field(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        quantity.decimal(text, "limits[0].limit")
    assert wrong.value.field == "limits[0].limit"


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("0.377", 2, "0.38"),
        ("0.004", 2, "0.004"),
        ("37.7", 0, "38"),
        ("0.4", 0, "0.4"),
        ("0", 2, "0"),
        ("-0.004", 2, "-0.004"),
    ],
)
def test_a_small_value_is_never_rounded_to_nothing(value: str, places: int, text: str) -> None:
    assert quantity.shown_nonzero(Decimal(value), places) == text


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("mg/m3", "mg/m³"),
        ("mg/m³", "mg/m³"),
        ("ug/m3", "µg/m³"),
        ("mg/L", "mg/L"),
        ("", ""),
        ("1", ""),
        ("m3/s", "m³/s"),
    ],
)
def test_a_unit_is_shown_as_people_read_it(unit: str, text: str) -> None:
    assert quantity.shown_unit(unit) == text
