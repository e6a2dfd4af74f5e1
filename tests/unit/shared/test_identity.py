"""Credit codes, permit numbers, MNs, outside ids."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from shared.domain import identity
from shared.domain.errors import Invalid
from tests.support.product import credit_code


def test_a_real_permit_number_is_accepted() -> None:
    assert identity.permit_number("91130200699229617X001P") == "91130200699229617X001P"  # HJ 608-2017's own example


@given(st.integers(0, 9_999_999), st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_wrong_character_of_a_credit_code_is_always_found(number: int, place: int, other: str) -> None:
    code = credit_code(number)
    if code[place] == other:
        return
    spoiled = code[:place] + other + code[place + 1 :]
    assert not identity.check_character_ok(spoiled)
    with pytest.raises(Invalid):
        identity.credit_code(spoiled)


ISSUED_WRONG = "91370783797337188J"  # right structure, and a check character that does not fit


def test_a_wrong_check_character_is_not_a_wrong_structure() -> None:
    parsed = identity.parse_credit_code(ISSUED_WRONG)
    assert (parsed.text, parsed.check_ok) == (ISSUED_WRONG, False)
    number = identity.parse_permit_number(f"{ISSUED_WRONG}001C")
    assert (number.text, number.credit_code, number.check_ok) == (f"{ISSUED_WRONG}001C", ISSUED_WRONG, False)
    assert identity.parse_permit_number("91130200699229617X001P").check_ok


@pytest.mark.parametrize("check", [identity.credit_code, lambda text: identity.permit_number(f"{text}001C")])
def test_callers_are_refused_a_wrong_check_character_with_the_right_one(check: Callable[[str], str]) -> None:
    with pytest.raises(Invalid) as wrong:
        check(ISSUED_WRONG)
    assert wrong.value.rule == "18 characters with the check character of GB 32100-2015"
    assert ISSUED_WRONG in wrong.value.detail and wrong.value.detail.endswith("would be 'M'")


@pytest.mark.parametrize(
    "text",
    ["", "9113020069922961", "91130200699229617x", "94130200699229617X", "01130200699229617X", "911302006992296I7X",
     "9113020A699229617X", "９１130200699229617X", "B1130200699229617X", "91130200699229617X1"],
    ids=["nothing", "too short", "lower case", "no kind of the department", "no department", "an I",
         "an A in the division", "full-width digits", "no department B", "too long"],
)  # fmt: skip
def test_what_has_not_the_structure_of_a_credit_code_is_refused_everywhere(text: str) -> None:
    assert not identity.check_character_ok(text) or text[:18] == "91130200699229617X"
    for parse in (identity.parse_credit_code, identity.credit_code):
        with pytest.raises(Invalid) as wrong:
            parse(text)
        assert wrong.value.value == text and wrong.value.rule


@pytest.mark.parametrize(
    "code", ["11100000000014349C", "54370783ME0000001K", "N2370783MF0000001J", "Y1100000717868870F"]
)
def test_departments_beside_market_regulation_register_organisations_too(code: str) -> None:
    body = code[:17]
    assert identity.credit_code(body + uscc.calc_check_digit(body + "0")) == body + uscc.calc_check_digit(body + "0")


def test_a_unit_without_a_credit_code_has_no_check_character_that_could_be_wrong() -> None:
    assert identity.check_character_ok("H9370783000012345a")
    assert identity.parse_permit_number("H9370783000012345a001P").check_ok


def _persons() -> list[str]:
    """Invented numbers of identity cards, of which a part has the structure and check character of a credit code too."""
    bodies = [
        f"{place}19900307{serial:03d}" for place in ("110108", "120101", "510104", "330106") for serial in range(99)
    ]
    return [body + str(ric.calc_check_digit(body + "0")) for body in bodies]


def test_the_number_of_an_identity_card_is_no_credit_code_even_where_it_passes_the_check() -> None:
    both = [number for number in _persons() if identity.check_character_ok(number)]
    assert len(both) > 3
    for number in _persons():
        with pytest.raises(Invalid) as wrong:
            identity.parse_credit_code(number)
        assert number[6:14] not in wrong.value.detail + str(wrong.value.value)  # nobody's birthday in a report
        with pytest.raises(Invalid):
            identity.parse_permit_number(f"{number}001P")


@given(st.integers(0, 99_999_999))
def test_an_institution_whose_division_and_code_only_resemble_a_birthday_stays_one(number: int) -> None:
    body = f"12370119{number:08d}X"
    code = body + uscc.calc_check_digit(body + "0")
    assert identity.credit_code(code) == code  # position 17 of a person's number is a digit


def test_the_check_character_of_the_organisation_code_within_is_known() -> None:
    assert identity.organisation_check_ok("91370783797337187J") and identity.organisation_check_ok("12370100F48899368E")
    assert not identity.organisation_check_ok(ISSUED_WRONG)


def test_digits_of_another_script_are_no_digits_of_a_permit_number() -> None:
    with pytest.raises(Invalid):
        identity.permit_number("91130200699229617X００１P")


@pytest.mark.parametrize("text", ["", "91130200699229617X001", "91130200699229617X001p", "91130200699229617Y001P"])
def test_a_wrong_permit_number_names_the_value_and_the_rule(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        identity.permit_number(text)
    assert wrong.value.field == "number"
    assert repr(text) in wrong.value.detail or "18" in wrong.value.rule


@pytest.mark.parametrize("text", ["", "a" * 33, "A B", "甲"])
def test_an_mn_is_1_to_32_plain_characters(text: str) -> None:
    with pytest.raises(Invalid):
        identity.mn(text)


def test_outside_ids_have_26_characters_and_no_dot() -> None:
    for made in (identity.new_id("alr"), identity.derived_id("psh", "a", "1")):
        prefix, _, rest = made.partition("_")
        assert prefix in ("alr", "psh")
        assert len(rest) == 26
        assert "." not in made


def test_the_same_parts_give_the_same_id_and_others_another() -> None:
    assert identity.derived_id("psh", "ab", "c") == identity.derived_id("psh", "ab", "c")
    assert identity.derived_id("psh", "ab", "c") != identity.derived_id("psh", "a", "bc")
