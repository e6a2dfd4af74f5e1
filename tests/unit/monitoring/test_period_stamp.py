"""Which window a stamped period is, and when a point's reports look as if it stamped the end."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.monitoring.domain.period_stamp import probably_stamps_end, stamps_start, window_start_s
from services.monitoring.domain.validity import Sample, own_hour

MIN, HOUR, DAY = 60, 3600, 86_400


@pytest.mark.parametrize(
    ("period", "stamp", "start"),
    [
        ("hour", "end", -HOUR),
        ("day", "end", -DAY),
        ("minute", "end", -MIN),
        ("instant", "end", 0),
        ("hour", "start", 0),
    ],
)
def test_the_end_of_a_period_is_one_period_after_its_start(period: str, stamp: str, start: int) -> None:
    assert window_start_s(1_000_000, period, stamp) == 1_000_000 + start


@pytest.mark.parametrize(
    ("delays", "ends", "starts"),
    [
        ([2 * MIN] * 6, True, False),
        ([2 * MIN, 29 * MIN, -4 * MIN, 0, MIN, 5 * MIN], True, False),
        ([2 * MIN] * 5, False, False),
        ([2 * MIN] * 5 + [62 * MIN], False, False),
        ([30 * MIN] * 6, False, False),
        ([62 * MIN] * 3 + [2 * MIN] * 3, False, True),
        ([62 * MIN] * 2, False, False),
        ([56 * MIN] * 3, False, True),
    ],
    ids=[
        "two minutes",
        "some minutes",
        "too few",
        "one came late",
        "half an hour",
        "healed",
        "too few after",
        "early clock",
    ],
)
def test_six_hours_in_a_row_show_a_habit(delays: list[int], ends: bool, starts: bool) -> None:
    assert (probably_stamps_end(delays), stamps_start(delays)) == (ends, starts)


def test_ten_minutes_stamped_with_their_end_weigh_what_they_last() -> None:
    # 17:10, 17:20 … 18:00 are kept at their last minutes 9, 19 … 59
    samples = [Sample(minute * 60, (minute // 10 + 1) * 1_000_000, True) for minute in range(9, 60, 10)]
    mean = own_hour(samples, by_end=True)
    assert mean is not None and (mean.micro, mean.count) == (Fraction(3_500_000), 60)
