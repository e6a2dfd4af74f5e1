"""What an import mends, only where it is certain, and that it says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from services.permits.importing import cleaning
from shared.domain import identity
from shared.domain.errors import Invalid

NUMBER = "91370783797337187J001C"
WIDE = str.maketrans({chr(n): chr(n + 0xFEE0) for n in range(0x21, 0x7F)})


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (NUMBER, False),
        (NUMBER.translate(WIDE), True),
        ("\ufeff" + NUMBER, True),
        (NUMBER[:10] + "\u200b" + NUMBER[10:], True),
        (NUMBER.lower(), True),
        ("913707 83797337187J 001C", True),
        ("9137O783797337187J001C", True),  # O for zero inside the credit code: the check character decides
        ("91370783797337187JO01C", True),  # and in the three digits
        (f"{NUMBER}。", True),
        (f"'{NUMBER}", True),
        (f'="{NUMBER}"', True),
        (f"\u00a0{NUMBER}\u00a0", False),
        (f"{NUMBER[:18]}\n{NUMBER[18:]}", True),
    ],
)
def test_a_number_is_mended_where_only_one_reading_fits(text: str, mended: bool) -> None:
    cleaned = cleaning.permit_number(text)
    assert (cleaned.text, cleaned.check_ok) == (NUMBER, True)
    assert (cleaned.mend is not None) is mended


@pytest.mark.parametrize(
    "text",
    ["", "91370783797337187J0010", "9137O783797337188J001C", "待办", NUMBER + "1", "94370783797337187J001C"],
    ids=["nothing", "a zero at the end", "O and a wrong digit", "a word", "too long", "no kind of department 9"],
)
def test_a_number_that_no_certain_mend_makes_right_is_refused_as_it_came(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        cleaning.permit_number(text)
    assert wrong.value.value == text


def test_a_number_whose_check_character_is_wrong_is_taken_as_issued_and_marked() -> None:
    taken = cleaning.permit_number("91370783797337188J001C")
    assert (taken.text, taken.mend, taken.check_ok) == ("91370783797337188J001C", None, False)
    spaced = cleaning.credit_code(" 9137078379733７188j")
    assert (spaced.text, spaced.check_ok) == ("91370783797337188J", False)
    assert spaced.mend == "full-width characters narrowed, read as 91370783797337188J"


@pytest.mark.parametrize("text", ["9.13707E+17", "9.13707E17", "9.1370124307287802E+17", "913701243072878000", "9E+17"])
def test_what_a_spreadsheet_made_a_number_is_refused_with_the_remedy(text: str) -> None:
    for read in (cleaning.credit_code, cleaning.permit_number):
        if read is cleaning.permit_number and "E" not in text:
            continue  # a permit number ends in a capital, so only its credit code can lose digits
        with pytest.raises(Invalid) as wrong:
            read(text)
        assert "文本格式" in wrong.value.rule and "format the column as text" in wrong.value.rule
        assert wrong.value.value == text


def test_a_person_is_no_holder_and_only_a_part_of_the_number_is_reported() -> None:
    with pytest.raises(Invalid) as wrong:
        cleaning.permit_number("110108199003070011001P")
    assert (wrong.value.value, wrong.value.rule[:12]) == ("110108********0011", "the credit c")


def test_a_name_keeps_its_full_width_brackets_and_loses_what_nobody_sees() -> None:
    assert cleaning.name(" 中交（寿光）\u200b投资有限公司\u3000") == cleaning.Cleaned(
        "中交（寿光）投资有限公司", "invisible characters dropped"
    )


@given(st.from_regex(r"\A[91][12][0-9]{6}[0-9A-HJ-NPQRTUWXY]{9}\Z"), st.data())
def test_zeros_written_as_a_capital_o_always_come_back(body: str, data: st.DataObject) -> None:
    code = body + uscc.calc_check_digit(body)
    zeros = [i for i, sign in enumerate(code) if sign == "0"]
    spoiled = data.draw(st.sets(st.sampled_from(zeros))) if zeros else set[int]()
    text = "".join("O" if i in spoiled else sign for i, sign in enumerate(code))
    if identity.check_character_ok(code):  # else a body that no authority gives out
        assert cleaning.credit_code(text).text == code


@given(st.text(max_size=30))
def test_no_text_is_mended_into_a_code_whose_check_character_does_not_fit(text: str) -> None:
    try:
        kept = cleaning.credit_code(text).text
    except Invalid:
        return
    assert kept.startswith("H9") or uscc.is_valid(kept)
