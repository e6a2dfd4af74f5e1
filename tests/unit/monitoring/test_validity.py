"""Own means: 45 minutes make an hour, whatever packets they come in."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.monitoring.domain.validity import Sample, own_hour
from services.monitoring.domain.windows import day_start_s, seconds, shanghai_date, start_s
from tests.unit.monitoring.harness import at


def minutes(count: int, micro: int = 10) -> list[Sample]:
    return [(n * 60, micro, True) for n in range(count)]


@pytest.mark.parametrize("count", [44, 45, 60])
def test_minutes_count_one_by_one(count: int) -> None:
    mean = own_hour(minutes(count))
    assert mean is not None and (mean.count, mean.micro) == (count, 10)


def test_ten_minute_packets_speak_for_ten_minutes_each() -> None:
    mean = own_hour([(n * 600, 10 * n, True) for n in range(5)])
    assert mean is not None and (mean.count, mean.micro) == (50, 20)


def test_a_bad_mark_takes_its_minutes_out() -> None:
    mean = own_hour([(0, 10, True), (600, 90, False), (1200, 20, True)])
    assert mean is not None and (mean.count, mean.micro) == (20, 15)


def test_real_time_values_fill_minutes_without_a_minute_packet() -> None:
    instants = [(0, 99, True), (60, 1, True), (90, 2, True), (120, 5, False), (180, None, True)]
    mean = own_hour([(0, 10, True)], instants)
    assert mean is not None and (mean.count, mean.micro) == (2, (Fraction(3, 2) + 10) / 2)


def test_nothing_valid_gives_no_mean() -> None:
    assert own_hour([(0, 10, False)], [(60, None, True)]) is None


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-11-20 00:00", "2026-11-20"),
        ("2026-11-19 23:59", "2026-11-19"),
        ("2028-02-29 00:30", "2028-02-29"),
        ("2026-12-31 23:59", "2026-12-31"),
        ("2027-01-01 00:00", "2027-01-01"),
    ],
    ids=["midnight begins a day", "a minute before", "leap day", "the year's last minute", "new year"],
)
def test_a_day_is_shanghais(moment: str, day: str) -> None:
    moment_s = seconds(at(moment))
    assert shanghai_date(moment_s).isoformat() == day
    assert day_start_s(moment_s) == seconds(at(f"{day} 00:00"))
    assert start_s(moment_s, "hour") == moment_s - moment_s % 3600
