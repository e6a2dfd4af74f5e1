"""Whatever bad items stand in a packet, its good ones are read as in a packet of them alone: from frames and from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.items import readings
from services.monitoring.domain.reading import Reading
from services.monitoring.packet_record import (
    Accepted,
    Rejection,
    aliases_of_segment,
    device_document,
    examine,
    notes_of,
    read_packet,
)
from shared.domain.item_note import (
    EXPECTED_LONGEST,
    MOST_NOTES,
    NAME_LONGEST,
    VALUE_LONGEST,
    ItemFault,
    ItemNote,
    limited,
    note,
)
from shared.eventlog.codec import encode
from shared.hj212.packet import parse
from shared.register import Point

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
GOOD_CODES = ("a21026", "a21002", "a34013", "a19001", "w01018", "LA", "x_1")
HEAD = "QN=20261120090000001;ST=31;CN=2061;PW=123456;MN=A1;Flag=5;CP=&&DataTime=20261120080000"


class OnePoint:
    def point(self, mn: str) -> Point | None:
        return Point(mn, "31", "91150102MA0N0AAA1B")


def read(segment: str) -> Accepted | Rejection:
    packet = read_packet(encode(device_document(parse(segment.encode(), aliases_of_segment(segment.encode())))))
    assert not isinstance(packet, Rejection)
    return examine(packet, OnePoint(), NOW)


def values(found: Accepted | Rejection) -> Mapping[str, Reading]:
    return (
        {code: one for code, one in found.readings.items() if code in GOOD_CODES} if isinstance(found, Accepted) else {}
    )


numbers = st.decimals(-1000, 1000, places=2).map(str)
good_items = st.dictionaries(st.sampled_from(GOOD_CODES), numbers, min_size=1).map(
    lambda found: [f"{code}-Avg={value},{code}-Flag=N" for code, value in found.items()]
)
odd_values = st.one_of(
    st.sampled_from(
        ["60,1", "", "--", "NaN", "null", "60.1mg/m3", "\uff16\uff10", "1e400", "9" * 60, "N", "正常", "<0.1", "1;2"]
    ),
    st.text(max_size=60),
)
odd_names = st.sampled_from(
    ["b1-Avg", "b2-Max", "b3-Flag", "烟气-Avg", "-Avg", "b4-", "b5", "b6 -Avg", "b7-avg", "B" * 50 + "-Avg"]
)
bad_items = st.one_of(
    st.tuples(odd_names, odd_values).map("=".join),
    st.sampled_from(["", ";", ",", "b8", "b9-Avg", "\x00", "\r\n", "中文"]),
    st.text(max_size=40),
)


def harmless(item: str) -> bool:
    """Names no good factor, no time, and does not open a frame's own parts."""
    return not any(code in item for code in (*GOOD_CODES, "DataTime", "CP="))


@settings(max_examples=300, deadline=None)
@given(good=good_items, bad=st.lists(bad_items.filter(harmless), max_size=8), places=st.lists(st.integers(0, 20)))
def test_bad_items_of_a_frame_leave_the_good_ones_as_they_are(
    good: list[str], bad: list[str], places: list[int]
) -> None:
    alone = values(read(";".join([HEAD, *good]) + "&&"))
    assert len(alone) == len(good)
    mixed = list(good)
    for item, place in zip(bad, [*places, *[0] * len(bad)], strict=False):
        mixed.insert(min(place, len(mixed)), item)
    found = read(";".join([HEAD, *mixed]) + "&&")
    assert values(found) == alone
    assert isinstance(found, Accepted)
    assert len(found.notes) <= MOST_NOTES
    for one in found.notes:
        assert len(one.factor) <= NAME_LONGEST and len(one.field) <= NAME_LONGEST
        assert len(one.value) <= VALUE_LONGEST and len(one.expected) <= EXPECTED_LONGEST
        assert (one.factor + one.field + one.value).isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(["Avg", "Max", "Flag", "ZsAvg", "Other"])


