"""Rules of a verdict that hold for every value: which value decides, what equality is, how an excess is counted and shown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.validity import HOURS_OF_A_DAY, Mean, mean
from services.monitoring.domain.verdict import (
    MOST_MICRO,
    Bound,
    Doubt,
    NoVerdict,
    OwnMeans,
    Status,
    Value,
    ValueKind,
    Verdict,
    decide,
    multiple,
    own_day,
    oxygen_of_outlet,
    shown_multiple,
    shown_value,
    usable_oxygen,
)

MICRO = 1_000_000
PLAIN = Bound(Decimal(35), "mg/m3", "mg/m3")
AT_6 = Bound(Decimal(35), "mg/m3", "mg/m3", Decimal(6))
micros = st.integers(-(10**9), 10**12)


def value(text: str, mark: str = "N", zs: str | None = None) -> Value:
    return Value(int(Decimal(text) * MICRO), None if zs is None else int(Decimal(zs) * MICRO), mark)


@pytest.mark.parametrize(
    ("mark", "decides"),
    [
        ("N", True),  # normal
        ("", True),  # loggers of 2005 send none
        ("F", False),  # out of service
        ("M", False),  # maintenance
        ("S", False),  # set by hand
        ("D", False),  # fault
        ("C", False),  # calibration
        ("T", False),  # above the range
        ("B", False),  # communication
        ("H", False),  # too few data
        ("P", False),  # power failure
        ("n", False),  # marks are stored in upper case
        ("NN", False),
    ],
)
def test_table_8_only_a_normal_value_enters_a_verdict(mark: str, decides: bool) -> None:
    verdict = decide(PLAIN, value("100", mark), None, None)
    assert verdict.status is (Status.OVER if decides else Status.NONE)
    assert verdict.reason is (None if decides else NoVerdict.INVALID_MARK)
    assert verdict.mark == ("" if decides else mark)


@given(micros)
def test_a_plain_limit_is_exceeded_by_more_than_itself_and_by_nothing_less(micro: int) -> None:
    verdict = decide(PLAIN, Value(micro), None, None)
    assert verdict.status is (Status.OVER if micro > 35 * MICRO else Status.COMPLIANT)
    assert verdict.decided == verdict.measured == micro


@given(micros, st.sampled_from([("mg/m3", 1), ("ug/m3", 1000), ("g/m3", Fraction(1, 1000))]))
def test_the_unit_a_device_sends_changes_no_verdict(micro: int, sent: tuple[str, Fraction]) -> None:
    """Devices send mercury and its like in µg while the permit has mg."""
    unit, times = sent
    bound = Bound(Decimal(35), "mg/m3", unit)
    as_sent = micro * times
    if as_sent == int(as_sent):
        assert decide(bound, Value(int(as_sent)), None, None) == decide(PLAIN, Value(micro), None, None)


@pytest.mark.parametrize("unit", ["mg/L", "kPa", "m3/s", "%", "pH"])
def test_a_value_of_another_dimension_meets_no_limit(unit: str) -> None:
    verdict = decide(Bound(Decimal(35), "mg/m3", unit), value("100"), None, None)
    assert (verdict.status, verdict.reason) == (Status.NONE, NoVerdict.UNIT_MISMATCH)


@given(st.integers(1, 10**10), st.integers(0, 18 * MICRO), st.integers(0, 18 * MICRO))
def test_more_oxygen_in_the_window_never_turns_an_excess_into_compliance(micro: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    less, more = (decide(AT_6, Value(micro), Value(oxygen), None) for oxygen in (low, high))
    assert less.decided is not None and more.decided is not None and less.decided <= more.decided


@pytest.mark.parametrize(
    ("oxygen", "reason"),
    [
        ("18.99", None),
        ("19", NoVerdict.OXYGEN_HIGH),  # an air leak or a standstill, no excess of a hundred times
        ("20.9", NoVerdict.OXYGEN_HIGH),
        ("21", NoVerdict.OXYGEN_HIGH),
    ],
)
def test_from_19_percent_of_oxygen_on_nothing_is_converted(oxygen: str, reason: NoVerdict | None) -> None:
    verdict = decide(AT_6, value("30"), value(oxygen), None)
    assert verdict.reason is reason
    assert verdict.measured == 30 * MICRO  # what was measured is kept


@pytest.mark.parametrize(
    ("oxygen", "own", "reason", "mark"),
    [
        (None, None, NoVerdict.WAITING, ""),  # it may yet come
        (None, OwnMeans(), NoVerdict.OXYGEN_MISSING, ""),
        (value("6", "D"), None, NoVerdict.OXYGEN_MISSING, "D"),
        (value("6", "C"), OwnMeans(), NoVerdict.OXYGEN_MISSING, "C"),
        (Value(None), OwnMeans(), NoVerdict.OXYGEN_MISSING, ""),
    ],
)
def test_without_valid_oxygen_there_is_no_verdict_on_a_converted_limit(
    oxygen: Value | None, own: OwnMeans | None, reason: NoVerdict, mark: str
) -> None:
    verdict = decide(AT_6, value("100"), oxygen, own)
    assert (verdict.status, verdict.reason, verdict.mark) == (Status.NONE, reason, mark)


@pytest.mark.parametrize(
    ("reported", "own", "kind"),
    [
        (value("20"), None, ValueKind.REPORTED),
        (value("20"), OwnMeans(Mean(Fraction(50 * MICRO), 60)), ValueKind.REPORTED),  # the reported mean goes first
        (None, OwnMeans(Mean(Fraction(20 * MICRO), 45)), ValueKind.OWN),
        (Value(None), OwnMeans(Mean(Fraction(20 * MICRO), 45)), ValueKind.OWN),
    ],
)
def test_which_value_decides_a_plain_limit(reported: Value | None, own: OwnMeans | None, kind: ValueKind) -> None:
    verdict = decide(PLAIN, reported, None, own)
    assert (verdict.status, verdict.value_kind, verdict.decided) == (Status.COMPLIANT, kind, 20 * MICRO)


@pytest.mark.parametrize(("own", "reason"), [(None, NoVerdict.WAITING), (OwnMeans(), NoVerdict.NO_DATA)])
@pytest.mark.parametrize("bound", [PLAIN, AT_6], ids=["plain", "converted"])
def test_no_value_is_waited_for_and_then_missing(bound: Bound, own: OwnMeans | None, reason: NoVerdict) -> None:
    verdict = decide(bound, None, None, own)
    assert (verdict.reason, verdict.waiting) == (reason, own is None)


@pytest.mark.parametrize(
    ("zs", "doubt", "decided"),
    [
        ("37.5", None, "37.5"),  # 30 at 9 % is 37.5 at 6 %
        ("39.4", None, "39.4"),  # within 5 % and a tenth
        ("35.6", None, "35.6"),
        ("30", Doubt.CONVERTED_MISMATCH, "37.5"),  # the device does not convert: ours decides
        ("75", Doubt.CONVERTED_MISMATCH, "37.5"),
    ],
)
def test_a_device_s_own_conversion_decides_while_its_values_agree(zs: str, doubt: Doubt | None, decided: str) -> None:
    verdict = decide(AT_6, value("30", zs=zs), value("9"), None)
    assert (verdict.doubt, verdict.decided) == (doubt, int(Decimal(decided) * MICRO))
    assert verdict.doubted == (int(Decimal(zs) * MICRO) if doubt else None)


@pytest.mark.parametrize(
    ("oxygen", "usable"),
    [
        (None, False),
        (value("6"), True),
        (value("0"), True),
        (value("6", "D"), False),
        (Value(None), False),
        (value("-9999"), False),  # what devices send for nothing
        (value("60"), False),  # no air has so much
    ],
)
def test_which_oxygen_a_conversion_may_rest_on(oxygen: Value | None, usable: bool) -> None:
    assert usable_oxygen(oxygen) is usable


def test_another_point_of_the_outlet_lends_its_oxygen() -> None:
    broken, good, other = value("6", "D"), value("7"), value("8")
    assert oxygen_of_outlet(broken, [None, broken, good, other]) is good
    assert oxygen_of_outlet(broken, [None]) is broken  # it says what is wrong
    assert oxygen_of_outlet(None, []) is None


@pytest.mark.parametrize(
    ("decided", "limit", "times", "shown"),
    [
        ("35", "35", Fraction(0), "0"),
        ("48.21", "35", Fraction(1321, 3500), "0.377"),
        ("70", "35", Fraction(1), "1"),
        ("52.5", "35", Fraction(1, 2), "0.5"),
        ("17.5", "35", Fraction(-1, 2), "-0.5"),
        ("0.006", "0.005", Fraction(1, 5), "0.2"),
        ("5", "0", Fraction(9), "9"),  # a limit of zero: tenfold by convention
    ],
)
def test_the_multiple_is_what_is_over_the_limit_in_limits(
    decided: str, limit: str, times: Fraction, shown: str
) -> None:
    """超标倍数 = 实测 / 限值 − 1: twice the limit is an excess of one."""
    found = multiple(int(Decimal(decided) * MICRO), Decimal(limit))
    assert (found, shown_multiple(found)) == (times, shown)


@pytest.mark.parametrize(
    ("micro", "limit", "text"),
    [
        (None, "35", None),
        (48_213_700, "35", "48.21"),
        (48_205_000, "35", "48.2"),  # five to even: 48.20
        (48_215_000, "35", "48.22"),
        (35_000_000, "35", "35"),
        (4_999, "0.005", "0.005"),
        (-400, "35", "0"),
    ],
)
def test_values_are_shown_with_the_decimals_of_the_limit(micro: int | None, limit: str, text: str | None) -> None:
    assert shown_value(micro, Decimal(limit)) == text


def hours(count: int, micro: int = 30 * MICRO, *, starved: int = 0) -> list[Verdict]:
    good = [Verdict(Status.COMPLIANT, decided=micro, measured=micro, value_kind=ValueKind.REPORTED)] * count
    return [*good, *[Verdict(Status.NONE, NoVerdict.OXYGEN_MISSING)] * starved]


@pytest.mark.parametrize(
    ("count", "starved", "reason"),
    [
        (24, 0, None),
        (HOURS_OF_A_DAY, 4, None),
        (HOURS_OF_A_DAY - 1, 0, NoVerdict.NO_DATA),
        (HOURS_OF_A_DAY - 1, 4, NoVerdict.NO_DATA),
        (HOURS_OF_A_DAY - 1, 5, NoVerdict.OXYGEN_MISSING),  # the oxygen is why
        (0, 24, NoVerdict.OXYGEN_MISSING),
        (0, 0, NoVerdict.NO_DATA),
    ],
)
def test_a_day_needs_20_valid_hours(count: int, starved: int, reason: NoVerdict | None) -> None:
    assert own_day(AT_6, hours(count, starved=starved)).reason is reason


@given(st.lists(st.integers(0, 10**10), min_size=20, max_size=24), st.integers(0, 99))
def test_a_day_is_the_mean_of_its_hours_in_whatever_order(values: list[int], seed: int) -> None:
    verdicts = [Verdict(Status.COMPLIANT, decided=one, measured=one) for one in values]
    verdict = own_day(PLAIN, verdicts)
    assert verdict.decided == round(Fraction(sum(values), len(values)))
    assert own_day(PLAIN, Random(seed).sample(verdicts, len(verdicts))) == verdict
    assert min(values) <= verdict.decided <= max(values)


@given(st.lists(st.integers(-(10**15), 10**15), max_size=60))
def test_a_mean_is_exact_and_of_nothing_there_is_none(values: list[int]) -> None:
    found = mean(values)
    if not values:
        assert found is None
    else:
        assert found is not None and found.micro * len(values) == sum(values) and found.count == len(values)


@given(st.integers(-(10**30), 10**30))
def test_no_value_is_too_large_for_a_row(micro: int) -> None:
    verdict = decide(PLAIN, None, None, OwnMeans(Mean(Fraction(micro), 60)))
    assert verdict.decided is not None and abs(verdict.decided) <= MOST_MICRO
