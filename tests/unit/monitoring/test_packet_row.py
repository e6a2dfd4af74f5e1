"""Readings of one moment packed into one row: nothing is lost, and what several packets make does not depend on their order."""

from __future__ import annotations

from functools import reduce
from itertools import permutations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.packet_row import PacketRow, all_merged, merged, row_of, values_in
from services.monitoring.domain.reading import PeriodValue

FACTORS = ("a21002", "a21026", "a19001", "w01018")
micros = st.none() | st.integers(-(10**18), 10**18)


@st.composite
def packets(draw: st.DrawFn) -> PacketRow:
    """A packet of one moment, as it comes in: all its values are of one sender, time and rank."""
    own = {
        "source": draw(st.sampled_from(["gateway", "http"])),
        "rank": draw(st.sampled_from(["0a", "0b", "1a"])),
        "received_at_s": draw(st.integers(1, 3)),
    }
    factors = draw(st.lists(st.sampled_from(FACTORS), min_size=1, unique=True))
    return row_of([_value(draw, factor, own) for factor in factors])


def _value(draw: st.DrawFn, factor: str, own: dict[str, object]) -> PeriodValue:
    return PeriodValue(
        mn="A1",
        period="instant",
        start_s=1_763_600_000,
        factor=factor,
        micro=draw(micros),
        zs_micro=draw(micros),
        mark=draw(st.sampled_from(["", "N", "D"])),
        extras=draw(st.sampled_from([None, '{"Min":1.0}'])),
        **own,  # type: ignore[arg-type]
    )


@given(packets())
def test_what_is_packed_is_read_back_whole_and_in_order_of_factors(row: PacketRow) -> None:
    values = values_in(row)
    assert row_of(list(reversed(values))) == row
    assert [one.factor for one in values] == sorted(one.factor for one in values)
    assert {(one.rank, one.source, one.received_at_s) for one in values} == {(row.rank, row.source, row.received_at_s)}


@given(st.lists(packets(), min_size=1, max_size=4))
def test_packets_of_one_moment_make_the_same_row_in_any_order_and_however_often_they_come(
    rows: list[PacketRow],
) -> None:
    results = {reduce(merged, order) for order in permutations(rows)}
    assert len(results) == 1
    (result,) = results
    assert all(merged(result, row) == result == merged(row, result) for row in rows)
    assert all_merged([*rows, *rows]) == {result.key: result}


@given(st.lists(packets(), min_size=1, max_size=4))
def test_of_each_factor_the_value_of_the_greatest_rank_stands_with_the_packet_that_brought_it(
    rows: list[PacketRow],
) -> None:
    sent = [value for row in rows for value in values_in(row)]
    for value in values_in(reduce(merged, rows)):
        of_factor = [one for one in sent if one.factor == value.factor]
        assert value in of_factor
        assert value.rank == max(one.rank for one in of_factor)


def test_the_body_leaves_out_what_is_nothing_and_what_the_row_says_already() -> None:
    first = PeriodValue("A1", "instant", 0, "b", 5_000_000, None, "N", "http", "0a", 7, None)
    other = PeriodValue("A1", "instant", 0, "a", None, 3, "", "gateway", "0b", 8, None)
    row = merged(row_of([first]), row_of([other]))
    assert (row.rank, row.source, row.received_at_s) == ("0b", "gateway", 8)
    assert msgspec.msgpack.decode(row.body) == [
        ["a", None, 3, ""],
        ["b", 5_000_000, None, "N", None, "0a", "http", 7],
    ]
