"""Until when a push is held by quiet hours."""

from __future__ import annotations

from datetime import datetime

import pytest

from services.alerts.domain.catalogue import Level
from services.alerts.domain.quiet import held_until, read_quiet
from shared.domain.clock import SHANGHAI
from shared.domain.errors import Invalid

NIGHT, NOON = read_quiet("22:00", "07:00"), read_quiet("12:00", "13:30")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("moment", "goes"),
    [
        ("2026-11-20 21:59:59", None),
        ("2026-11-20 22:00", "2026-11-21 07:00"),
        ("2026-12-31 23:59", "2027-01-01 07:00"),
        ("2027-01-01 00:00", "2027-01-01 07:00"),  # 16:00 UTC of the day before
        ("2028-02-29 06:59", "2028-02-29 07:00"),
        ("2026-11-21 07:00", None),
    ],
)
def test_a_night_is_held_till_its_morning(moment: str, goes: str | None) -> None:
    assert held_until(NIGHT, at(moment)) == (at(goes) if goes else None)


def test_hours_of_one_day_are_held_till_their_end() -> None:
    assert held_until(NOON, at("2026-11-20 12:15")) == at("2026-11-20 13:30")
    assert held_until(NOON, at("2026-11-20 13:30")) is None
    assert held_until(NOON, at("2026-11-20 02:00")) is None


def test_red_is_never_held_and_nobody_without_quiet_hours_is() -> None:
    assert held_until(NIGHT, at("2026-11-20 23:00"), Level.RED) is None
    assert held_until(NIGHT, at("2026-11-20 23:00"), Level.ORANGE) == at("2026-11-21 07:00")
    assert held_until(None, at("2026-11-20 23:00")) is None


@pytest.mark.parametrize(("start", "end"), [("22", "07:00"), ("24:00", "07:00"), ("22:00", "22:00"), ("", "07:00")])
def test_what_is_no_span_is_refused(start: str, end: str) -> None:
    with pytest.raises(Invalid) as wrong:
        read_quiet(start, end)
    assert wrong.value.field.startswith("quiet.")


@pytest.mark.parametrize(
    "text", ["1_0:00", "２２:00", " 22:00", "+7:00", "-1:00", "22:0", "22", "22:00:00", "24:00", "7:60", ""]
)
def test_a_time_of_day_is_two_numbers_of_plain_digits(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_quiet(text, "07:00")
    assert (refused.value.field, refused.value.value, refused.value.rule) == (
        "quiet.from",
        text,
        "HH:MM, Shanghai time",
    )
