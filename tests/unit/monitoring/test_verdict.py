"""What decides a window, exactly: values, oxygen, marks, units, rounding, equality."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from services.monitoring.domain.validity import Mean
from services.monitoring.domain.verdict import (
    Bound,
    NoVerdict,
    OwnMeans,
    Status,
    Value,
    ValueKind,
    Verdict,
    decide,
    multiple,
    own_day,
    shown_multiple,
    shown_value,
)

PLAIN = Bound(Decimal("100"), "mg/m3", "mg/m3")
AT_6 = Bound(Decimal("35"), "mg/m3", "mg/m3", Decimal("6"))


def m(value: str) -> int:
    return int(Decimal(value) * 1_000_000)


def test_the_example_of_the_design_converts_to_its_number() -> None:
    # 42.1 · (21 − 6) / (21 − 7.9) = 48.2061068…
    verdict = decide(AT_6, Value(m("42.1")), Value(m("7.9")), None)
    assert (verdict.status, verdict.value_kind, verdict.decided) == (Status.OVER, ValueKind.CONVERTED, 48_206_107)
    assert shown_value(verdict.decided, AT_6.limit) == "48.21"
    assert shown_value(verdict.measured, AT_6.limit) == "42.1"
    assert shown_multiple(multiple(48_206_107, AT_6.limit)) == "0.377"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("100", Status.COMPLIANT),
        ("100.0000004", Status.COMPLIANT),
        ("100.000001", Status.OVER),
        ("99.999999", Status.COMPLIANT),
        ("0", Status.COMPLIANT),
        ("-0.3", Status.COMPLIANT),
    ],
    ids=["equality is no excess", "less than 1e-6 over is none", "1e-6 over", "just under", "zero", "zero drift"],
)
def test_a_plain_limit_is_compared_at_1e_6(value: str, status: Status) -> None:
    verdict = decide(PLAIN, Value(round(Fraction(value) * 1_000_000)), None, None)
    assert (verdict.status, verdict.value_kind) == (status, ValueKind.REPORTED)


@pytest.mark.parametrize(
    ("reported", "oxygen", "status", "reason", "kind"),
    [
        # 33 · 15 / 14 = 35.36, and 36 is within 5 % of it
        (Value(m("33"), m("36")), Value(m("7")), Status.OVER, None, ValueKind.REPORTED_CONVERTED),
        (Value(None, m("36")), None, Status.OVER, None, ValueKind.REPORTED_CONVERTED),
        (Value(m("40"), m("35")), None, Status.COMPLIANT, None, ValueKind.REPORTED_CONVERTED),
        # 4.6 · 15 / 2.01 = 34.33; 4.7 · 15 / 2.01 = 35.07
        (Value(m("4.6")), Value(m("18.99")), Status.COMPLIANT, None, ValueKind.CONVERTED),
        (Value(m("4.7")), Value(m("18.99")), Status.OVER, None, ValueKind.CONVERTED),
        (Value(m("4.7")), Value(m("19")), Status.NONE, NoVerdict.OXYGEN_HIGH, None),
        (Value(m("4.7")), Value(m("21")), Status.NONE, NoVerdict.OXYGEN_HIGH, None),
        (Value(m("40")), Value(m("7"), mark="D"), Status.NONE, NoVerdict.OXYGEN_MISSING, None),
        (Value(m("40")), None, Status.NONE, NoVerdict.WAITING, None),
        (Value(m("40"), m("90"), "D"), Value(m("7")), Status.NONE, NoVerdict.INVALID_MARK, None),
        (None, Value(m("7")), Status.NONE, NoVerdict.WAITING, None),
    ],
    ids=[
        "Zs comes first",
        "Zs alone",
        "Zs equal to the limit",
        "18.99 % still converts, below",
        "18.99 % still converts, above",
        "19 % gives none",
        "air gives none",
        "oxygen marked D is missing",
        "no oxygen yet waits",
        "a bad mark beats the Zs value",
        "no report yet waits",
    ],
)
def test_a_limit_at_reference_oxygen(
    reported: Value | None, oxygen: Value | None, status: Status, reason: NoVerdict | None, kind: ValueKind | None
) -> None:
    verdict = decide(AT_6, reported, oxygen, None)
    assert (verdict.status, verdict.reason, verdict.value_kind) == (status, reason, kind)


def test_zs_is_ignored_where_the_limit_has_no_reference() -> None:
    assert decide(PLAIN, Value(m("90"), m("120")), None, None).status is Status.COMPLIANT
    assert decide(PLAIN, Value(None, m("120")), None, OwnMeans()).reason is NoVerdict.NO_DATA


@pytest.mark.parametrize("mark", list("FMSDCTB"))
def test_only_normal_values_decide(mark: str) -> None:
    verdict = decide(PLAIN, Value(m("500"), mark=mark), None, OwnMeans(Mean(Fraction(m("500")), 60)))
    assert (verdict.status, verdict.reason, verdict.mark) == (Status.NONE, NoVerdict.INVALID_MARK, mark)


def test_units_are_brought_to_that_of_the_limit() -> None:
    micrograms = Bound(Decimal("0.05"), "mg/L", "ug/L")
    assert decide(micrograms, Value(m("50")), None, None).status is Status.COMPLIANT
    assert decide(micrograms, Value(m("50.002")), None, None).decided == 50_002
    foreign = Bound(Decimal("10"), "mg/m3", "℃")
    assert decide(foreign, Value(m("500")), None, None).reason is NoVerdict.UNIT_MISMATCH


def test_after_the_grace_the_own_mean_decides_and_oxygen_is_missing_for_good() -> None:
    own = OwnMeans(Mean(Fraction(m("101")), 45))
    assert decide(PLAIN, None, None, own).value_kind is ValueKind.OWN
    assert decide(AT_6, None, None, own).reason is NoVerdict.OXYGEN_MISSING
    both = OwnMeans(Mean(Fraction(m("42.1")), 45), Mean(Fraction(m("7.9")), 45))
    assert decide(AT_6, None, None, both) == Verdict(Status.OVER, None, 48_206_107, 42_100_000, ValueKind.OWN_CONVERTED)
    assert decide(AT_6, Value(m("42.1")), None, both).reason is NoVerdict.OXYGEN_MISSING
    assert decide(PLAIN, None, None, OwnMeans()).reason is NoVerdict.NO_DATA


@pytest.mark.parametrize(("hours", "reason"), [(19, NoVerdict.NO_DATA), (20, None)])
def test_an_own_day_needs_twenty_deciding_hours(hours: int, reason: NoVerdict | None) -> None:
    decided = [Verdict(Status.OVER, decided=m("110"), measured=m("110"))] * hours
    missing = [Verdict(Status.NONE, NoVerdict.NO_DATA)] * (24 - hours)
    verdict = own_day(PLAIN, [*decided, *missing])
    assert verdict.reason is reason
    assert verdict.status is (Status.NONE if reason else Status.OVER)


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        ("48.2061", "35", "48.21"),
        ("42.125", "35", "42.12"),
        ("42.135", "35", "42.14"),
        ("0.00126", "0.001", "0.001"),
        ("0.0016", "0.001", "0.002"),
        ("50", "35", "50"),
        ("-0.001", "35", "0"),
    ],
    ids=[
        "two places",
        "half to even, down",
        "half to even, up",
        "the limit's three",
        "rounded up",
        "no zeros",
        "no -0",
    ],
)
def test_values_are_shown_half_even_with_the_limits_decimals(value: str, limit: str, shown: str) -> None:
    assert shown_value(m(value), Decimal(limit)) == shown
