"""The short way of an ordinary packet and the long way of any other come to the same row, and the short way takes no packet
of which something is to be noted or refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.packet_row import PACKET_PERIODS, PacketRow, packed_readings
from services.monitoring.domain.period_stamp import window_start_s
from services.monitoring.domain.reading import rank
from services.monitoring.domain.windows import seconds
from services.monitoring.packet_record import Accepted, Packet, examine, plain_row, read_packet, read_real_time, sent_of
from shared.eventlog.codec import encode
from shared.register import Point

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 20, 0, 59, 58, 123_000, tzinfo=UTC)

numbers = st.decimals(-1000, 100_000, places=3).map(float)
odd_numbers = st.sampled_from(
    [0.0, -0.0, 1e12, -1e12, 8.6e9, 1e300, 0.1234567, 1e-7, 8_589_934_591.999999]
) | st.floats(allow_nan=False, allow_infinity=False)
flags = st.sampled_from(["N", "D", ""])
plain_fields = st.fixed_dictionaries({"Rtd": numbers, "Avg": numbers, "Flag": flags}) | st.fixed_dictionaries(
    {"Rtd": numbers, "Flag": flags}
)
odd_values = (
    odd_numbers | numbers | st.none() | st.sampled_from(["", "N", "n", "X", "1.5", "1,5", "\x00", True, 7, [], {}])
)
fields = st.sampled_from(
    ["Rtd", "Avg", "Flag", "ZsRtd", "ZsAvg", "Min", "Max", "Cou", "ZsMin", "SampleTime", "EFlag", "Info", "SN", "other"]
)
odd_fields = st.dictionaries(fields, odd_values, max_size=4)
codes = st.sampled_from(["a21026", "a21002", "a19001", "w01018", "zz9", "x y", ""])
documents = st.fixed_dictionaries(
    {
        "mn": st.just("A1"),
        "command": st.sampled_from(["2011", "2051", "2061", "9015"]),
        "factors": st.dictionaries(codes, plain_fields | odd_fields, max_size=4)
        | st.dictionaries(st.sampled_from(["a21026", "a21002", "a19001"]), plain_fields, min_size=1, max_size=3),
        "data_time": st.sampled_from(
            [
                "2026-11-20T08:59:00+08:00",
                "2026-11-20T00:00:30Z",
                "2026-11-20T08:59:00.250+08:00",
                "2026-11-20T09:10:00+08:00",
                "2026-11-20T09:11:00+08:00",
                "2026-11-20T08:59:00",
                "1970-01-01T00:00:00Z",
                None,
            ]
        ),
    },
    optional={
        "qn": st.sampled_from([None, "20261120085900001", "2026", "2026112008590000x"]),
        "rf": st.booleans(),
        "source": st.sampled_from(["gateway", "h" * 50]),
        "item_notes": st.sampled_from([None, [], 7]),
    },
)


class OnePoint:
    def __init__(self, point: Point) -> None:
        self._point = point

    def point(self, mn: str) -> Point | None:
        return self._point


def the_long_way(packet: Packet, content: bytes, point: Point) -> PacketRow | None:
    """The row as examining it gives; None when it is refused, noted, or none of a real-time or minute packet."""
    found = examine(packet, OnePoint(point), NOW)
    if not isinstance(found, Accepted) or found.period not in PACKET_PERIODS or found.notes or not found.readings:
        return None
    assert found.period is not None
    start = window_start_s(found.at_s, found.period, point.period_stamp)
    ranked = rank(resent=packet.rf, sent=sent_of(packet, RECEIVED), content=content)
    body = packed_readings(found.readings)
    return PacketRow(packet.mn, found.period, start, ranked, packet.source[:40], seconds(RECEIVED), body)


@settings(max_examples=600)
@given(documents, st.sampled_from(["start", "end"]))
def test_what_the_short_way_takes_is_what_the_long_way_makes(document: dict[str, object], period_stamp: str) -> None:
    content = encode(document)
    packet, real_time = read_packet(content), read_real_time(content)
    assert real_time is None or isinstance(packet, Packet)
    if isinstance(packet, Packet):
        point = Point("A1", "31", "91150102MA0N0AAA1B", period_stamp=period_stamp)
        for one in (packet, real_time) if real_time is not None else (packet,):
            row = plain_row(one, content, point.period_stamp, RECEIVED, seconds(NOW))
            assert row is None or row == the_long_way(packet, content, point)


@settings(max_examples=300)
@given(st.dictionaries(codes, st.fixed_dictionaries({"Rtd": numbers | odd_numbers, "Flag": flags}), max_size=4))
def test_both_readings_of_a_real_time_packet_come_to_one_row(factors: dict[str, dict[str, object]]) -> None:
    content = encode({"mn": "A1", "command": "2011", "data_time": "2026-11-20T08:59:00+08:00", "factors": factors})
    packet, real_time = read_packet(content), read_real_time(content)
    assert isinstance(packet, Packet)
    row = plain_row(packet, content, "start", RECEIVED, seconds(NOW))
    if real_time is not None:
        assert plain_row(real_time, content, "start", RECEIVED, seconds(NOW)) == row
    else:
        assert row is None


@pytest.mark.parametrize(
    "change",
    [
        {"command": "2051"},
        {"item_notes": []},
        {"rf": 1},
        {"factors": {"a21026": {"Rtd": 1.0}}},
        {"factors": {"a21026": {"Rtd": 1.0, "Flag": "N", "SampleTime": "20261120085900"}}},
        {"factors": {"a21026": {"Rtd": 1.0, "Flag": "n"}}},
        {"factors": {"a21026": {"Rtd": 8_589_934_592.0, "Flag": "N"}}},
        {"factors": {"a21026": {"Rtd": "1.0", "Flag": "N"}}},
    ],
    ids=str,
)
def test_a_packet_of_another_kind_is_not_read_as_one_of_the_most_frequent(change: dict[str, object]) -> None:
    ordinary = {"mn": "A1", "command": "2011", "data_time": "2026-11-20T08:59:00+08:00"}
    ordinary |= {"factors": {"a21026": {"Rtd": 1.0, "Flag": "N"}}, "rf": False}
    assert read_real_time(encode(ordinary)) is not None
    assert read_real_time(encode({**ordinary, **change})) is None


def test_an_ordinary_packet_takes_the_short_way() -> None:
    point = Point("A1", "31", "91150102MA0N0AAA1B")
    for command, factor in (
        ("2011", {"Rtd": 1.25, "Flag": "N"}),
        ("2011", {"Rtd": 1.25, "ZsRtd": 2.5, "Flag": "D", "SampleTime": "20261120085900"}),
        ("2011", {"Rtd": 1.25}),
        ("2051", {"Avg": 0.1234567, "Min": 0.5, "Max": 2.0, "Cou": 3.0, "ZsAvg": 1.0, "Flag": "N"}),
    ):
        factors = {"a21026": {"Rtd": 7.0, "Avg": 7.0, "Flag": "N"}, "a21002": factor}
        document = {"mn": "A1", "command": command, "data_time": "2026-11-20T08:59:00+08:00", "factors": factors}
        packet = read_packet(encode(document))
        assert isinstance(packet, Packet)
        row = plain_row(packet, encode(document), point.period_stamp, RECEIVED, seconds(NOW))
        assert row is not None
        assert row == the_long_way(packet, encode(document), point)
