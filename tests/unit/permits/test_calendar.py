"""Which days are worked, and how far a count of them reaches."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.permits.domain.calendar import WorkCalendar
from services.permits.importing.holidays import seeded_notices

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))


def a_calendar(*years: int) -> WorkCalendar:
    notices = [one for one in seeded_notices() if not years or one.year in years]
    differing = {day: worked for one in notices for day, worked in one.differing().items()}
    return WorkCalendar(differing, frozenset(one.year for one in notices))


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 10, 1), False),  # National Day, a Thursday
        (date(2026, 10, 10), True),  # a Saturday worked instead
        (date(2026, 10, 11), False),  # a plain Sunday
        (date(2026, 10, 12), True),  # a plain Monday
        (date(2024, 2, 29), True),  # a Thursday
    ],
    ids=["a holiday", "a Saturday worked instead", "a Sunday", "a Monday", "29 February"],
)
def test_the_notices_decide_which_days_are_worked(day: date, worked: bool) -> None:
    assert a_calendar().is_working(day) is worked


def test_the_last_working_day_before_a_long_holiday_lies_before_it() -> None:
    assert a_calendar().last_working_day(date(2026, 10, 7)) == date(2026, 9, 30)


def test_twenty_working_days_skip_holidays_and_count_days_worked_instead() -> None:
    # Sun 20 September is worked instead (1), 21-24 (5), 28-30 (8), 8-10 October (11), 12-16 (16), 19-22 (20)
    assert a_calendar().is_working(date(2026, 9, 20))
    assert a_calendar().add_working_days(date(2026, 9, 18), 20) == date(2026, 10, 22)


def test_a_year_without_its_notice_counts_monday_to_friday_and_says_so() -> None:
    calendar = a_calendar()
    assert calendar.is_working(date(2030, 10, 1))  # a Tuesday
    assert calendar.provisional(date(2030, 10, 1))
    assert not calendar.provisional(date(2026, 12, 31))
    assert calendar.provisional(date(2026, 12, 31), date(2027, 1, 1))


def test_the_seed_knows_years_without_gaps_and_moves_only_days_that_differ() -> None:
    notices = seeded_notices()
    assert [one.year for one in notices] == list(range(notices[0].year, notices[-1].year + 1))
    for one in notices:
        for day, worked in one.differing().items():
            assert worked == (day.weekday() >= 5)


@given(DAYS, st.integers(0, 40))
def test_counting_goes_forward_by_exactly_so_many_days_worked(day: date, count: int) -> None:
    calendar = a_calendar()
    end = calendar.add_working_days(day, count)
    passed = [date.fromordinal(n) for n in range(day.toordinal() + 1, end.toordinal() + 1)]
    assert sum(calendar.is_working(one) for one in passed) == count
    assert count == 0 or calendar.is_working(end)


@given(DAYS)
def test_the_last_working_day_is_worked_and_nothing_worked_lies_between(day: date) -> None:
    calendar = a_calendar()
    last = calendar.last_working_day(day)
    assert calendar.is_working(last)
    between = (date.fromordinal(n) for n in range(last.toordinal() + 1, day.toordinal() + 1))
    assert not any(calendar.is_working(one) for one in between)
