"""What an import mends, only where it is certain, and that it says so."""

from __future__ import annotations

from datetime import date

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
    "text",
    ["2030-12-15", "2030/12/15", "2030.12.15", "20301215", "2030年12月15日"],
)
def test_five_spellings_of_a_day_are_one_day(text: str) -> None:
    assert cleaning.day(text, "valid_to")[0] == date(2030, 12, 15)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("2030-12-15", None),
        ("２０３０-12-15", "full-width characters narrowed"),
        ("2030-12-15\u200b", "zero-width characters dropped"),
        ("2O30-12-15", "letter O read as zero"),
        ("2030-12-15 00:00:00", None),
        ("2030/2/5", "read as 2030-02-05"),
    ],
)
def test_a_mended_day_says_how(text: str, mend: str | None) -> None:
    assert cleaning.day(text, "valid_to")[1] == mend


@pytest.mark.parametrize("text", ["", "2030-02-30", "2030-12/15", "15.12.2030", "47832", "2030-12-l5", "长期"])
def test_what_is_no_certain_day_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        cleaning.day(text, "valid_to")
    assert (wrong.value.field, wrong.value.value) == ("valid_to", text)


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-16至2030-12-15",
        "2025-12-16 至 2030-12-15",
        "2025-12-16~2030-12-15",
        "2025.12.16—2030.12.15",
        "2025年12月16日至2030年12月15日",
        "20251216 - 20301215",
        "２０２５-12-16～2030-12-15",
    ],
)
def test_a_period_of_validity_in_the_ways_it_is_written(text: str) -> None:
    assert cleaning.validity(text)[:2] == (date(2025, 12, 16), date(2030, 12, 15))


@pytest.mark.parametrize("text", ["", "2025-12-16", "2025-12-16至长期", "2025-12-16至2030-12-15至2031-01-01"])
def test_a_period_that_is_none_is_refused_with_what_came(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        cleaning.validity(text)
    assert wrong.value.value == text


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
        ("91370783797337187JO01C", True),  # and in the three digits, where no letter may stand
    ],
)
def test_a_number_is_mended_where_only_one_reading_fits(text: str, mended: bool) -> None:
    cleaned = cleaning.permit_number(text)
    assert cleaned.text == NUMBER
    assert (cleaned.mend is not None) is mended


@pytest.mark.parametrize(
    "text",
    ["", "91370783797337188J001C", "91370783797337187J0010", "9137O783797337188J001C", "待办", NUMBER + "1"],
    ids=["nothing", "a wrong digit", "a zero for the last letter", "O and a wrong digit", "a word", "too long"],
)
def test_a_number_that_no_certain_mend_makes_right_is_refused_as_it_came(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        cleaning.permit_number(text)
    assert wrong.value.value == text


def test_a_name_keeps_its_full_width_brackets_and_loses_what_nobody_sees() -> None:
    assert cleaning.name(" 中交（寿光）\u200b投资有限公司\u3000") == cleaning.Cleaned(
        "中交（寿光）投资有限公司", "invisible characters dropped"
    )


@given(st.from_regex(r"\A[91][12][0-9]{6}[0-9A-HJ-NPQRTUWXY]{9}\Z"), st.data())
def test_zeros_written_as_letter_o_always_come_back(body: str, data: st.DataObject) -> None:
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
