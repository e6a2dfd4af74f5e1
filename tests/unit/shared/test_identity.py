"""Credit codes, permit numbers, MNs, outside ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    with pytest.raises(Invalid):
        identity.credit_code(code[:place] + other + code[place + 1 :])


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
