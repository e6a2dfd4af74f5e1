"""DataTime is local time in Shanghai with 14 digits; loggers add milliseconds; what names no moment is left out and noted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.clock import SHANGHAI
from shared.hj212.packet import Packet, parse


def sent(text: str) -> Packet:
    return parse(f"QN=20260801085857223;ST=31;CN=2061;MN=A1;Flag=5;CP=&&DataTime={text};a21026-Avg=1&&".encode())


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20260801080000", "2026-08-01T00:00:00"),
        ("20260801000000", "2026-07-31T16:00:00"),  # Shanghai midnight
        ("20270101000000", "2026-12-31T16:00:00"),
        ("20280229235959", "2028-02-29T15:59:59"),
        ("20000229000000", "2000-02-28T16:00:00"),  # a century that is a leap year
        ("20260228240000", None),
        ("20260229000000", None),  # no leap year
        ("21000229000000", None),  # no leap year either
        ("20261301000000", None),
        ("20260431000000", None),
        ("20260801086000", None),
        ("20260801080060", None),  # no leap second in a packet
        ("2026080108", None),
        ("202608010800", None),
        ("2026-08-01 08:00:00", None),
        ("00000000000000", None),
        ("", None),
        ("２０２６０８０１０８００００", None),
    ],
)
def test_a_time_is_a_moment_of_the_calendar_or_nothing(text: str, utc: str | None) -> None:
    read = sent(text)
    assert read.data_time == (datetime.fromisoformat(utc).replace(tzinfo=UTC) if utc else None)
    assert any("DataTime unreadable" in line for line in read.notes) is (utc is None)
    assert read.factors == {"a21026": {"Avg": 1.0}}  # what cannot be dated is still read


@pytest.mark.parametrize(
    ("tail", "microsecond", "noted"),
    [
        ("", 0, False),
        ("223", 223_000, False),
        ("000", 0, False),
        ("999", 999_000, False),
        ("2", 0, True),
        ("22", 0, True),
        ("2233", 0, True),
        (".5", 0, True),
        (".223", 0, True),
    ],
)
def test_milliseconds_count_when_there_are_three_of_them(tail: str, microsecond: int, noted: bool) -> None:
    read = sent(f"20260801085857{tail}")
    assert read.data_time == datetime(2026, 8, 1, 0, 58, 57, microsecond, tzinfo=UTC)
    assert any("odd milliseconds" in line for line in read.notes) is noted


@given(st.integers(631_123_200, 4_102_416_000).map(lambda at_s: datetime.fromtimestamp(at_s, SHANGHAI)))
def test_every_second_of_shanghai_comes_back(local: datetime) -> None:
    assert sent(f"{local:%Y%m%d%H%M%S}").data_time == local


@given(st.integers(694_195_200, 4_102_416_000).map(lambda at_s: datetime.fromtimestamp(at_s, SHANGHAI)))
def test_a_second_later_is_a_second_later_the_whole_year_round(local: datetime) -> None:
    """There is no summer time: no hour comes twice and none is missing."""
    first = sent(f"{local:%Y%m%d%H%M%S}").data_time
    second = sent(f"{local + timedelta(seconds=1):%Y%m%d%H%M%S}").data_time
    assert first is not None and second is not None and second - first == timedelta(seconds=1)


def test_two_different_times_in_one_packet_are_no_time() -> None:
    read = parse(b"ST=31;CN=2061;MN=A1;CP=&&DataTime=20260801080000;DataTime=20260801090000;a21026-Avg=1&&")
    assert read.data_time is None
    assert [(note.fault.value, note.field, note.value) for note in read.item_notes] == [
        ("duplicate", "DataTime", "20260801090000")
    ]


def test_the_same_time_twice_is_one_time() -> None:
    read = parse(b"ST=31;CN=2061;MN=A1;CP=&&DataTime=20260801080000;DataTime=20260801080000&&")
    assert read.data_time == datetime(2026, 8, 1, tzinfo=UTC)
    assert not read.item_notes


def test_a_packet_without_a_time_has_none_and_says_nothing_of_it() -> None:
    read = parse(b"ST=31;CN=2011;MN=A1;CP=&&a21026-Rtd=1&&")
    assert (read.data_time, [line for line in read.notes if "DataTime" in line]) == (None, [])


def test_a_day_old_packet_that_is_sent_again_keeps_its_own_time() -> None:
    """DataTime a day older than QN: a late resend speaks of its own window."""
    read = parse(b"QN=20260802085857223;ST=31;CN=2061;MN=A1;RF=1;Flag=9;CP=&&DataTime=20260801080000;a21026-Avg=1&&")
    assert read.data_time == datetime(2026, 8, 1, 0, 0, tzinfo=UTC)
    assert read.rf
