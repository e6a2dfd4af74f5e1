"""Which step of a renewal is new today; none twice, none missed, whatever happens in between."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.obligation import (
    DECISION_DUE,
    RENEWAL,
    PublishedRisk,
    PublishedRisks,
    decision_term,
    evaluate,
)
from services.permits.domain.renewal import Reason, Step, Timeline, deadline, due_step
from shared.domain.clock import shanghai_day
from shared.domain.risk import Cleared
from tests.unit.permits.renewing import (
    CALENDAR,
    NOW,
    ONE_DAY,
    VALID_TO,
    a_filing,
    a_timeline,
    evaluated,
    news,
)


@pytest.mark.parametrize(
    ("today", "step"),
    [
        (date(2026, 6, 17), None),  # 181 days left
        (date(2026, 6, 18), Step.LEFT_180),
        (date(2026, 9, 15), Step.LEFT_180),  # 91
        (date(2026, 9, 16), Step.LEFT_90),
        (date(2026, 10, 1), Step.LEFT_90),  # W is Fri 2026-10-16 (60 days before), its notice begins on the 2nd
        (date(2026, 10, 2), Step.STATUTORY),
        (date(2026, 10, 16), Step.STATUTORY),  # the last day to apply
        (date(2026, 10, 17), Step.LATE),
        (date(2026, 12, 15), Step.LATE),  # valid through its end
        (date(2026, 12, 16), Step.EXPIRED_QUIET),
    ],
)
def test_each_step_begins_on_its_day(today: date, step: Step | None) -> None:
    expiry = a_timeline().on(today)
    assert due_step(expiry, today, discharged_on=None, calendar=CALENDAR) == step


def test_the_last_day_to_apply_is_brought_forward_over_a_holiday() -> None:
    # valid to 2026-12-05: 60 days before is Tue 2026-10-06, inside the National Day holiday; Wed 30 September is the last
    assert deadline(date(2026, 12, 5), CALENDAR).day == date(2026, 9, 30)


def test_a_deadline_in_a_year_without_notice_is_provisional_and_published_anew_when_the_notice_moves_it() -> None:
    line = a_timeline(date(2027, 12, 5))  # 60 days before: Wed 2027-10-06, provisionally a working day
    first = evaluated(line, PublishedRisks(), date(2027, 9, 22))
    (opened,) = first.changes
    assert (opened.risk.step, opened.risk.by, opened.risk.provisional) == (
        "statutory",
        date(2027, 10, 6),
        True,
    )
    holiday = {date(2027, 10, day): False for day in range(1, 8) if date(2027, 10, day).weekday() < 5}
    known = WorkCalendar({**CALENDAR.differing, **holiday}, CALENDAR.published_years | {2027})
    again = evaluate(line, first.published, today=date(2027, 9, 22), now=NOW, calendar=known)
    (moved,) = again.changes
    assert (moved.risk.step, moved.risk.by, moved.risk.provisional) == (
        "statutory",
        date(2027, 9, 30),
        False,
    )
    assert evaluate(line, again.published, today=date(2027, 9, 22), now=NOW, calendar=known).changes == ()


def test_of_several_steps_overdue_at_once_only_the_gravest_is_published() -> None:
    first = evaluated(a_timeline(), PublishedRisks(), date(2026, 11, 1))
    assert news(first) == [(RENEWAL, "late")]
    assert news(evaluated(a_timeline(), first.published, date(2026, 11, 2))) == []


def test_a_permit_expires_when_the_shanghai_day_after_its_last_begins() -> None:
    before = shanghai_day(datetime(2026, 12, 15, 15, 59, 59, tzinfo=UTC))
    after = shanghai_day(datetime(2026, 12, 15, 16, 0, 0, tzinfo=UTC))
    assert news(evaluated(a_timeline(), PublishedRisks(), before)) == [(RENEWAL, "late")]
    assert news(evaluated(a_timeline(), PublishedRisks(), after)) == [(RENEWAL, "expired_quiet")]


def test_a_permit_valid_to_29_february_expires_on_1_march() -> None:
    line = a_timeline(date(2028, 2, 29))
    assert due_step(line.on(date(2028, 2, 29)), date(2028, 2, 29), discharged_on=None, calendar=CALENDAR) is Step.LATE
    assert (
        due_step(line.on(date(2028, 3, 1)), date(2028, 3, 1), discharged_on=None, calendar=CALENDAR)
        is Step.EXPIRED_QUIET
    )


def test_a_permit_valid_to_the_years_end_expires_on_new_years_day() -> None:
    line = a_timeline(date(2026, 12, 31))
    first = evaluated(line, PublishedRisks(), date(2026, 12, 31))
    assert news(first) == [(RENEWAL, "late")]
    assert first.next_check_on == date(2027, 1, 1)
    assert news(evaluated(line, first.published, date(2027, 1, 1))) == [(RENEWAL, "expired_quiet")]


def test_discharge_after_the_end_is_published_and_discharge_before_it_is_not() -> None:
    today = VALID_TO + 2 * ONE_DAY
    quiet = evaluated(a_timeline(), PublishedRisks(), today, discharged_on=VALID_TO)
    assert news(quiet) == [(RENEWAL, "expired_quiet")]
    assert news(evaluated(a_timeline(), quiet.published, today, discharged_on=today)) == [
        (RENEWAL, "expired_discharging")
    ]


def test_a_renewal_without_a_gap_clears_the_risk() -> None:
    first = evaluated(a_timeline(), PublishedRisks(), date(2026, 11, 1))
    renewed = Timeline((a_filing(), a_filing(date(2031, 12, 15), VALID_TO + ONE_DAY)))
    assert news(evaluated(renewed, first.published, date(2026, 11, 2))) == [(RENEWAL, "renewed")]


def test_a_renewal_that_leaves_a_gap_clears_it_only_when_the_new_period_begins() -> None:
    first = evaluated(a_timeline(), PublishedRisks(), date(2026, 12, 16))
    gapped = Timeline((a_filing(), a_filing(date(2031, 12, 31), date(2027, 1, 1))))
    waiting = evaluated(gapped, first.published, date(2026, 12, 31))
    assert (news(waiting), waiting.next_check_on) == ([], date(2027, 1, 1))
    assert news(evaluated(gapped, waiting.published, date(2027, 1, 1))) == [(RENEWAL, "renewed")]


def test_an_application_stops_the_enterprises_steps_and_asks_the_desk() -> None:
    first = evaluated(a_timeline(), PublishedRisks(), date(2026, 10, 2))
    applied = a_timeline(applied_on=date(2026, 10, 9))
    second = evaluated(applied, first.published, date(2026, 10, 9))
    assert news(second) == [(RENEWAL, "applied"), (DECISION_DUE, "pending")]
    late = evaluated(applied, second.published, date(2026, 10, 17))
    assert news(late) == []
    # accepted Fri 16 October (5 working days: 10, 12, 13, 14, 15), then 20: 16, 19-23, 26-30, 2-6, 9-12 November
    assert second.changes[1].risk.by == date(2026, 11, 12)
    overdue = evaluated(applied, late.published, date(2026, 11, 13))
    assert news(overdue) == [(DECISION_DUE, "overdue")]
    assert news(evaluated(applied, overdue.published, date(2026, 12, 16))) == [(DECISION_DUE, "expired")]


def test_a_dated_acceptance_moves_the_desks_term() -> None:
    assert decision_term(date(2026, 10, 9), date(2026, 10, 12), CALENDAR).day == date(2026, 11, 9)


def test_a_decision_ends_the_desks_term() -> None:
    applied = a_timeline(applied_on=date(2026, 10, 9))
    first = evaluated(applied, PublishedRisks(), date(2026, 10, 9))
    renewed = Timeline((*applied.filings, a_filing(date(2031, 12, 15), VALID_TO + ONE_DAY)))
    assert news(evaluated(renewed, first.published, date(2026, 11, 2))) == [(DECISION_DUE, "decided")]


def test_an_application_carried_along_into_the_renewed_permit_silences_nothing() -> None:
    stale = a_filing(date(2031, 12, 15), VALID_TO + ONE_DAY, applied_on=date(2026, 10, 9))
    assert news(evaluated(Timeline((a_filing(), stale)), PublishedRisks(), date(2031, 11, 1))) == [(RENEWAL, "late")]


def test_a_withdrawn_application_brings_the_next_step_and_repeats_none() -> None:
    first = evaluated(a_timeline(), PublishedRisks(), date(2026, 10, 2))
    second = evaluated(a_timeline(applied_on=date(2026, 10, 9)), first.published, date(2026, 10, 9))
    third = evaluated(a_timeline(), second.published, date(2026, 10, 10))
    assert news(third) == [(DECISION_DUE, "taken_back")]
    assert news(evaluated(a_timeline(), third.published, date(2026, 10, 17))) == [(RENEWAL, "late")]


def a_late_application(on: date = date(2026, 12, 18), **more: date | None) -> Timeline:
    """Filed three days after the end."""
    return a_timeline(applied_on=on, **more)


def test_discharge_after_the_end_stays_published_beside_an_application_filed_after_it() -> None:
    seen = date(2026, 12, 17)
    first = evaluated(a_timeline(), PublishedRisks(), seen, discharged_on=seen)
    assert news(first) == [(RENEWAL, "expired_discharging")]
    applied = evaluated(a_late_application(), first.published, date(2026, 12, 18), discharged_on=seen)
    assert news(applied) == [(RENEWAL, "expired_discharging"), (DECISION_DUE, "expired_discharging")]
    assert [one.risk.applied_on for one in applied.changes] == [date(2026, 12, 18)] * 2
    assert applied.changes[0].risk.opened_at == first.changes[0].risk.opened_at
    assert news(evaluated(a_late_application(), applied.published, date(2026, 12, 19), discharged_on=seen)) == []


def test_discharge_seen_after_an_application_that_was_filed_after_the_end_reaches_enterprise_and_desk() -> None:
    quiet = evaluated(a_timeline(), PublishedRisks(), date(2026, 12, 16))
    applied = evaluated(a_late_application(), quiet.published, date(2026, 12, 18))
    assert news(applied) == [(RENEWAL, "applied"), (DECISION_DUE, "expired")]
    seen = date(2026, 12, 20)
    discharging = evaluated(a_late_application(), applied.published, seen, discharged_on=seen)
    assert news(discharging) == [(RENEWAL, "expired_discharging"), (DECISION_DUE, "expired_discharging")]


@pytest.mark.parametrize("applied_on", [date(2026, 10, 9), VALID_TO], ids=["in time", "on the last valid day"])
def test_discharge_after_the_end_accuses_nobody_whose_application_was_filed_before_it(applied_on: date) -> None:
    today = date(2026, 12, 20)
    first = evaluated(a_timeline(applied_on=applied_on), PublishedRisks(), today, discharged_on=today)
    assert news(first) == [(DECISION_DUE, "expired")]


def test_an_application_filed_after_the_end_stops_the_steps_while_no_discharge_is_seen_since() -> None:
    today = date(2026, 12, 20)
    first = evaluated(a_late_application(), PublishedRisks(), today, discharged_on=VALID_TO)
    assert (news(first), first.reason) == ([(DECISION_DUE, "expired")], Reason.APPLIED)


def test_an_application_that_is_corrected_away_leaves_the_discharge_without_it() -> None:
    today = date(2026, 12, 20)
    beside = evaluated(a_late_application(), PublishedRisks(), today, discharged_on=today)
    alone = evaluated(a_timeline(), beside.published, today, discharged_on=today)
    assert news(alone) == [(RENEWAL, "expired_discharging"), (DECISION_DUE, "taken_back")]
    assert alone.changes[0].risk.applied_on is None


@pytest.mark.parametrize(
    ("refused_on", "step"),
    [
        (date(2026, 10, 12), "statutory"),
        (date(2026, 10, 17), "late"),
        (date(2026, 12, 15), "late"),
        (date(2026, 12, 16), "expired_quiet"),
    ],
    ids=["before the last day to apply", "after it", "on the last valid day", "after the end"],
)
def test_a_refused_application_restarts_the_steps_from_where_the_dates_stand(refused_on: date, step: str) -> None:
    first = evaluated(a_timeline(), PublishedRisks(), date(2026, 10, 2))
    assert news(first) == [(RENEWAL, "statutory")]
    pending = evaluated(a_timeline(applied_on=date(2026, 10, 9)), first.published, date(2026, 10, 9))
    refused = a_timeline(applied_on=date(2026, 10, 9), refused_on=refused_on)
    again = evaluated(refused, pending.published, refused_on)
    assert news(again) == [(RENEWAL, step), (DECISION_DUE, "decided")]
    assert (again.changes[0].risk.refused_on, again.changes[0].risk.applied_on) == (refused_on, None)
    assert news(evaluated(refused, again.published, refused_on)) == []


def test_an_application_that_is_withdrawn_on_the_day_it_was_filed_stops_nothing() -> None:
    line = a_timeline(applied_on=date(2026, 10, 19), refused_on=date(2026, 10, 19))
    first = evaluated(line, PublishedRisks(), date(2026, 10, 19))
    assert (news(first), first.changes[0].risk.refused_on) == ([(RENEWAL, "late")], date(2026, 10, 19))


def test_a_refusal_of_an_earlier_application_leaves_the_later_one_pending() -> None:
    line = a_timeline(applied_on=date(2026, 10, 19), refused_on=date(2026, 10, 12))
    assert news(evaluated(line, PublishedRisks(), date(2026, 10, 19))) == [(DECISION_DUE, "pending")]


def test_an_application_refused_long_before_the_end_brings_the_next_step_on_its_day() -> None:
    line = a_timeline(applied_on=date(2026, 3, 2), refused_on=date(2026, 4, 1))
    waiting = evaluated(line, PublishedRisks(), date(2026, 4, 1))
    assert (news(waiting), waiting.next_check_on) == ([], date(2026, 6, 18))
    assert news(evaluated(line, waiting.published, date(2026, 6, 18))) == [(RENEWAL, "left_180")]


def test_a_refusal_dated_ahead_counts_from_its_day() -> None:
    line = a_timeline(applied_on=date(2026, 10, 19), refused_on=date(2026, 11, 2))
    pending = evaluated(line, PublishedRisks(), date(2026, 10, 20))
    assert (news(pending), pending.next_check_on) == ([(DECISION_DUE, "pending")], date(2026, 11, 2))
    assert news(evaluated(line, pending.published, date(2026, 11, 2))) == [(RENEWAL, "late"), (DECISION_DUE, "decided")]


def test_an_application_after_a_refused_one_stops_the_steps_again() -> None:
    refused = a_timeline(applied_on=date(2026, 10, 9), refused_on=date(2026, 10, 20))
    first = evaluated(refused, PublishedRisks(), date(2026, 10, 20))
    again = evaluated(a_timeline(applied_on=date(2026, 10, 22)), first.published, date(2026, 10, 22))
    assert news(again) == [(RENEWAL, "applied"), (DECISION_DUE, "pending")]


def test_a_refused_application_that_was_filed_after_the_end_leaves_the_discharge_published_without_it() -> None:
    seen, refused_on = date(2026, 12, 20), date(2026, 12, 28)
    beside = evaluated(a_late_application(), PublishedRisks(), seen, discharged_on=seen)
    alone = evaluated(a_late_application(refused_on=refused_on), beside.published, refused_on, discharged_on=seen)
    assert news(alone) == [(RENEWAL, "expired_discharging"), (DECISION_DUE, "decided")]
    assert alone.changes[0].risk.applied_on is None


def test_a_clock_set_back_before_a_late_application_repeats_nothing() -> None:
    seen = date(2026, 12, 20)
    beside = evaluated(a_late_application(), PublishedRisks(), seen, discharged_on=seen)
    for today in (date(2026, 12, 17), date(2026, 12, 1)):
        back = evaluated(a_late_application(), beside.published, today, discharged_on=seen)
        assert [one for one in news(back) if one[0] == RENEWAL] == []


def test_an_end_moved_back_and_forth_repeats_no_step_of_either_date() -> None:
    first = evaluated(a_timeline(), PublishedRisks(), date(2026, 11, 1))
    later = evaluated(a_timeline(date(2026, 12, 31)), first.published, date(2026, 11, 1))
    assert news(later) == [(RENEWAL, "renewed"), (RENEWAL, "statutory")]
    back = evaluated(a_timeline(), later.published, date(2026, 11, 1))
    assert news(back) == [(RENEWAL, "taken_back")]
    forth = evaluated(a_timeline(date(2026, 12, 31)), back.published, date(2026, 11, 1))
    assert news(forth) == []


def test_more_than_180_days_is_no_news_and_names_the_day_when_it_will_be() -> None:
    evaluation = evaluated(a_timeline(), PublishedRisks(), date(2026, 1, 1))
    assert (evaluation.changes, evaluation.reason, evaluation.next_check_on) == ((), Reason.NOT_YET, date(2026, 6, 18))


def test_a_reopened_risk_goes_on_counting_its_revisions() -> None:
    closed = PublishedRisk("left_90", 2, NOW, date(2026, 10, 16), open=False)
    evaluation = evaluated(a_timeline(), PublishedRisks({VALID_TO: closed}), date(2026, 10, 17))
    (change,) = evaluation.changes
    assert (change.risk.revision, change.risk.open, change.cleared) == (3, True, None)
    assert Cleared.RENEWED not in {one.cleared for one in evaluation.changes}
