"""What is read by the plan of its shape is what is read one by one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.hj212.items import ItemReader, Value
from shared.hj212.packet import Malformed, parse
from shared.hj212.shapes import MOST_SHAPES, planned_header, planned_items

HEADER = ("QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO", "RF")

codes = st.sampled_from(["a21026", "a34013", "w01018", "011", "ga0501", "a-b", " a21002", "", "é"])
subs = st.sampled_from(["Rtd", "Avg", "Flag", "Info", "SampleTime", "", "Z s"])
keys = st.one_of(st.builds("{}-{}".format, codes, subs), st.sampled_from(["DataTime", "Note", "Data Time", ""]))
plain = st.one_of(st.decimals(-(10**6), 10**6, places=3).map(str), st.sampled_from(["N", "D", "20261120080000"]))
odd = st.sampled_from(
    ["", " 1.5", "1.5 ", "+1", "1.", ".5", "1e3", "nan", "-", "1" * 16, "60,1", "１２", "N\t", "\x00", "=", "a=b"]
)
items = st.builds("{}={}".format, keys, st.one_of(plain, plain, plain, odd))
pieces = st.one_of(items, items, items, items, st.sampled_from(["", "a21026-Rtd", "x"]))
bodies = st.lists(st.tuples(pieces, st.sampled_from([",", ";"])), max_size=10).map(
    lambda listed: "".join(piece + separator for piece, separator in listed).rstrip(",;")
)
ordinary = (
    st.lists(st.sampled_from(["a21026", "a21002", "a34013"]), unique=True, max_size=3)
    .flatmap(
        lambda listed: st.tuples(
            *(plain.map(lambda text, code=code: f"{code}-Rtd={text},{code}-Flag=N") for code in listed)
        )
    )
    .map(lambda listed: ";".join(["DataTime=20261120080000", *listed]))
)


def one_by_one(body: str, alias: Mapping[str, str]) -> ItemReader:
    reader = ItemReader(alias, [])
    reader.take(body)
    return reader


def typed(factors: Mapping[str, Mapping[str, Value]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """With the order of factors and fields, and the kind of each value."""
    return [(code, [(name, repr(value)) for name, value in fields.items()]) for code, fields in factors.items()]


@settings(deadline=None, max_examples=400)  # the machine may be busy
@given(st.one_of(bodies, ordinary), st.sampled_from([{}, {"011": "w01018"}]))
def test_a_plan_reads_the_same_as_one_by_one_and_nothing_that_is_odd(body: str, alias: Mapping[str, str]) -> None:
    planned = planned_items(body, alias) if body.isascii() else None
    if planned is None:
        return
    reader = one_by_one(body, alias)
    assert typed(planned.factors) == typed(reader.factors)
    assert list(planned.params.items()) == list(reader.params.items())
    assert not reader.item_notes and not reader.notes and not reader.ambiguous_time


@pytest.mark.parametrize("count", [1, 8])
def test_an_ordinary_packet_is_read_by_its_plan(count: int) -> None:
    body = ";".join(["DataTime=20261120080000", *(f"a2100{n}-Avg=-1.5,a2100{n}-Flag=N" for n in range(count))])
    planned = planned_items(body, {})
    assert planned is not None
    assert planned.params == {"DataTime": "20261120080000"}
    assert planned.factors == {f"a2100{n}": {"Avg": -1.5, "Flag": "N"} for n in range(count)}


def test_two_readings_of_one_shape_share_nothing() -> None:
    first, second = (planned_items(f"a21026-Rtd={value},a21026-Flag=N", {}) for value in (1, 2))
    assert first is not None and second is not None
    first.factors["a21026"]["Flag"] = "D"
    assert second.factors == {"a21026": {"Rtd": 2.0, "Flag": "N"}}


def test_ever_new_shapes_are_forgotten_and_still_read() -> None:
    for number in range(MOST_SHAPES + 10):
        planned = planned_items(f"a{number}-Rtd=1", {})
        assert planned is not None and planned.factors == {f"a{number}": {"Rtd": 1.0}}


@pytest.mark.parametrize(
    "head",
    ["QN=1;ST=31;QN=2;", "QN=1;Flags=5;", "QN=1;ST", "QN= 1;ST=31;", "QN=1=2;", ";QN=1;", "QN=1;ST=31"],
    ids=["twice", "unknown", "no value", "space", "two signs", "empty field", "not closed"],
)
def test_a_header_with_anything_odd_is_read_one_by_one(head: str) -> None:
    assert planned_header(head, HEADER) is None


def test_an_ordinary_header_is_read_at_once() -> None:
    assert planned_header("QN=1;ST=31;CN=2011;PW=;MN=A;Flag=5;", HEADER) == {
        "QN": "1", "ST": "31", "CN": "2011", "PW": "", "MN": "A", "Flag": "5",
    }  # fmt: skip
    assert planned_header("", HEADER) in (None, {})


texts = st.text("ABZ019=; \t", max_size=6)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.builds("{}={}".format, st.sampled_from([*HEADER, "X"]), texts), max_size=8), ordinary)
def test_a_segment_is_read_the_same_with_and_without_plans(fields: list[str], body: str) -> None:
    segment = f"{';'.join(fields)};CP=&&{body}&&"
    # a trailing separator leaves every shape to be read one by one, and changes nothing else
    one_by_one = f";{';'.join(fields)};CP=&&{body};&&"
    assert outcome(segment) == outcome(one_by_one)


def outcome(segment: str) -> object:
    try:
        packet = parse(segment.encode())
    except Malformed as wrong:
        return wrong.reason, wrong.detail
    read = (packet.qn, packet.st, packet.cn, packet.pw, packet.mn, packet.flag, packet.pnum, packet.pno, packet.rf)
    notes = [note for note in packet.notes if not note.startswith("header item")]
    return read, typed(packet.factors), packet.params, packet.data_time, notes, packet.item_notes, packet.cp
