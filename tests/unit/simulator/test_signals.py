"""What the sample region's outlets emit: the same for the same seed, under the limits when clean, and as its troubles say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.renewal import first_days
from services.simulator.officers import CITY, DESK, DUTY, divisions_of, wishes
from services.simulator.region import SamplePoint, sample_region
from services.simulator.seen import SeenAlert, SeenCoverage, SeenExpiring, object_in, text_in, texts_in
from services.simulator.signals import AIR, Signal, origin_after
from services.simulator.terms import CASES, STEPS, YEARS_OF_A_PERMIT, Term, validity
from services.simulator.trades import POWER, SEWAGE, SO2, TRADES, Trade, limit_document
from services.simulator.trouble import LEVELS, TROUBLE_NAMES, Trouble, TroubleKind, excess
from shared.domain.pollutant import pollutant
from shared.register import Limit

ORIGIN = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SO2_LIMIT = next(limit for limit in POWER if limit.factor == SO2)
hours = st.integers(-200, 200)


def a_signal(*troubles: Trouble, seed: int = 7) -> Signal:
    return Signal(seed, SamplePoint("A1", "123456", "31", 2017, "DA001", POWER, troubles), ORIGIN)


@given(hours, st.integers(0, 99))
def test_the_same_seed_measures_the_same(hour: int, seed: int) -> None:
    start = ORIGIN + hour * HOUR
    assert a_signal(seed=seed).hour(SO2_LIMIT, start) == a_signal(seed=seed).hour(SO2_LIMIT, start)


@given(hours, st.integers(0, 99), st.sampled_from(POWER))
def test_a_clean_outlet_stays_under_70_percent_of_its_limits(hour: int, seed: int, limit: Limit) -> None:
    reading = a_signal(seed=seed).hour(limit, ORIGIN + hour * HOUR)
    assert reading.converted is not None and 0 < reading.converted < 0.7 * float(limit.limit)
    assert reading.flag == "N"


@given(hours)
def test_the_converted_value_is_the_measured_one_at_the_reference(hour: int) -> None:
    signal, start = a_signal(), ORIGIN + hour * HOUR
    reading, oxygen = signal.hour(SO2_LIMIT, start), signal.oxygen(start)
    assert oxygen is not None and reading.converted is not None and SO2_LIMIT.reference_o2_pct is not None
    expected = reading.measured * (AIR - float(SO2_LIMIT.reference_o2_pct)) / (AIR - oxygen)
    assert reading.converted == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("fraction", [0.93, 1.05, 1.25, 2.3])
def test_a_trouble_puts_its_hours_at_its_fraction_of_the_limit_and_no_others(fraction: float) -> None:
    signal = a_signal(excess(TroubleKind.SINGLE, SO2, {3}, fraction))
    at_3, at_4 = (signal.hour(SO2_LIMIT, ORIGIN + hour * HOUR).converted for hour in (3, 4))
    assert at_3 == pytest.approx(fraction * float(SO2_LIMIT.limit), abs=0.01)
    assert at_4 is not None and at_4 < 0.7 * float(SO2_LIMIT.limit)


def test_without_oxygen_nothing_is_converted_and_a_fault_is_marked_and_frozen() -> None:
    without = a_signal(Trouble(TroubleKind.OXYGEN, SO2, frozenset({0})))
    assert without.oxygen(ORIGIN) is None and without.hour(SO2_LIMIT, ORIGIN).converted is None
    assert without.oxygen(ORIGIN + HOUR) is not None
    broken = a_signal(Trouble(TroubleKind.FAULT, SO2, frozenset({0, 1})))
    first, second = (broken.hour(SO2_LIMIT, ORIGIN + hour * HOUR) for hour in (0, 1))
    assert (first.flag, second.flag, first.converted) == ("D", "D", second.converted)


@pytest.mark.parametrize(("hour", "silent"), [(5, False), (6, True), (29, True), (30, False)])
def test_a_silent_logger_is_silent_for_its_hours(hour: int, silent: bool) -> None:
    signal = a_signal(Trouble(TroubleKind.SILENT, SO2, frozenset(range(6, 30))))
    assert signal.silent(ORIGIN + hour * HOUR) is silent
    assert signal.silent(ORIGIN + hour * HOUR + timedelta(minutes=59)) is silent


@given(st.integers(-10, 10))
def test_a_day_is_the_mean_of_its_hours(day: int) -> None:
    cod = SEWAGE[0]
    signal = Signal(7, SamplePoint("W1", "123456", "32", 2017, "DW001", SEWAGE), ORIGIN)
    start = ORIGIN + day * 24 * HOUR
    mean = sum(signal.hour(cod, start + hour * HOUR).measured for hour in range(24)) / 24
    assert signal.day(cod, start).measured == pytest.approx(mean, abs=0.02)


@given(hours, st.integers(0, 59))
def test_a_moment_lies_within_three_percent_of_its_hour(hour: int, minute: int) -> None:
    at = ORIGIN + hour * HOUR + timedelta(minutes=minute)
    signal = a_signal()
    moment, mean = signal.moment(SO2_LIMIT, at).converted, signal.hour(SO2_LIMIT, ORIGIN + hour * HOUR).converted
    assert moment is not None and mean is not None and moment == pytest.approx(mean, rel=0.0301, abs=0.02)


@pytest.mark.parametrize(
    ("minute", "second", "hour"),
    [(0, 0, 0), (0, 1, 1), (30, 0, 1), (59, 59, 1)],
    ids=["on it", "after", "half", "last"],
)
def test_troubles_begin_with_the_first_whole_hour(minute: int, second: int, hour: int) -> None:
    assert origin_after(ORIGIN + timedelta(minutes=minute, seconds=second)) == ORIGIN + hour * HOUR


DAYS = [
    date(2026, 11, 20),
    date(2028, 2, 29),
    date(2026, 2, 28),
    date(2026, 12, 31),
    date(2027, 1, 1),
    date(2024, 3, 1),
]


@pytest.mark.parametrize("on", DAYS)
@pytest.mark.parametrize("term", list(CASES))
def test_a_permit_of_the_region_is_of_five_years_and_has_so_many_days_left(term: Term, on: date) -> None:
    first, last = validity(term, on)
    assert (last - on).days == CASES[term].left
    assert last.year - first.year in (YEARS_OF_A_PERMIT - 1, YEARS_OF_A_PERMIT)
    assert YEARS_OF_A_PERMIT * 365 - 2 <= (last - first).days <= YEARS_OF_A_PERMIT * 365 + 4


@pytest.mark.parametrize("on", DAYS)
def test_the_permits_that_turn_do_so_at_the_next_midnight(on: date) -> None:
    for term in (Term.TURNING, Term.APPLYING):
        days = first_days(validity(term, on)[1], WorkCalendar())
        assert on + timedelta(days=1) in days.values()


@pytest.mark.parametrize("on", DAYS)
def test_a_permit_that_is_to_last_is_far_from_any_step(on: date) -> None:
    first, last = validity(Term.LONG, on)
    assert first < on and (last - on).days > 180


def test_every_case_promises_a_step_and_a_level_that_exist() -> None:
    assert {case.step for case in CASES.values()} <= set(STEPS)
    assert {case.level for case in CASES.values()} <= set(LEVELS)
    assert set(TROUBLE_NAMES) == set(TroubleKind)


@pytest.mark.parametrize("trade", TRADES, ids=[trade.industry for trade in TRADES])
def test_limits_of_a_trade_name_their_standard_and_fit_its_medium(trade: Trade) -> None:
    for limit in trade.limits:
        assert limit.basis and limit.basis.startswith("GB ")
        written = limit_document(limit)
        assert (written["limit"], written["unit"]) == (str(limit.limit), limit.unit)
        assert pollutant(limit.factor).medium == trade.medium


REGION = sample_region(on=date(2026, 11, 20))
ALERT = SeenAlert("alr_1", "emission.exceeded", "yellow", REGION.district, "during")


@pytest.mark.parametrize(
    ("alert", "wanted"),
    [
        (ALERT, True),
        (replace(ALERT, level="red"), True),
        (replace(ALERT, level="blue"), False),
        (replace(ALERT, stage="before"), False),
        (replace(ALERT, kind="data.fault"), False),
        (replace(ALERT, region="110101"), False),
        (replace(ALERT, kind="emission.nearing"), True),
    ],
)
def test_the_duty_officer_wants_the_county_s_excesses_from_yellow_on(alert: SeenAlert, wanted: bool) -> None:
    (duty,) = (wish for wish in wishes(REGION) if wish.owner == DUTY)
    assert duty.wants(alert) is wanted


def test_the_desk_gets_permits_at_once_and_their_early_steps_in_a_digest() -> None:
    permit = replace(ALERT, kind="permit.renewal", region="150102")
    at_once, daily = (wish for wish in wishes(REGION) if wish.owner == DESK)
    assert (at_once.digest, daily.digest) == (None, "daily")
    assert at_once.wants(permit) and not daily.wants(permit)
    early = replace(permit, level="blue", stage="before")
    assert daily.wants(early) and not at_once.wants(early)


def test_a_subscription_s_body_names_what_is_asked_for() -> None:
    duty = next(wish for wish in wishes(REGION) if wish.owner == DUTY)
    body = duty.document("end_1")
    assert body["via"] == {"endpoint": "end_1"} and body["digest"] is None
    assert body["filter"] == {
        "regions": [REGION.district], "kinds": ["emission.*"], "min_level": "yellow", "stages": ["during", "after"]
    }  # fmt: skip
    assert set(divisions_of(REGION)) == {CITY, DUTY, DESK}
    assert all(division.startswith("15") for division in divisions_of(REGION).values())


def test_what_the_product_shows_is_read_as_far_as_it_is_there() -> None:
    shown = {
        "id": "alr_1",
        "kind": "data.fault",
        "level": "blue",
        "enterprise": {"credit_code": "91X"},
        "cleared": None,
    }
    assert SeenAlert.read(shown) == SeenAlert("alr_1", "data.fault", "blue", credit_code="91X")
    assert SeenAlert.read({"enterprise": None}) == SeenAlert("", "", "")
    assert SeenExpiring.read({"credit_code": "91X", "step": None}) == SeenExpiring("91X", "")
    assert SeenCoverage.read({"credit_code": "91X", "lacks": ["points", 7]}) == SeenCoverage("91X", "", ("points",))
    assert (text_in({"a": 7}, "a"), texts_in({"a": "x"}, "a"), object_in({"a": []}, "a")) == ("", (), {})
