"""A note on an item says what stood there and what was expected, in bounded printable text, without a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.item_note import (
    EXPECTED,
    EXPECTED_LONGEST,
    MOST_NOTES,
    NAME_LONGEST,
    VALUE_LONGEST,
    ItemFault,
    ItemNote,
    bounded,
    limited,
    note,
)

GIVEN_BY_THE_FINDER = {ItemFault.LENGTH, ItemFault.TIME_MENDED}  # what was expected depends on the packet


@pytest.mark.parametrize("fault", [one for one in ItemFault if one not in GIVEN_BY_THE_FINDER])
def test_every_kind_of_fault_says_what_was_expected_in_both_languages(fault: ItemFault) -> None:
    zh, _, en = EXPECTED[fault].partition(" / ")
    assert any("\u4e00" <= char <= "\u9fff" or char == "=" for char in zh), zh
    assert en and en.isascii(), en
    assert note(fault, "w01018", "Rtd", "x").expected == EXPECTED[fault]
    assert len(EXPECTED[fault]) <= EXPECTED_LONGEST


@pytest.mark.parametrize("fault", sorted(GIVEN_BY_THE_FINDER))
def test_the_finder_s_own_words_stand_in_the_note(fault: ItemFault) -> None:
    assert note(fault, "", "length", "0100", "0099").expected == "0099"
    assert note(fault, "", "length", "0100").expected == ""


@pytest.mark.parametrize(
    ("factor", "field", "text"),
    [
        ("w01018", "Rtd", "w01018-Rtd: unit '60 mg/L'"),
        ("w01018", "", "w01018: unit '60 mg/L'"),
        ("", "DataTime", "DataTime: unit '60 mg/L'"),
        ("", "", "packet: unit '60 mg/L'"),
    ],
    ids=["a field of a factor", "a factor", "a field of the packet", "the packet"],
)
def test_a_note_reads_as_a_line_that_names_its_place(factor: str, field: str, text: str) -> None:
    assert str(note(ItemFault.UNIT, factor, field, "60 mg/L")) == text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("PW=123456", "PW=******"),
        ("pw = secret;MN=1", "pw =******;MN=1"),
        ("ST=32;PW=a b c,d", "ST=32;PW=******,d"),
        ("PW=&&", "PW=******&&"),
        ("12.5", "12.5"),
    ],
)
def test_no_password_stands_in_a_note(value: str, kept: str) -> None:
    assert note(ItemFault.UNCLOSED, "", "CP", value).value == kept


@pytest.mark.parametrize(
    ("text", "longest", "kept"),
    [
        ("", 4, ""),
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("化学需氧量", 4, "化学需…"),
        ("a\x00b", 4, "a\ufffdb"),
        ("a\nb", 4, "a\ufffdb"),
        ("\u202eabc", 8, "\ufffdabc"),  # a text that would turn what follows it around
        ("a b", 4, "a b"),
    ],
)
def test_a_text_is_cut_and_what_no_screen_shows_is_replaced(text: str, longest: int, kept: str) -> None:
    assert bounded(text, longest) == kept


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300), st.sampled_from(ItemFault))
def test_whatever_a_device_sends_a_note_stays_small_and_printable(a: str, b: str, c: str, fault: ItemFault) -> None:
    made = note(fault, a, b, c)
    assert (len(made.factor) <= NAME_LONGEST, len(made.field) <= NAME_LONGEST) == (True, True)
    assert len(made.value) <= VALUE_LONGEST and len(made.expected) <= EXPECTED_LONGEST
    assert all(text.isprintable() for text in (made.factor, made.field, made.value, made.expected))


@given(st.text(max_size=80), st.integers(1, 80))
def test_bounding_twice_changes_nothing(text: str, longest: int) -> None:
    once = bounded(text, longest)
    assert bounded(once, longest) == once


def notes(count: int) -> list[ItemNote]:
    return [note(ItemFault.EMPTY, f"w{place:05d}", "Rtd", "") for place in range(count)]


@pytest.mark.parametrize("count", [0, 1, MOST_NOTES - 1, MOST_NOTES])
def test_notes_up_to_the_limit_are_all_kept(count: int) -> None:
    assert limited(iter(notes(count))) == tuple(notes(count))


@pytest.mark.parametrize("count", [MOST_NOTES + 1, 1000])
def test_of_more_notes_the_first_are_kept_and_the_others_counted(count: int) -> None:
    kept = limited(notes(count))
    assert len(kept) == MOST_NOTES
    assert kept[:-1] == tuple(notes(count))[: MOST_NOTES - 1]
    assert (kept[-1].fault, kept[-1].value) == (ItemFault.MORE, f"{count - MOST_NOTES + 1} more")
