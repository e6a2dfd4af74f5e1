"""What a packet's factor says, and which of two reports wins."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.monitoring.domain.reading import NotANumber, micro, rank, reading


def test_an_instant_counts_by_rtd_and_by_avg_when_it_has_none() -> None:
    assert reading({"Rtd": 1.5, "Avg": 9.0, "ZsRtd": 2.0, "Flag": "N"}, "instant") == (1_500_000, 2_000_000, "N", None)
    assert reading({"Avg": 9.0, "Flag": "N"}, "instant") == (9_000_000, None, "N", None)


def test_an_hour_counts_by_avg_and_keeps_the_rest() -> None:
    assert reading({"Rtd": 1.0, "Avg": 2.0, "Min": 1.0, "Cou": 7.5, "Flag": " n "}, "hour") == (
        2_000_000,
        None,
        "N",
        {"Min": 1.0, "Cou": 7.5},
    )


def test_a_factor_without_flag_is_distinguished_but_kept() -> None:
    assert reading({"Avg": 2.0}, "hour") == (2_000_000, None, "", None)


def test_a_bad_mark_without_a_value_is_kept() -> None:
    assert reading({"Flag": "D"}, "minute") == (None, None, "D", None)
    assert reading({}, "minute") is None
    assert reading({"RS": 1.0}, "hour") is None


def test_a_mark_that_no_screen_shows_is_one_that_every_database_keeps_and_never_normal() -> None:
    assert reading({"Avg": 2.0, "Flag": "\x00"}, "hour") == (2_000_000, None, "\ufffd", None)
    assert reading({"Avg": 2.0, "Flag": "N\x00"}, "hour") == (2_000_000, None, "N\ufffd", None)


def test_text_in_place_of_a_number_is_refused() -> None:
    with pytest.raises(NotANumber):
        reading({"Avg": "42"}, "hour")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e12, 1e300])
def test_what_no_instrument_reads_has_no_value(value: float) -> None:
    assert micro(value) is None


@given(st.floats(min_value=-1e11, max_value=1e11, allow_nan=False))
@example(8589934592.44336)
def test_micro_units_are_the_written_number_rounded_half_even(value: float) -> None:
    written = (Decimal(repr(value)) * 1_000_000).to_integral_value(ROUND_HALF_EVEN)
    assert micro(value) == int(written)


def test_a_resent_packet_beats_any_number_and_a_later_number_an_earlier() -> None:
    early, late = "20261120090003123", "20261120090004000"
    assert rank(resent=False, sent=late, content=b"") > rank(resent=False, sent=early, content=b"zz")
    assert rank(resent=True, sent=early, content=b"") > rank(resent=False, sent=late, content=b"")
