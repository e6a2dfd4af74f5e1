"""The field clock's setting, times with their offset, and what an error about a time says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import clock
from shared.domain.errors import Invalid

GOOD = "2026-11-20T08:00:00+08:00"


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "@",
        f"{GOOD}@2",
        f"{GOOD}@2@{GOOD}@3",
        f"{GOOD}@fast@{GOOD}",
        f"{GOOD}@@{GOOD}",
        f"{GOOD}@nan@{GOOD}",
        f"{GOOD}@inf@{GOOD}",
        f"{GOOD}@-1@{GOOD}",  # field time would run backwards
        f"{GOOD}@0@{GOOD}",  # it would stand still, and no window would ever end
        f"2026-11-20T08:00:00@2@{GOOD}",  # no offset
        f"{GOOD}@2@yesterday",
    ],
)
def test_a_setting_that_is_no_clock_is_refused_with_the_rule(setting: str) -> None:
    with pytest.raises(Invalid) as wrong:
        clock.field_clock(setting)
    assert wrong.value.field and wrong.value.rule


@pytest.mark.parametrize("speed", ["nan", "inf", "-2", "0", "fast"])
def test_the_error_names_the_speed_and_what_was_expected(speed: str) -> None:
    with pytest.raises(Invalid) as wrong:
        clock.field_clock(f"{GOOD}@{speed}@{GOOD}")
    assert (wrong.value.field, wrong.value.value) == ("YUJING_FIELD_CLOCK", speed)
    assert repr(speed) in wrong.value.detail and wrong.value.rule == "a number above 0"


@pytest.mark.parametrize("speed", ["1", "1.0", "1440", "0.5", "1e3"])
def test_a_speed_above_zero_is_taken(speed: str) -> None:
    assert clock.field_clock(f"{GOOD}@{speed}@{GOOD}").speed == float(speed)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 19, 16, 0, tzinfo=UTC), "2026-11-20T00:00:00+08:00"),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "2027-01-01T00:00:00+08:00"),
        (datetime(2028, 2, 28, 16, 0, tzinfo=UTC), "2028-02-29T00:00:00+08:00"),
        (datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC), "2026-02-28T23:59:59+08:00"),
        (datetime(2026, 11, 20, 0, 0, 0, 5000, tzinfo=UTC), "2026-11-20T08:00:00.005+08:00"),
        (datetime(2026, 11, 20, 0, 0, 0, 500_000, tzinfo=UTC), "2026-11-20T08:00:00.500+08:00"),
    ],
)
def test_a_time_is_shown_in_shanghai_with_as_many_parts_as_it_has(at: datetime, text: str) -> None:
    assert clock.rfc3339(at) == text
    assert clock.parse_rfc3339(text) == at


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20T08:00:00+08:00", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T00:00:00Z", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-19T19:00:00-05:00", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T05:30:00+05:30", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20 08:00:00+08:00", datetime(2026, 11, 20, tzinfo=UTC)),  # RFC 3339 allows the space
    ],
)
def test_any_offset_names_the_same_instant(text: str, utc: datetime) -> None:
    assert clock.parse_rfc3339(text) == utc


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "data_time '' is not RFC 3339"),
        ("20.11.2026", "data_time '20.11.2026' is not RFC 3339"),
        ("2026-02-29T00:00:00+08:00", "data_time '2026-02-29T00:00:00+08:00' is not RFC 3339"),
        ("2026-11-20T24:30:00+08:00", "data_time '2026-11-20T24:30:00+08:00' is not RFC 3339"),
        ("2026-11-20T08:00:00", "data_time 2026-11-20T08:00:00 has no offset"),
        ("2026-11-20", "data_time 2026-11-20T00:00:00 has no offset"),
        ("0001-01-01T00:00:00+08:00", "data_time 0001-01-01T00:00:00+08:00 is out of range"),
        ("9999-12-31T23:59:59-08:00", "data_time 9999-12-31T23:59:59-08:00 is out of range"),
    ],
)
def test_an_error_about_a_time_names_field_and_value(text: str, detail: str) -> None:
    with pytest.raises(Invalid) as wrong:
        clock.parse_rfc3339(text, "data_time")
    assert wrong.value.detail == detail
    assert wrong.value.field == "data_time" and wrong.value.rule


instants = st.integers(-2_208_988_800_000, 4_102_444_800_000).map(
    lambda at_ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
)


@given(instants)
def test_a_time_of_whole_milliseconds_survives_being_shown(at: datetime) -> None:
    assert clock.parse_rfc3339(clock.rfc3339(at)) == at


@given(instants)
def test_an_instant_counts_in_whole_seconds_of_field_time(at: datetime) -> None:
    now = clock.Instant(field=at.replace(microsecond=0), wall=at)
    assert now.s == at.replace(microsecond=0).timestamp()


@given(instants, st.sampled_from(["hour", "day"]))
def test_the_end_of_a_window_begins_the_next(at: datetime, averaging: str) -> None:
    start = clock.window_start(at, averaging)
    end = clock.window_end(start, averaging)
    assert start <= at < end
    assert clock.window_start(end, averaging) == end
    assert clock.window_start(end - timedelta(microseconds=1), averaging) == start
