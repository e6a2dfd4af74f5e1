"""The short way of an ordinary hour or day and the long way of any other packet come to the same report, and the short way
takes no packet of which something is to be noted or refused."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.period_stamp import window_start_s
from services.monitoring.domain.reading import rank
from services.monitoring.domain.window_report import WindowReport
from services.monitoring.domain.windows import WindowKey, seconds
from services.monitoring.packet_record import (
    Accepted,
    Packet,
    examine,
    plain_report,
    read_packet,
    read_report,
    sent_of,
)
from shared.eventlog.codec import encode
from shared.register import Point
from tests.unit.monitoring.test_plain_packet import OnePoint, codes, flags, numbers, odd_fields, odd_numbers

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 20, 0, 59, 58, 123_000, tzinfo=UTC)

usual_fields = (
    st.fixed_dictionaries({"Avg": numbers | odd_numbers, "Flag": flags})
    | st.fixed_dictionaries({"Avg": numbers}, optional={"Min": numbers, "Max": numbers, "Cou": numbers, "Flag": flags})
    | st.fixed_dictionaries(
        {"Avg": numbers, "ZsAvg": numbers, "Flag": flags},
        optional={"ZsMin": odd_numbers, "EFlag": st.sampled_from(["", "A01", "x" * 30, None, 7, 7.5, 1e300])},
    )
)
documents = st.fixed_dictionaries(
    {
        "mn": st.just("A1"),
        "command": st.sampled_from(["2061", "2061", "2031", "2011", "2051", "9015"]),
        "factors": st.dictionaries(codes, usual_fields | odd_fields, max_size=4)
        | st.dictionaries(st.sampled_from(["a21026", "a21002", "a19001"]), usual_fields, min_size=1, max_size=3),
        "data_time": st.sampled_from(
            [
                "2026-11-20T08:00:00+08:00",
                "2026-11-20T00:00:00Z",
                "2026-11-20T00:00:00+08:00",
                "2026-11-19T16:00:00Z",
                "2026-11-20T07:59:59+08:00",
                "2026-11-20T08:00:00.250+08:00",
                "2026-11-20T08:30:00+08:00",
                "2026-11-20T10:00:00+08:00",
                "2026-11-20T08:00:00",
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


def the_long_way(packet: Packet, content: bytes, point: Point) -> WindowReport | None:
    """The report as examining the packet gives it; None when it is refused, noted, or none of an hour or a day."""
    found = examine(packet, OnePoint(point), NOW)
    if not isinstance(found, Accepted) or found.period not in ("hour", "day"):
        return None
    if found.notes or not found.readings:
        return None
    assert found.period is not None
    window = WindowKey(packet.mn, found.period, window_start_s(found.at_s, found.period, point.period_stamp))
    ranked = rank(resent=packet.rf, sent=sent_of(packet, RECEIVED), content=content)
    return WindowReport(window, ranked, packet.source[:40], seconds(RECEIVED), found.readings)


@settings(max_examples=800)
@given(documents, st.sampled_from(["start", "end"]))
def test_what_the_short_way_takes_is_what_the_long_way_makes(document: dict[str, object], period_stamp: str) -> None:
    content = encode(document)
    plain = read_report(content)
    if plain is not None:
        packet = read_packet(content)
        assert isinstance(packet, Packet)
        point = Point("A1", "31", "91150102MA0N0AAA1B", period_stamp=period_stamp)
        report = plain_report(plain, content, point.period_stamp, RECEIVED, field_now_s=seconds(NOW))
        assert report is None or report == the_long_way(packet, content, point)


def test_an_ordinary_hour_or_day_takes_the_short_way() -> None:
    point = Point("A1", "31", "91150102MA0N0AAA1B")
    for command, data_time, factor in (
        ("2061", "2026-11-20T08:00:00+08:00", {"Avg": 1.25, "Flag": "N"}),
        ("2061", "2026-11-20T07:00:00+08:00", {"Avg": 1.25, "ZsAvg": 2.5, "Flag": "D"}),
        ("2061", "2026-11-20T07:00:00+08:00", {"Avg": 1.25}),
        ("2061", "2026-11-20T07:00:00+08:00", {"Avg": 1.25, "Flag": "N", "EFlag": "A01"}),
        ("2031", "2026-11-20T00:00:00+08:00", {"Avg": 0.1234567, "Min": 0.5, "Max": 2.0, "Cou": 3.0, "Flag": "N"}),
    ):
        factors = {"a21026": {"Avg": 7.0, "Flag": "N"}, "a21002": factor}
        document = {"mn": "A1", "command": command, "data_time": data_time, "factors": factors}
        plain, packet = read_report(encode(document)), read_packet(encode(document))
        assert plain is not None and isinstance(packet, Packet)
        report = plain_report(plain, encode(document), point.period_stamp, RECEIVED, field_now_s=seconds(NOW))
        assert report is not None
        assert report == the_long_way(packet, encode(document), point)
