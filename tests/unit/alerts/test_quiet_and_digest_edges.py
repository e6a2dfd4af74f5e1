"""Quiet hours and digests at midnight, month's end, leap day and New Year; and what holds for every moment of a year."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.catalogue import Level
from services.alerts.domain.digest import SETTLED, Cadence, Line, Span, Waiting, due, event, last_moment
from services.alerts.domain.quiet import Quiet, held_until, read_quiet
from shared.domain.clock import SHANGHAI
from shared.domain.errors import Invalid

moments = st.integers(1_767_196_800, 1_861_891_200).map(lambda at_s: datetime.fromtimestamp(at_s, SHANGHAI))
times = st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None))
spans = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: Quiet(*pair))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "end", "moment", "goes"),
    [
        ("22:00", "07:00", "2026-02-28 23:00", "2026-03-01 07:00"),
        ("22:00", "07:00", "2028-02-28 23:00", "2028-02-29 07:00"),
        ("22:00", "07:00", "2028-02-29 22:00", "2028-03-01 07:00"),
        ("22:00", "07:00", "2026-04-30 22:30", "2026-05-01 07:00"),
        ("22:00", "07:00", "2026-12-31 22:00", "2027-01-01 07:00"),
        ("00:00", "06:00", "2026-11-20 00:00", "2026-11-20 06:00"),
        ("00:00", "06:00", "2026-11-20 05:59:59.999", "2026-11-20 06:00"),
        ("00:00", "06:00", "2026-11-19 23:59:59", None),
        ("18:00", "00:00", "2026-11-20 18:00", "2026-11-21 00:00"),  # till midnight
        ("18:00", "00:00", "2026-11-20 23:59:59", "2026-11-21 00:00"),
        ("18:00", "00:00", "2026-11-21 00:00", None),
        ("00:01", "00:00", "2026-11-20 00:00:30", None),  # one minute a day is not quiet
        ("00:01", "00:00", "2026-11-20 00:01", "2026-11-21 00:00"),
        ("12:00", "12:01", "2026-11-20 12:00:59", "2026-11-20 12:01"),
    ],
)
def test_a_push_is_held_till_the_end_of_the_quiet_hours(start: str, end: str, moment: str, goes: str | None) -> None:
    assert held_until(read_quiet(start, end), at(moment)) == (at(goes) if goes else None)


@given(spans, moments)
def test_a_held_push_goes_within_a_day_at_the_first_moment_that_is_not_quiet(quiet: Quiet, moment: datetime) -> None:
    goes = held_until(quiet, moment)
    if goes is None:
        assert not quiet.holds(moment)
    else:
        assert moment < goes <= moment + timedelta(days=1)
        assert not quiet.holds(goes) and quiet.holds(goes - timedelta(microseconds=1))
        assert held_until(quiet, goes) is None  # it is not held again


@given(spans, moments, st.sampled_from(Level))
def test_red_alone_is_never_held(quiet: Quiet, moment: datetime, level: Level) -> None:
    expected = None if level is Level.RED else held_until(quiet, moment)
    assert held_until(quiet, moment, level) == expected


@given(spans, moments)
def test_what_counts_is_the_clock_in_shanghai_wherever_the_time_was_written(quiet: Quiet, moment: datetime) -> None:
    assert quiet.holds(moment) is quiet.holds(moment.astimezone(UTC))
    assert held_until(quiet, moment) == held_until(quiet, moment.astimezone(UTC))


@given(times, times)
def test_quiet_hours_come_back_from_their_texts(start: time, end: time) -> None:
    if start == end:
        with pytest.raises(Invalid, match="is no span"):
            read_quiet(f"{start:%H:%M}", f"{end:%H:%M}")
    else:
        quiet = read_quiet(f"{start:%H:%M}", f"{end:%H:%M}")
        assert (quiet.start, quiet.end) == (start, end)
        assert read_quiet(quiet.start_text, quiet.end_text) == quiet


@pytest.mark.parametrize(
    ("start", "end", "field", "detail"),
    [
        ("25:00", "07:00", "quiet.from", "quiet.from '25:00' is no time"),
        ("22:60", "07:00", "quiet.from", "quiet.from '22:60' is no time"),
        ("22:00", "7", "quiet.to", "quiet.to '7' is no time"),
        ("22:00", "07:00:00", "quiet.to", "quiet.to '07:00:00' is no time"),
        ("十点", "07:00", "quiet.from", "quiet.from '十点' is no time"),
        ("22:00", "22:00", "quiet.to", "quiet: 22:00 to 22:00 is no span"),
    ],
)
def test_an_error_names_the_field_the_value_and_what_was_expected(
    start: str, end: str, field: str, detail: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        read_quiet(start, end)
    assert (wrong.value.field, wrong.value.detail) == (field, detail)
    assert wrong.value.rule in ("HH:MM, Shanghai time", "two different times; leave `quiet` out for none")


@pytest.mark.parametrize(
    ("cadence", "now", "moment"),
    [
        (Cadence.DAILY, "2026-03-01 08:29:59", "2026-02-28 08:30"),
        (Cadence.DAILY, "2028-03-01 08:29:59", "2028-02-29 08:30"),
        (Cadence.DAILY, "2026-05-01 00:00", "2026-04-30 08:30"),
        (Cadence.DAILY, "2027-01-01 08:29", "2026-12-31 08:30"),
        (Cadence.DAILY, "2027-01-01 08:30", "2027-01-01 08:30"),
        (Cadence.WEEKLY, "2026-11-23 08:30", "2026-11-23 08:30"),  # a Monday
        (Cadence.WEEKLY, "2026-11-23 08:29:59", "2026-11-16 08:30"),
        (Cadence.WEEKLY, "2026-11-22 23:59", "2026-11-16 08:30"),  # a Sunday
        (Cadence.WEEKLY, "2027-01-01 12:00", "2026-12-28 08:30"),
        (Cadence.WEEKLY, "2028-03-01 12:00", "2028-02-28 08:30"),  # a week that holds a leap day
    ],
)
def test_the_last_moment_of_a_digest(cadence: Cadence, now: str, moment: str) -> None:
    assert last_moment(cadence, at(now)) == at(moment)


@given(moments, st.sampled_from([Cadence.DAILY, Cadence.WEEKLY]))
def test_a_weekly_moment_is_a_monday_and_asking_it_again_changes_nothing(now: datetime, cadence: Cadence) -> None:
    moment = last_moment(cadence, now)
    assert last_moment(cadence, moment) == moment
    if cadence is Cadence.WEEKLY:
        assert moment.astimezone(SHANGHAI).weekday() == 0


@given(moments, st.lists(st.integers(0, 20 * 86_400), min_size=1, max_size=6).map(sorted), st.sampled_from(Cadence))
def test_spans_of_one_endpoint_follow_each_other_without_gap_or_overlap(
    begin: datetime, added_s: list[int], cadence: Cadence
) -> None:
    """Whatever is added falls in exactly one digest."""
    added = [begin + timedelta(seconds=one) for one in added_s]
    now, spans = added[-1] + timedelta(days=8), list[Span]()
    left = added
    while left:
        span = due(Waiting("end_1", cadence, left[0], left[-1]), now)
        assert span is not None and span.start <= left[0] < span.end
        spans.append(span)
        left = [one for one in left if one >= span.end]
    assert sum(span.start <= one < span.end for one in added for span in spans) == len(added)


@given(moments)
def test_a_historical_digest_waits_for_the_last_of_them_and_holds_it(last: datetime) -> None:
    waiting = Waiting("end_1", Cadence.HISTORICAL, last - timedelta(hours=3), last)
    assert due(waiting, last + SETTLED - timedelta(microseconds=1)) is None
    span = due(waiting, last + SETTLED)
    assert span is not None and span.start <= last < span.end


@given(st.lists(st.sampled_from(Level), max_size=12))
def test_a_digest_counts_its_lines_by_level(levels: list[Level]) -> None:
    lines = [Line(f"alr_{n}", {"zh": "一", "en": "one"}, "data.fault", level) for n, level in enumerate(levels)]
    data = event("end_1", Cadence.DAILY, Span(at("2026-11-20 08:30"), at("2026-11-21 08:30")), lines).data
    assert data["counts"] == {level.value: levels.count(level) for level in Level}
    assert isinstance(data["alerts"], list) and len(data["alerts"]) == len(levels)


def test_a_digest_made_again_is_the_same_event_and_another_span_or_owner_another() -> None:
    span = Span(at("2026-11-20 08:30"), at("2026-11-21 08:30"))
    ids = {
        event(owner, cadence, one, []).id
        for owner in ("end_1", "end_2")
        for cadence in (Cadence.DAILY, Cadence.WEEKLY)
        for one in (span, span, Span(span.start, span.end + timedelta(days=1)))
    }
    assert len(ids) == 8
