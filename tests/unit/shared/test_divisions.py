"""Divisions of GB/T 2260 and industries of GB/T 4754: whole tables, prefixes that widen and never leave, nearest codes."""

from __future__ import annotations

import pytest

from shared.domain.errors import Invalid
from shared.domain.industry import industries, industry
from shared.domain.region import division_prefix, full_name, prefix, region, regions


def test_every_division_but_a_province_lies_in_one_that_the_table_has() -> None:
    for one in regions().values():
        assert (one.parent == "") == (one.level == "province"), one
        if one.parent:
            assert one.parent in regions(), one
            assert one.code.startswith(prefix(one.parent)), one


def test_the_prefix_of_a_division_is_that_of_all_divisions_within_and_of_no_other() -> None:
    for code in ("150000", "150100", "150102", "110000", "460400"):
        within = {one for one in regions() if one.startswith(prefix(code))}
        above = {one for one in within if one != code and len(prefix(one)) < len(prefix(code))}
        assert code in within and not above


@pytest.mark.parametrize(
    ("code", "short"),
    [("150000", "15"), ("150100", "1501"), ("150102", "150102"), ("100000", "10"), ("15", "15"), ("1501", "1501")],
)
def test_zeros_that_stand_for_all_of_it_are_left_out(code: str, short: str) -> None:
    assert prefix(code) == short


@pytest.mark.parametrize(("given", "short"), [("15", "15"), ("1501", "1501"), ("150102", "150102"), ("150100", "1501")])
def test_a_division_may_be_given_by_two_four_or_six_digits(given: str, short: str) -> None:
    assert division_prefix(given) == short


@pytest.mark.parametrize("given", ["99", "1599", "159901", "1", "15010", "", "内蒙古", "15010２"])
def test_what_is_no_division_is_refused_with_the_field_and_the_nearest(given: str) -> None:
    with pytest.raises(Invalid) as refused:
        division_prefix(given, "owner.division")
    assert refused.value.field == "owner.division"
    assert refused.value.rule.startswith("6 digits of GB/T 2260; the nearest is ")


def test_names_are_whole_from_the_province_down_and_an_unknown_code_stands_for_itself() -> None:
    assert full_name("150102").startswith(region("150000").name)
    assert full_name("150102").endswith(region("150102").name)
    assert full_name("999999") == "999999"


def test_every_industry_lies_in_the_one_its_code_begins_with() -> None:
    for one in industries().values():
        if one.parent:
            assert one.parent in industries(), one
            assert one.code.startswith(one.parent), one


@pytest.mark.parametrize("code", ["4411", "D44111", "d4411", "Z9999", "D44 11", ""])
def test_a_code_of_no_industry_is_refused_with_the_nearest(code: str) -> None:
    with pytest.raises(Invalid) as refused:
        industry(code, "industry")
    assert refused.value.value == code
    assert "GB/T 4754-2017" in refused.value.rule and "the nearest is" in refused.value.rule
