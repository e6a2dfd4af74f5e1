"""Which windows show a broken instrument, which of them is the newest, and the row of the catalogue that it comes to."""

from __future__ import annotations

import random

import pytest

from services.monitoring.domain.fault import fault, fault_condition, newest_of_each_factor, shows_instrument
from services.monitoring.domain.verdict import Doubt, NoVerdict, Status
from services.monitoring.domain.verdict_row import HISTORICAL_S, VerdictRow
from services.monitoring.domain.windows import DAY_S, HOUR_S
from tests.unit.monitoring.verdict_rows import a_verdict


@pytest.mark.parametrize(
    ("status", "reason", "mark", "doubt", "found"),
    [
        (Status.COMPLIANT, None, "N", None, None),
        (Status.OVER, None, "N", None, None),
        (Status.COMPLIANT, None, "", None, None),  # loggers of 2005 send no mark
        (Status.NONE, NoVerdict.INVALID_MARK, "D", None, "D"),  # 故障
        (Status.NONE, NoVerdict.INVALID_MARK, "B", None, "B"),  # 通讯异常
        (Status.NONE, NoVerdict.INVALID_MARK, "T", None, "T"),  # 超测定上限
        (Status.NONE, NoVerdict.INVALID_MARK, "M", None, None),  # maintenance is announced, no fault
        (Status.NONE, NoVerdict.INVALID_MARK, "C", None, None),  # calibration
        (Status.NONE, NoVerdict.INVALID_MARK, "F", None, None),  # out of service
        (Status.NONE, NoVerdict.INVALID_MARK, "S", None, None),  # set by hand
        (Status.NONE, NoVerdict.NO_DATA, "", None, None),
        (Status.NONE, NoVerdict.WAITING, "", None, None),
        (Status.NONE, NoVerdict.OXYGEN_MISSING, "", None, "oxygen_missing"),
        (Status.NONE, NoVerdict.OXYGEN_MISSING, "D", None, "oxygen_missing"),
        (Status.NONE, NoVerdict.OXYGEN_HIGH, "", None, None),  # standstill
        (Status.NONE, NoVerdict.NO_LIMIT, "D", None, None),  # not limited any more: nobody's matter
        (Status.NONE, NoVerdict.IMPLAUSIBLE, "N", Doubt.IMPLAUSIBLE, "implausible"),
        (Status.COMPLIANT, None, "N", Doubt.CONVERTED_MISMATCH, "converted_mismatch"),
        (Status.COMPLIANT, None, "N", Doubt.OXYGEN_IMPLAUSIBLE, "oxygen_implausible"),
    ],
)
def test_what_of_a_window_is_a_fault(
    status: Status, reason: NoVerdict | None, mark: str, doubt: Doubt | None, found: str | None
) -> None:
    assert fault(a_verdict(status=status, reason=reason, mark=mark, doubt=doubt)) == found


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("D", "fault"),
        ("B", "fault"),
        ("T", "fault"),
        ("oxygen_missing", "fault"),
        ("implausible", "implausible"),
        ("oxygen_implausible", "implausible"),
        ("converted_mismatch", "converted_mismatch"),
    ],
)
def test_the_row_of_the_catalogue(name: str, condition: str) -> None:
    assert fault_condition(name) == condition


@pytest.mark.parametrize(
    ("status", "reason", "mark", "shows"),
    [
        (Status.COMPLIANT, None, "N", True),
        (Status.OVER, None, "N", True),
        (Status.NONE, NoVerdict.NO_LIMIT, "", True),
        (Status.NONE, NoVerdict.INVALID_MARK, "D", True),
        (Status.NONE, NoVerdict.INVALID_MARK, "M", False),  # says nothing of whether it works
        (Status.NONE, NoVerdict.NO_DATA, "", False),
        (Status.NONE, NoVerdict.WAITING, "", False),
        (Status.UNFINISHED, None, "N", False),
    ],
)
def test_only_what_shows_the_instrument_ends_or_begins_a_fault(
    status: Status, reason: NoVerdict | None, mark: str, shows: bool
) -> None:
    assert shows_instrument(a_verdict(status=status, reason=reason, mark=mark)) is shows


def hour(
    place: int, mark: str = "N", *, mn: str = "A1", factor: str = "a21026", first_seen_s: int | None = None
) -> VerdictRow:
    status = Status.COMPLIANT if mark == "N" else Status.NONE
    reason = None if mark == "N" else NoVerdict.INVALID_MARK
    return a_verdict(
        mn=mn,
        factor=factor,
        start_s=place * HOUR_S,
        status=status,
        reason=reason,
        mark=mark,
        first_seen_s=first_seen_s,
    )


def test_the_newest_window_counts_whatever_the_order_of_arrival() -> None:
    rows = [hour(0, "D"), hour(1, "D"), hour(2), hour(3, "M"), hour(1, "D", factor="a21002")]
    for seed in range(10):
        shuffled = random.Random(seed).sample(rows, len(rows))
        newest = newest_of_each_factor(shuffled)["A1"]
        assert {factor: row.start_s // HOUR_S for factor, row in newest.items()} == {"a21026": 2, "a21002": 1}


def test_each_point_has_its_own_newest_window() -> None:
    newest = newest_of_each_factor([hour(0, "D", mn="A1"), hour(5, mn="A2")])
    assert (fault(newest["A1"]["a21026"]), fault(newest["A2"]["a21026"])) == ("D", None)


def test_of_two_that_end_together_the_shorter_decides() -> None:
    day = a_verdict(averaging="day", start_s=0, status=Status.COMPLIANT)
    last_hour = hour(23, "D")
    assert day.end_s == last_hour.end_s == DAY_S
    for rows in ([day, last_hour], [last_hour, day]):
        assert newest_of_each_factor(rows)["A1"]["a21026"] is last_hour


@pytest.mark.parametrize(("late_s", "counts"), [(HISTORICAL_S, True), (HISTORICAL_S + 1, False)])
def test_what_came_over_72_hours_late_shows_nothing_of_now(late_s: int, counts: bool) -> None:
    row = hour(0, "D", first_seen_s=HOUR_S + late_s)
    assert bool(newest_of_each_factor([row])) is counts
