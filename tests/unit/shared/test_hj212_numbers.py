"""A number is taken when it can be read in one sense only; every other text is named for what is wrong with it."""

from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.item_note import ItemFault
from shared.hj212.numbers import LONGEST_NUMBER, read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0),
        ("60.1", 60.1),
        ("-0.003", -0.003),  # zero drift
        ("+12.5", 12.5),
        ("007", 7.0),
        (".5", 0.5),
        ("5.", 5.0),
        (" 12.5 ", 12.5),
        ("\t3", 3.0),
        ("1.5E2", 150.0),
        ("1e-3", 0.001),
        ("999.99", 999.99),  # pinned at the end of the range, whatever its mark
        ("123456789012.5", 123456789012.5),
        ("0.123456789012345", 0.123456789012345),  # a simulator writes 15 decimals
    ],
)
def test_a_number_in_one_sense_is_read(text: str, number: float) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ItemFault.EMPTY),
        ("   ", ItemFault.EMPTY),
        ("\t", ItemFault.EMPTY),
        ("12,5", ItemFault.DECIMAL_COMMA),
        ("1,234.5", ItemFault.DECIMAL_COMMA),
        ("-0,3", ItemFault.DECIMAL_COMMA),
        ("1.234,5", ItemFault.DECIMAL_COMMA),
        ("60.1mg/L", ItemFault.UNIT),
        ("60.1 mg/L", ItemFault.UNIT),
        ("25℃", ItemFault.UNIT),
        ("6.9%", ItemFault.UNIT),
        ("-3.2kPa", ItemFault.UNIT),
        ("1e3 Pa", ItemFault.UNIT),
        ("１２．５", ItemFault.FULL_WIDTH),
        ("12．5", ItemFault.FULL_WIDTH),
        ("－5", ItemFault.FULL_WIDTH),
        ("1e999", ItemFault.OUT_OF_RANGE),
        ("-1e400", ItemFault.OUT_OF_RANGE),
        ("N", ItemFault.NOT_A_NUMBER),  # a mark where the value belongs, as seen in the field
        ("NaN", ItemFault.NOT_A_NUMBER),
        ("-nan", ItemFault.NOT_A_NUMBER),
        ("inf", ItemFault.NOT_A_NUMBER),
        ("Infinity", ItemFault.NOT_A_NUMBER),
        ("--", ItemFault.NOT_A_NUMBER),
        ("-", ItemFault.NOT_A_NUMBER),
        ("0x1F", ItemFault.UNIT),  # a number with something behind it
        ("1.2.3", ItemFault.NOT_A_NUMBER),
        ("1_000", ItemFault.NOT_A_NUMBER),  # Python alone reads an underscore
        ("1-2", ItemFault.NOT_A_NUMBER),
        ("null", ItemFault.NOT_A_NUMBER),
        ("无", ItemFault.NOT_A_NUMBER),
    ],
)
def test_what_is_none_is_named_for_what_is_wrong_with_it(text: str, fault: ItemFault) -> None:
    assert read_number(text) is fault


@pytest.mark.parametrize("digits", [LONGEST_NUMBER - 1, LONGEST_NUMBER])
def test_a_number_may_have_32_characters(digits: int) -> None:
    assert read_number("0" * (digits - 1) + "7") == 7.0


def test_a_longer_number_is_refused_and_spaces_around_it_are_not_counted_as_its_digits() -> None:
    assert read_number("0" * LONGEST_NUMBER + "7") is ItemFault.TOO_LONG
    assert read_number("1" * 200) is ItemFault.TOO_LONG
    assert read_number("x" * 200) is ItemFault.TOO_LONG


@given(st.text(max_size=60))
def test_every_text_is_a_finite_number_or_a_fault(text: str) -> None:
    found = read_number(text)
    assert isinstance(found, ItemFault) or isfinite(found)


@given(st.floats(-1e11, 1e11).map(lambda value: round(value, 6)))
def test_a_number_as_loggers_print_it_comes_back_the_same(value: float) -> None:
    assert read_number(f"{value:.6f}") == value


@given(st.floats(0, 1e6).map(lambda value: round(value, 3)), st.sampled_from(["mg/L", "mg/m3", "%", "℃", "kPa", "pH"]))
def test_a_unit_behind_a_number_is_never_taken_for_a_part_of_it(value: float, unit: str) -> None:
    assert read_number(f"{value}{unit}") is ItemFault.UNIT
    assert read_number(f"{value} {unit}") is ItemFault.UNIT
