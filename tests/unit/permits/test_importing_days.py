"""Days and periods of validity in the ways that lists write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.permits.importing.days import DAY_ZERO, DAY_ZERO_1904, read_day, read_period
from shared.domain.errors import Invalid

FIRST, LAST = date(2025, 12, 16), date(2030, 12, 15)


@pytest.mark.parametrize(
    "text",
    [
        "2030-12-15", "2030/12/15", "2030.12.15", "20301215", "2030年12月15日", "2030年12月15", "2030 年 12 月 15 日",
        "2030.12.15.", "2030-12-15。", "2030-12-15 23:59:59", "2030年12月15日24:00", "2030-12-15T00:00:00", "2030/12/15 0:00",
        "\u00a02030-12-15\u00a0", "2030-12-15\u200b", "２０３０．１２．１５", "47832", "47832.5", "47832.0", " 47832 ", "47832.",
        "2030 - 12 - 15", "2030\n-12-15",
    ],
)  # fmt: skip
def test_a_day_in_the_ways_it_is_written(text: str) -> None:
    assert read_day(text, "valid_to").day == LAST


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("2030-12-15", None),
        ("２０３０-12-15", "full-width characters narrowed"),
        ("2030-12-15\u200b", "zero-width characters dropped"),
        ("2O30-12-15", "O read as zero"),
        ("2030-12-15 00:00:00", None),
        ("2030-12-15 23:59:59", "time of day left out"),
        ("2030/2/5", "read as 2030-02-05"),
        ("47832.5", "day number of a spreadsheet read as 2030-12-15"),
    ],
)
def test_a_mended_day_says_how(text: str, mend: str | None) -> None:
    assert read_day(text, "valid_to").mend == mend


@pytest.mark.parametrize(
    "text",
    ["", "2030-02-30", "2030-12/15", "15.12.2030", "478320", "4783", "-47832", "2030-12-l5", "长期", "202512", "2030-12",
     "2030年", "9999999", "2030-12-15 25:00", "1e5", "２"],
)  # fmt: skip
def test_what_is_no_certain_day_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        read_day(text, "valid_to")
    assert (wrong.value.field, wrong.value.value) == ("valid_to", text)


def test_day_numbers_of_a_workbook_from_1904_count_from_there() -> None:
    assert read_day("46370", "valid_to", DAY_ZERO_1904).day == LAST
    assert read_day("46370", "valid_to", DAY_ZERO).day != LAST


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-16至2030-12-15", "2025-12-16 至 2030-12-15", "2025-12-16~2030-12-15", "2025.12.16—2030.12.15",
        "2025年12月16日至2030年12月15日", "20251216 - 20301215", "２０２５-12-16～2030-12-15", "2025.12.16-2030.12.15",
        "2025/12/16—2030/12/15", "2025/12/16-2030/12/15", "2025-12-16-2030-12-15", "20251216-20301215",
        "自2025年12月16日起至2030年12月15日止", "自 2025-12-16 起 至 2030-12-15 止", "2025-12-16起，至2030-12-15止。",
        "从2025.12.16到2030.12.15", "2025-12-16\n至\n2030-12-15", "2025-12-16——2030-12-15", "2025-12-16－2030-12-15",
        "2025-12-16 00:00:00至2030-12-15 23:59:59", "46007-47832", "46007.0至47832.0", "2025年12月16日-2030年12月15日",
        "2025-12-16\u00a0至\u00a02030-12-15", "2025-12-16至2030/12/15", "2025-12-16–2030-12-15",
    ],
)  # fmt: skip
def test_a_period_of_validity_in_the_ways_it_is_written(text: str) -> None:
    read = read_period(text)
    assert (read.first, read.last) == (FIRST, LAST)


@pytest.mark.parametrize(
    "text",
    ["", "2025-12-16", "2025-12-16至2030-12-15至2031-01-01", "5年", "2025-12-16至", "至2030-12-15", "2025-12-16 2030-12-15",
     "2025-12-16至2030-02-30"],
)  # fmt: skip
def test_a_period_that_is_none_is_refused_with_what_came(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        read_period(text)
    assert wrong.value.value == text
    assert "2030-12-15" in wrong.value.rule


@pytest.mark.parametrize("text", ["长期", "2025-12-16至长期", "长期有效", "2025-12-16至永久"])
def test_a_permit_without_an_end_is_refused_with_the_law(text: str) -> None:
    with pytest.raises(Invalid) as wrong:
        read_period(text)
    assert (wrong.value.value, "five years" in wrong.value.rule, "第十四条" in wrong.value.rule) == (text, True, True)


@given(st.dates(date(1990, 1, 1), date(2199, 12, 31)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"]))
def test_every_day_is_read_in_every_spelling(day: date, spelling: str) -> None:
    assert read_day(day.strftime(spelling), "valid_to").day == day
    assert read_day(f"{day.year}年{day.month}月{day.day}日", "valid_to").day == day
    assert read_day(str((day - DAY_ZERO).days), "valid_to").day == day


@given(st.text("0123456789-./年月日至自起止 长期", max_size=30))
def test_no_text_is_read_as_a_period_that_does_not_stand_in_it(text: str) -> None:
    try:
        read = read_period(text)
    except Invalid:
        return
    digits = "".join(sign for sign in text if sign.isdigit())
    assert str(read.first.year) in digits or str((read.first - DAY_ZERO).days) in digits
