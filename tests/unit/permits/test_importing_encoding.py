"""The encoding of a list, and codes as lists spell them: what is read, what is mended, what is refused and in which words."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.permits.importing import cleaning
from services.permits.importing.delimited import SEPARATORS, delimited_rows
from services.permits.importing.encoding import (
    LIST_ENCODINGS,
    PIECE,
    beginning,
    open_list_text,
    open_text,
    wide_encoding,
)
from shared.domain.errors import Invalid
from tests.support.product import credit_code

LIST = "许可证编号,单位名称,有效期限\n91130200699229617X001P,示例热电有限公司,2025-12-16至2030-12-15\n"
ENCODINGS = ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_list_reads_the_same_in_every_encoding_that_spreadsheets_save(encoding: str) -> None:
    assert open_list_text(LIST.encode(encoding)).read().removeprefix("\ufeff") == LIST


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_rows_are_the_same_whatever_separates_their_cells(separator: str, encoding: str) -> None:
    rows = list(delimited_rows(LIST.replace(",", separator).encode(encoding)))
    assert [len(row.cells) for row in rows] == [3, 3]
    assert rows[1].cells[0] == "91130200699229617X001P"


@pytest.mark.parametrize(
    ("content", "wide"),
    [
        (b"", None),
        (LIST.encode(), None),
        (LIST.encode("gb18030"), None),
        (LIST.encode("utf-16-le"), "utf-16-le"),
        (LIST.encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF16_LE + "证".encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + "证".encode("utf-16-be"), "utf-16-be"),
        (b"a,b,c,d\n" * 100 + b"\0\0\0", None),  # a few zeros are no sign of UTF-16
    ],
)
def test_utf_16_is_known_by_its_mark_or_its_zeros(content: bytes, wide: str | None) -> None:
    assert wide_encoding(content) == wide


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (b"<html>", b"<htm"),
        (b"\xef\xbb\xbf \r\n\t<html>", b"<htm"),
        (b"PK\x03\x04rest", b"PK\x03\x04"),
        ("{}".encode("utf-16"), b"{}"),
        (b"", b""),
        (b" " * 10_000 + b"[1]", b"[1]"),
    ],
)
def test_the_beginning_is_what_stands_behind_marks_and_space(content: bytes, first: bytes) -> None:
    assert beginning(content) == first


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"\xff", 0),
        (b"abc\xff\xff", 3),
        (b"a" * PIECE + b"\xff\xff", PIECE),
        (b"a" * (PIECE - 1) + b"\xe8\xae", PIECE - 1),
    ],
)
def test_a_text_in_no_known_encoding_names_the_byte_and_what_was_expected(content: bytes, place: int) -> None:
    with pytest.raises(Invalid) as wrong:
        open_text(content, ("utf-8-sig",))
    assert wrong.value.detail == f"the text cannot be read at byte {place}"
    assert (wrong.value.field, wrong.value.value, wrong.value.rule) == ("file", place, "UTF-8")


def test_the_rule_names_each_encoding_once() -> None:
    with pytest.raises(Invalid) as wrong:
        open_text(b"\x81\xff\xff", LIST_ENCODINGS)
    assert wrong.value.rule == "UTF-8 or GB 18030"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\x00"), max_size=60))
def test_any_text_in_utf_8_comes_back(text: str) -> None:
    assert open_text(text.encode(), ("utf-8-sig", "gb18030")).read() == text


def test_a_character_that_lies_across_two_pieces_is_read_whole() -> None:
    for before in range(PIECE - 3, PIECE + 1):
        text = "a" * before + "证书"
        assert open_text(text.encode(), ("utf-8-sig",)).read() == text


NUMBER = "91370783797337187J001C"


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        (NUMBER, None),
        (f"  {NUMBER}  ", None),
        (NUMBER.lower(), f"read as {NUMBER}, whose check character fits"),
        (f"{NUMBER}\u200b", "zero-width characters dropped"),
        (f"'{NUMBER}", f"read as {NUMBER}, whose check character fits"),
        (NUMBER.replace("0", "O", 1), f"read as {NUMBER}, whose check character fits"),
        (f"{NUMBER[:18]} {NUMBER[18:]}", f"read as {NUMBER}, whose check character fits"),
        ("９" + NUMBER[1:], "full-width characters narrowed"),
    ],
)
def test_every_mend_of_a_number_is_reported_in_words(text: str, mend: str | None) -> None:
    cleaned = cleaning.permit_number(text)
    assert (cleaned.text, cleaned.mend, cleaned.check_ok) == (NUMBER, mend, True)


@given(st.integers(0, 9_999_999))
def test_a_right_code_is_never_mended(number: int) -> None:
    code = credit_code(number)
    assert cleaning.credit_code(code) == cleaning.Code(code, None, check_ok=True)
    assert cleaning.permit_number(f"{code}001P") == cleaning.Code(f"{code}001P", None, check_ok=True)


@given(st.integers(0, 9_999_999))
def test_mending_twice_changes_nothing(number: int) -> None:
    code = credit_code(number)
    once = cleaning.credit_code(f" '{code.lower()}' ")
    assert cleaning.credit_code(once.text) == cleaning.Code(code, None, check_ok=True)


@given(st.integers(0, 9_999_999), st.sampled_from(["", " ", "'", "。", "\u3000"]))
def test_all_spellings_of_a_number_have_one_key(number: int, mark: str) -> None:
    code = f"{credit_code(number)}001P"
    assert cleaning.key_of(f"{mark}{code.lower()}{mark}") == cleaning.key_of(code)


@pytest.mark.parametrize(
    ("text", "limit", "degrees", "mend"),
    [
        ("111.67", 180, 111.67, None),
        ("-33.5", 90, -33.5, None),
        ("１１１．６７", 180, 111.67, "full-width characters narrowed"),
        ("", 180, None, None),
        ("  ", 180, None, None),
        ("180", 180, 180.0, None),
        ("0", 90, 0.0, None),
    ],
)
def test_a_position_in_degrees(text: str, limit: int, degrees: float | None, mend: str | None) -> None:
    assert cleaning.degrees(text, "longitude", limit) == (degrees, mend)


@pytest.mark.parametrize(
    ("text", "limit"),
    [("180.1", 180), ("91", 90), ("东经111度", 180), ("111°40′", 180), ("1e2", 180), ("NaN", 90), ("--", 90)],
)
def test_what_is_no_position_is_refused_with_the_value_and_the_range(text: str, limit: int) -> None:
    with pytest.raises(Invalid) as wrong:
        cleaning.degrees(text, "longitude", limit)
    assert wrong.value.detail == f"longitude {text!r} is no position"
    assert wrong.value.rule == f"degrees, -{limit} to {limit}"


@pytest.mark.parametrize(
    ("text", "kept", "mended"),
    [
        ("示例热电有限公司", "示例热电有限公司", False),
        (" 示例热电有限公司 ", "示例热电有限公司", False),
        ("示例热电（集团）有限公司", "示例热电（集团）有限公司", False),  # full-width brackets belong to Chinese names
        ("示例\u200b热电", "示例热电", True),
        ("示例  热电", "示例 热电", True),
        ("示例\u3000热电", "示例 热电", True),
        ("示例\n热电", "示例 热电", True),
        ("", "", False),
    ],
)
def test_a_name_keeps_its_spelling_and_loses_what_nobody_sees(text: str, kept: str, mended: bool) -> None:
    cleaned = cleaning.name(text)
    assert (cleaned.text, cleaned.mend is not None) == (kept, mended)
    assert cleaning.name(kept).text == kept
