"""The terms of 排污许可管理条例: 60 days before the end to apply, 20 working days to decide; also over leap days and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.obligation import (
    TO_ACCEPT,
    TO_DECIDE,
    DeskStep,
    PublishedRisks,
    decision_term,
    desk_step,
    evaluate,
)
from services.permits.domain.renewal import Expiry, Filing, Step, Timeline, deadline, due_step, first_days
from services.permits.importing.holidays import Notice, seeded_notices

NOTICES = seeded_notices()
CALENDAR = WorkCalendar(
    {day: worked for one in NOTICES for day, worked in one.differing().items()}, frozenset(one.year for one in NOTICES)
)
NO_NOTICES = WorkCalendar()
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
days = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("valid_to", "step", "first"),
    [
        # 60 days before the end is the last day to apply; the day after it is late
        ("2026-12-31", Step.LATE, "2026-11-02"),
        ("2026-12-31", Step.LEFT_90, "2026-10-02"),
        ("2026-12-31", Step.LEFT_180, "2026-07-04"),
        ("2026-12-31", Step.EXPIRED_QUIET, "2027-01-01"),
        ("2026-02-28", Step.EXPIRED_QUIET, "2026-03-01"),
        ("2028-02-29", Step.EXPIRED_QUIET, "2028-03-01"),  # a permit that ends on a leap day
        ("2028-02-28", Step.EXPIRED_QUIET, "2028-02-29"),
        ("2028-04-29", Step.LATE, "2028-03-01"),  # 60 days over a leap day
        ("2026-04-30", Step.LATE, "2026-03-02"),  # 60 days over a February of 28
        ("2028-04-30", Step.LATE, "2028-03-02"),
        ("2027-03-01", Step.LEFT_90, "2026-12-01"),  # over New Year
    ],
)
def test_the_first_day_of_a_step_by_the_calendar(valid_to: str, step: Step, first: str) -> None:
    assert first_days(date.fromisoformat(valid_to), NO_NOTICES)[step] == date.fromisoformat(first)


@pytest.mark.parametrize(
    ("valid_to", "last_to_apply"),
    [
        ("2026-12-31", "2026-10-30"),  # 60 days before is 1 November, a Sunday: the Friday before
        ("2026-12-30", "2026-10-30"),  # a Saturday
        ("2026-12-29", "2026-10-30"),  # a Friday: itself
        ("2026-12-04", "2026-09-30"),  # 5 October, inside the National Day holiday
        ("2026-12-09", "2026-10-10"),  # 10 October, a Saturday that is worked instead
        ("2026-12-10", "2026-10-10"),  # 11 October, a plain Sunday after it
        ("2026-04-22", "2026-02-14"),  # 21 February, in the Spring Festival: 14 is a Saturday worked instead
        ("2026-06-30", "2026-04-30"),  # 1 May
    ],
)
def test_the_last_day_to_apply_is_a_working_day(valid_to: str, last_to_apply: str) -> None:
    last = deadline(date.fromisoformat(valid_to), CALENDAR)
    assert (last.day, last.provisional) == (date.fromisoformat(last_to_apply), False)


@given(days)
def test_an_application_on_the_last_day_is_in_time(valid_to: date) -> None:
    last = deadline(valid_to, CALENDAR).day
    assert CALENDAR.is_working(last) and (valid_to - last).days >= 60
    assert due_step(Expiry(valid_to), last, discharged_on=None, calendar=CALENDAR) is not Step.LATE


@given(days, st.integers(-400, 400))
def test_steps_only_get_graver_as_days_pass(valid_to: date, offset: int) -> None:
    today = valid_to + timedelta(days=offset)

    def rank(day: date) -> int:
        step = due_step(Expiry(valid_to), day, discharged_on=None, calendar=CALENDAR)
        return -1 if step is None else step.rank

    assert rank(today) <= rank(today + ONE_DAY)


@given(days)
def test_the_steps_stand_in_their_order(valid_to: date) -> None:
    first = first_days(valid_to, CALENDAR)
    assert list(first) == sorted(first, key=lambda step: step.rank)
    assert list(first.values()) == sorted(first.values())


@pytest.mark.parametrize(
    ("applied", "accepted", "by"),
    [
        ("2026-11-02", "2026-11-02", "2026-11-30"),  # four plain weeks
        ("2026-11-02", None, "2026-12-07"),  # five working days to accept, then twenty
        ("2026-09-18", "2026-09-18", "2026-10-22"),  # over National Day, with two days worked instead
        ("2026-11-07", "2026-11-07", "2026-12-04"),  # filed on a Saturday: Monday is the first day
        ("2026-10-30", "2026-11-05", "2026-12-03"),
    ],
)
def test_the_desk_decides_within_20_working_days_of_acceptance(applied: str, accepted: str | None, by: str) -> None:
    term = decision_term(date.fromisoformat(applied), date.fromisoformat(accepted) if accepted else None, CALENDAR)
    assert (term.day, term.provisional) == (date.fromisoformat(by), False)


@given(days)
def test_an_acceptance_that_is_not_dated_is_taken_for_five_working_days_later(applied: date) -> None:
    accepted = CALENDAR.add_working_days(applied, TO_ACCEPT)
    assert decision_term(applied, None, CALENDAR).day == decision_term(applied, accepted, CALENDAR).day
    assert decision_term(applied, None, CALENDAR).day == CALENDAR.add_working_days(applied, TO_ACCEPT + TO_DECIDE)


def test_a_term_that_reaches_into_a_year_without_its_notice_is_provisional() -> None:
    last = CALENDAR.last_published_year
    assert last is not None
    assert decision_term(date(last, 12, 20), None, CALENDAR).provisional
    assert not decision_term(date(last, 6, 1), None, CALENDAR).provisional
    assert WorkCalendar().last_published_year is None


END = date(2026, 12, 31)


@pytest.mark.parametrize(
    ("applied", "today", "discharged", "step"),
    [
        (None, "2026-11-20", None, None),
        ("2026-11-02", "2026-11-20", None, DeskStep.PENDING),
        ("2026-11-02", "2026-12-07", None, DeskStep.PENDING),  # the last day of the term
        ("2026-11-02", "2026-12-08", None, DeskStep.OVERDUE),
        ("2026-12-20", "2026-12-31", None, DeskStep.PENDING),  # the last day of validity
        ("2026-12-20", "2027-01-01", None, DeskStep.EXPIRED),
        ("2026-11-02", "2027-01-01", None, DeskStep.EXPIRED),  # graver than overdue
        (
            "2026-12-20",
            "2027-01-10",
            "2027-01-05",
            DeskStep.EXPIRED,
        ),  # filed in time: the discharge is not held against it
        ("2027-01-02", "2027-01-10", "2027-01-05", DeskStep.EXPIRED_DISCHARGING),
        ("2027-01-02", "2027-01-10", "2026-12-31", DeskStep.EXPIRED),  # it discharged on the last valid day
    ],
)
def test_how_it_stands_with_an_application(
    applied: str | None, today: str, discharged: str | None, step: DeskStep | None
) -> None:
    expiry = Expiry(END, applied_on=date.fromisoformat(applied) if applied else None)
    seen = date.fromisoformat(discharged) if discharged else None
    assert desk_step(expiry, date.fromisoformat(today), CALENDAR, discharged_on=seen) is step


@given(st.lists(st.integers(0, 500), min_size=1, max_size=12).map(sorted), st.none() | st.integers(0, 400))
def test_however_seldom_it_is_evaluated_no_step_is_published_twice(passed: list[int], applied: int | None) -> None:
    begin = END - timedelta(days=300)
    filing = Filing(
        date(2022, 1, 1), date(2022, 1, 1), END, applied_on=None if applied is None else begin + timedelta(days=applied)
    )
    published, revisions = PublishedRisks(), dict[tuple[str, date], int]()
    for offset in passed:
        today = begin + timedelta(days=offset)
        evaluation = evaluate(Timeline((filing,)), published, today=today, now=NOW, calendar=CALENDAR)
        for change in evaluation.changes:
            key = change.kind, change.valid_to
            assert change.risk.revision == revisions.get(key, 0) + 1
            revisions[key] = change.risk.revision
        published = evaluation.published
        again = evaluate(Timeline((filing,)), published, today=today, now=NOW, calendar=CALENDAR)
        assert again.changes == () and (again.next_check_on is None or again.next_check_on > today)


@given(st.integers(0, 320))
def test_nothing_new_is_found_before_the_day_that_the_evaluation_names(offset: int) -> None:
    line = Timeline((Filing(date(2022, 1, 1), date(2022, 1, 1), END),))
    today = END - timedelta(days=300) + timedelta(days=offset)
    first = evaluate(line, PublishedRisks(), today=today, now=NOW, calendar=CALENDAR)
    if first.next_check_on is not None:
        before = first.next_check_on - ONE_DAY
        assert evaluate(line, first.published, today=before, now=NOW, calendar=CALENDAR).changes == ()
        later = evaluate(line, first.published, today=first.next_check_on, now=NOW, calendar=CALENDAR)
        assert later.changes or later.next_check_on is not None


def test_a_notice_says_only_what_monday_to_friday_would_get_wrong() -> None:
    notice = Notice(
        2026,
        holidays=(date(2026, 10, 1), date(2026, 10, 3)),  # a Thursday and a Saturday
        workdays=(date(2026, 10, 10), date(2026, 10, 12)),  # a Saturday and a Monday
    )
    assert notice.differing() == {date(2026, 10, 1): False, date(2026, 10, 10): True}


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 1, 1), False),  # New Year
        (date(2026, 2, 17), False),  # Spring Festival
        (date(2026, 4, 6), False),  # Qingming
        (date(2026, 5, 1), False),  # Labour Day
        (date(2026, 6, 19), False),  # Dragon Boat Festival
        (date(2026, 9, 25), False),  # Mid-Autumn
        (date(2026, 10, 1), False),  # National Day
        (date(2025, 10, 6), False),  # Mid-Autumn inside the National Day holiday
        (date(2024, 2, 10), False),
        (date(2024, 2, 29), True),
    ],
)
def test_the_holidays_of_the_state_council_s_notices(day: date, worked: bool) -> None:
    assert CALENDAR.is_working(day) is worked
