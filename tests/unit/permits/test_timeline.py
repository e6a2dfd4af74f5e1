"""Which end of a permit counts on a day, whatever its versions say, and on which days that may change."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.permits.domain.renewal import Expiry, Filing, Timeline

START = date(2026, 1, 1)
FIRST = date(2021, 12, 16)
LAST = date(2026, 12, 15)


def day(offset: int) -> date:
    return START + timedelta(days=offset)


@st.composite
def filings(draw: st.DrawFn) -> Filing:
    """One version: valid for up to 200 days, in force from its first day or later, maybe with an application and its end."""
    first = draw(st.integers(0, 250))
    applied = draw(st.none() | st.integers(-20, 300))
    refused = None if applied is None else draw(st.none() | st.integers(applied - 5, applied + 60))
    return Filing(
        effective_from=day(first + draw(st.integers(0, 30))),
        valid_from=day(first),
        valid_to=day(first + draw(st.integers(1, 200))),
        applied_on=None if applied is None else day(applied),
        refused_on=None if refused is None else day(refused),
    )


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    found = draw(st.lists(filings(), min_size=1, max_size=4))
    return Timeline(tuple(sorted(found, key=lambda filing: filing.effective_from)))


@settings(max_examples=100)
@given(timelines())
def test_what_counts_changes_only_on_the_days_that_were_announced(line: Timeline) -> None:
    before = line.on(day(-30))
    for offset in range(-29, 520):
        today, yesterday = day(offset), day(offset - 1)
        now = line.on(today)
        announced = {*line.turning_points(yesterday), before.applies_from, before.refused_from}
        assert now == before or today in announced
        before = now


@given(timelines(), st.integers(-30, 520))
def test_an_application_is_pending_or_refused_and_never_both(line: Timeline, offset: int) -> None:
    today = day(offset)
    expiry = line.on(today)
    assert expiry.applied_on is None or expiry.refused_on is None
    for on_file in (expiry.applied_on, expiry.refused_on):
        assert on_file is None or on_file <= today
    for ahead in (expiry.applies_from, expiry.refused_from):
        assert ahead is None or ahead > today


@given(timelines(), st.integers(-30, 520))
def test_the_end_that_counts_is_the_end_of_a_version(line: Timeline, offset: int) -> None:
    assert line.on(day(offset)).valid_to in {filing.valid_to for filing in line.filings}


def of_one(**days: date) -> Timeline:
    return Timeline((Filing(FIRST, FIRST, LAST, **days),))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (of_one(), Expiry(LAST)),
        (of_one(applied_on=date(2026, 10, 9)), Expiry(LAST, applied_on=date(2026, 10, 9))),
        (of_one(applied_on=date(2026, 11, 1)), Expiry(LAST, applies_from=date(2026, 11, 1))),
        (
            of_one(applied_on=date(2026, 10, 9), accepted_on=date(2026, 10, 12)),
            Expiry(LAST, applied_on=date(2026, 10, 9), accepted_on=date(2026, 10, 12)),
        ),
        (
            of_one(applied_on=date(2026, 10, 9), refused_on=date(2026, 10, 20)),
            Expiry(LAST, refused_on=date(2026, 10, 20)),
        ),
        (
            of_one(applied_on=date(2026, 10, 9), refused_on=date(2026, 11, 1)),
            Expiry(LAST, applied_on=date(2026, 10, 9), refused_from=date(2026, 11, 1)),
        ),
        (of_one(applied_on=date(2021, 10, 9)), Expiry(LAST)),
    ],
    ids=["none", "pending", "ahead", "accepted", "refused", "refused ahead", "of the former period"],
)
def test_what_is_on_file_on_20_october(line: Timeline, expected: Expiry) -> None:
    assert line.on(date(2026, 10, 20)) == expected


def test_periods_without_a_day_between_are_one_and_the_version_in_force_decides_of_the_application() -> None:
    renewed = Filing(date(2026, 12, 16), date(2026, 12, 16), date(2031, 12, 15))
    line = Timeline((Filing(FIRST, FIRST, LAST, applied_on=date(2026, 10, 9)), renewed))
    assert line.on(date(2026, 11, 1)) == Expiry(date(2031, 12, 15))
    assert line.turning_points(date(2026, 11, 1)) == [date(2026, 12, 16)]


@pytest.mark.parametrize(
    ("today", "discharged_on", "discharging"),
    [
        (date(2026, 12, 15), date(2026, 12, 15), False),
        (date(2026, 12, 16), date(2026, 12, 15), False),
        (date(2026, 12, 16), date(2026, 12, 16), True),
        (date(2027, 3, 1), date(2026, 12, 16), True),
        (date(2026, 12, 16), None, False),
        (date(2026, 12, 1), date(2026, 12, 16), False),
    ],
    ids=["the last valid day", "seen on it", "seen the day after", "seen long ago", "not seen", "a clock set back"],
)
def test_discharge_counts_from_the_day_after_the_end(
    today: date, discharged_on: date | None, discharging: bool
) -> None:
    assert Expiry(LAST).discharging(today, discharged_on) is discharging


@pytest.mark.parametrize(
    ("applied_on", "waits"),
    [(None, False), (date(2026, 10, 9), True), (LAST, True), (date(2026, 12, 16), False)],
    ids=["no application", "in time", "on the last valid day", "after the end"],
)
def test_of_applications_only_one_filed_before_the_end_stops_the_steps_while_discharge_is_seen(
    applied_on: date | None, waits: bool
) -> None:
    today = date(2026, 12, 20)
    assert Expiry(LAST, applied_on=applied_on).stops_the_steps(today, date(2026, 12, 17)) is waits
    assert Expiry(LAST, applied_on=applied_on).stops_the_steps(today, None) is (applied_on is not None)