@settings(max_examples=300, deadline=None)
@given(
    good=st.dictionaries(st.sampled_from(GOOD_CODES), st.floats(-1e6, 1e6), min_size=1),
    bad=st.dictionaries(
        st.text(max_size=40).filter(harmless),
        json_values | st.dictionaries(fields, json_values, max_size=3),
        max_size=6,
    ),
)
def test_bad_items_of_a_document_leave_the_good_ones_as_they_are(
    good: dict[str, float], bad: dict[str, object]
) -> None:
    factors = {code: {"Avg": value, "Flag": "N"} for code, value in good.items()}
    document = {"mn": "A1", "command": "2061", "data_time": "2026-11-20T08:00:00+08:00"}

    def examined(given: Mapping[str, object]) -> Accepted | Rejection:
        packet = read_packet({**document, "factors": given})
        return packet if isinstance(packet, Rejection) else examine(packet, OnePoint(), NOW)

    alone = values(examined(factors))
    assert set(alone) == set(good)
    assert values(examined({**bad, **factors})) == alone


@pytest.mark.parametrize(
    ("fields", "usable", "faults"),
    [
        ({"Avg": 5.0}, True, []),
        ({"Avg": 5.0, "Flag": "X"}, True, [ItemFault.UNKNOWN_MARK]),
        ({"Flag": "D"}, True, []),
        ({"Flag": "N"}, False, [ItemFault.NO_VALUE]),
        ({}, False, [ItemFault.NO_VALUE]),
        ({"Avg": None}, False, [ItemFault.NO_VALUE]),
        ({"avg": 5.0}, False, [ItemFault.NO_VALUE]),
        ({"RS": 1.0}, False, []),
        ({"Avg": 1e12}, False, [ItemFault.OUT_OF_RANGE]),
        ({"Avg": 5.0, "ZsAvg": 1e300}, True, [ItemFault.OUT_OF_RANGE]),
        ({"Avg": float("nan"), "Max": 3.0}, True, [ItemFault.NOT_A_NUMBER]),
        ({"Max": 3.0}, True, [ItemFault.NO_VALUE]),
        ({"Avg": "x", "ZsAvg": 7.0}, True, [ItemFault.NOT_A_NUMBER]),
    ],
    ids=str,
)
def test_what_a_factor_says_and_what_is_noted_of_it(
    fields: dict[str, float | str | None], usable: bool, faults: list[ItemFault]
) -> None:
    found = readings({"a21026": fields}, "hour")
    assert (set(found.usable) == {"a21026"}) == usable
    assert [one.fault for one in found.notes] == faults


def test_notes_are_bounded_printable_and_hide_passwords() -> None:
    one = note(ItemFault.UNIT, "f" * 50, "g" * 50, "PW=123456;\x00" + "x" * 100)
    assert (len(one.factor), len(one.field), len(one.value)) == (NAME_LONGEST, NAME_LONGEST, VALUE_LONGEST)
    assert "123456" not in one.value and one.value.isprintable()
    many = limited([one] * 100)
    assert len(many) == MOST_NOTES
    assert (many[-1].fault, many[-1].value) == (ItemFault.MORE, f"{100 - MOST_NOTES + 1} more")


@pytest.mark.parametrize("forged", [5, "x", [5], [{}], {"fault": "unit"}, [{"fault": "none of ours"}]])
def test_notes_of_another_producer_in_another_shape_are_none(forged: object) -> None:
    packet = read_packet(encode({"mn": "A1", "command": "2061", "item_notes": forged}))
    assert not isinstance(packet, Rejection)
    assert list(notes_of(packet)) == []


def test_a_note_survives_the_packets_record() -> None:
    sent = ItemNote(ItemFault.UNIT, "a21026", "Avg", "60.1mg", "the number")
    document = {"mn": "A1", "command": "2061", "item_notes": [{**{n: getattr(sent, n) for n in sent.__slots__}}]}
    packet = read_packet(encode(document))
    assert not isinstance(packet, Rejection)
    assert list(notes_of(packet)) == [sent]
