"""Units, factor codes, divisions and industries: the traps of the standards, each with its own test."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Invalid, unknown_value
from shared.domain.industry import industries, industry
from shared.domain.pollutant import (
    OTHER,
    OXYGEN,
    UNITS,
    aliases_2005,
    family,
    family_named,
    pollutant,
    pollutants,
)
from shared.domain.quantity import (
    decimals,
    from_micro,
    known_units,
    micro,
    plain,
    scale,
    shown,
    shown_nonzero,
    shown_unit,
    unit,
)
from shared.domain.region import full_name, prefix, region, regions

units = st.sampled_from(sorted(known_units()))


@given(units, units, units)
def test_converting_over_a_third_unit_is_converting_at_once(first: str, second: str, third: str) -> None:
    one, two, both = scale(first, second), scale(second, third), scale(first, third)
    if one is not None and two is not None:
        assert both == one * two
    assert (one is None) == (scale(second, first) is None)
    if one is not None:
        back = scale(second, first)
        assert back is not None and one * back == 1


@pytest.mark.parametrize(
    ("written", "spelling"),
    [
        ("mg/m³", "mg/m3"),
        ("µg/m³", "ug/m3"),  # the micro sign
        ("μg/m3", "ug/m3"),  # the Greek mu
        ("µg/L", "ug/L"),
        ("μg/L", "ug/L"),
        ("ng/m³", "ng/m3"),
        ("mg/l", "mg/L"),
        ("ug/l", "ug/L"),
        ("°C", "℃"),
        ("", "1"),
        ("kPa", "kPa"),  # a unit that is not compared keeps its spelling
    ],
)
def test_a_unit_has_one_spelling(written: str, spelling: str) -> None:
    assert unit(written) == spelling == unit(unit(written))
    assert scale(written, spelling) == 1


@pytest.mark.parametrize("text", [*sorted(known_units()), "m3/s", "L/s", "kPa"])
def test_a_shown_unit_is_read_back_as_the_same(text: str) -> None:
    assert unit(shown_unit(text)) == text


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        ("w20111", "ug/L"),  # mercury
        ("w20115", "ug/L"),  # cadmium
        ("w20117", "ug/L"),  # chromium VI
        ("w20119", "ug/L"),  # arsenic
        ("w20120", "ug/L"),  # lead
        ("a21001", "ng/m3"),  # ammonia
        ("a21026", "mg/m3"),
        ("a21002", "mg/m3"),
        ("a34013", "mg/m3"),
        ("w01018", "mg/L"),
        ("w21003", "mg/L"),
        ("w00000", "L/s"),
        ("a00000", "m3/s"),
        (OXYGEN, "%"),
    ],
)
def test_the_default_unit_of_a_factor_is_the_standard_s_which_is_not_always_that_of_the_limits(
    code: str, sent: str
) -> None:
    """A limit for mercury in mg/L that met a value in µg/L as if it were mg/L would call every hour an excess."""
    assert pollutant(code).unit == sent


@pytest.mark.parametrize(
    ("code_2005", "code"),
    [
        ("B02", "a00000"),
        ("01", "a34013"),
        ("02", "a21026"),
        ("03", "a21002"),
        ("S01", "a19001"),
        ("S02", "a01011"),
        ("S03", "a01012"),
        ("S08", "a01013"),
        ("S05", "a01014"),
        ("B01", "w00000"),
        ("001", "w01001"),
        ("011", "w01018"),
        ("060", "w21003"),
        ("065", "w21001"),
        ("101", "w21011"),
    ],
)
def test_devices_and_platforms_that_still_use_codes_of_2005_are_understood(code_2005: str, code: str) -> None:
    assert aliases_2005()[code_2005] == code


def test_an_old_code_never_names_two_factors() -> None:
    named = [factor.code_2005.strip() for factor in pollutants().values() if factor.code_2005.strip()]
    twice = {old for old in named if named.count(old) > 1}
    assert not twice & aliases_2005().keys()
    assert set(named) - twice == set(aliases_2005())


def test_old_codes_and_new_ones_do_not_collide() -> None:
    assert not aliases_2005().keys() & pollutants().keys()


@pytest.mark.parametrize("code", sorted(pollutants())[::17])
def test_a_factor_has_names_medium_and_a_physical_range(code: str) -> None:
    known = pollutant(code)
    assert known.zh and known.en and known.medium
    assert known.unit is None or known.unit in UNITS.values()
    assert known.physical is not None and known.physical.lowest < known.physical.highest and known.physical.source


def test_an_unknown_factor_is_named_by_its_code_and_belongs_to_the_others() -> None:
    assert (pollutant("PMD").zh, pollutant("PMD").unit, family("PMD")) == ("PMD", None, OTHER)
    assert family_named("no such family") is OTHER


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("0.0000005", 0),  # half to even
        ("0.0000015", 2),
        ("0.0000025", 2),
        ("-0.0000005", 0),
        ("-0.0000015", -2),
        ("35.0000004999", 35_000_000),
        ("35.0000005001", 35_000_001),
        ("1e-7", 0),
    ],
)
def test_what_is_compared_is_rounded_half_to_even_at_the_sixth_decimal(value: str, micros: int) -> None:
    """四舍六入五成双, as HJ 212-2025 has it for statistics."""
    assert micro(Decimal(value)) == micros


@given(st.integers(-(10**15), 10**15))
def test_a_count_of_millionths_is_its_own_number(count: int) -> None:
    assert micro(from_micro(count)) == count
    assert Decimal(plain(from_micro(count))) == from_micro(count)


@given(st.decimals(-(10**6), 10**6, places=6), st.decimals(-(10**6), 10**6, places=6))
def test_rounding_keeps_the_order(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert micro(low) <= micro(high)
    assert Decimal(shown(low, 2)) <= Decimal(shown(high, 2))


@given(st.decimals(-(10**6), 10**6, places=6), st.integers(0, 6))
def test_a_shown_number_has_no_exponent_no_trailing_zeros_and_no_minus_zero(value: Decimal, places: int) -> None:
    for text in (shown(value, places), shown_nonzero(value, places)):
        assert text != "-0" and "E" not in text
        assert "." not in text or text[-1] not in "0."
    assert (shown_nonzero(value, places) == "0") == (value == 0)


@pytest.mark.parametrize(
    ("limit", "places"), [("35", 2), ("0.5", 2), ("0.05", 2), ("0.005", 3), ("0.0050", 3), ("1E+2", 2), ("0", 2)]
)
def test_a_value_is_shown_with_the_decimals_of_its_limit_at_least_two(limit: str, places: int) -> None:
    assert decimals(Decimal(limit)) == places


@pytest.mark.parametrize(
    ("code", "name", "inside"),
    [
        ("150000", "内蒙古自治区", "15"),
        ("150100", "内蒙古自治区呼和浩特市", "1501"),
        ("150102", "内蒙古自治区呼和浩特市新城区", "150102"),
        ("110000", "北京市", "11"),
        ("999999", "999999", "999999"),  # the table does not know it: its code
    ],
)
def test_a_division_is_named_as_far_up_as_the_table_knows(code: str, name: str, inside: str) -> None:
    assert (full_name(code), prefix(code)) == (name, inside)


@given(st.sampled_from(sorted(regions())))
def test_every_division_lies_inside_the_one_above_it(code: str) -> None:
    found = region(code)
    if found.parent:
        assert code.startswith(prefix(found.parent))
        assert full_name(code).endswith(found.name)


@given(st.sampled_from(sorted(industries())))
def test_every_industry_begins_with_its_section(code: str) -> None:
    found = industry(code)
    assert found.code == code and code[0].isalpha() and (code[1:] == "" or code[1:].isdigit())
    assert {"section": 1, "division": 3, "group": 4, "class": 5}[found.level] == len(code)
    if found.parent:
        assert code.startswith(found.parent)


@pytest.mark.parametrize(
    ("ask", "code", "rule", "nearest"),
    [
        (region, "150120", "GB/T 2260", "0120"),
        (region, "15", "GB/T 2260", "1"),
        (industry, "D4410", "GB/T 4754-2017", "D441"),
        (industry, "4411", "GB/T 4754-2017", "4411"),  # the section left out
    ],
)
def test_an_unknown_code_is_refused_with_the_rule_and_the_nearest(
    ask: object, code: str, rule: str, nearest: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        ask(code, "document.code")  # type: ignore[operator]
    assert wrong.value.field == "document.code" and repr(code) in wrong.value.detail
    expected, _, found = wrong.value.rule.partition("; the nearest is ")
    assert rule in expected and nearest in found


def test_the_nearest_of_the_known_values_is_named() -> None:
    wrong = unknown_value("level", "yelow", ("blue", "yellow", "orange"), field="min_level")
    assert wrong.detail == "min_level 'yelow' is not a level: the nearest is 'yellow'"
    assert wrong.rule == "a known level; the nearest is yellow"
