"""What can be a measurement, and that what cannot decides nothing: neither as value, nor as oxygen, nor as conversion."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.monitoring.domain.plausible import plausible_range
from services.monitoring.domain.verdict import (
    Bound,
    Doubt,
    NoVerdict,
    OwnMeans,
    Status,
    Value,
    ValueKind,
    decide,
    oxygen_of_outlet,
)
from shared.domain.pollutant import pollutants
from shared.domain.quantity import from_micro, plain

NOX, O2, COD, PH, NH3 = "a21002", "a19001", "w01018", "w01001", "a21001"
PLAIN = Bound(Decimal("100"), "mg/m3", "mg/m3", None, plausible_range(NOX, "mg/m3"))
AT_6 = Bound(Decimal("100"), "mg/m3", "mg/m3", Decimal("6"), plausible_range(NOX, "mg/m3"))


def m(value: str) -> int:
    return int(Decimal(value) * 1_000_000)


@pytest.mark.parametrize(
    ("factor", "unit", "value", "plausible"),
    [
        (NOX, "mg/m3", "-0.25", True),
        (NOX, "mg/m3", "-5", True),
        (NOX, "mg/m3", "-5.000001", False),
        (NOX, "mg/m3", "-999", False),
        (NOX, "mg/m3", "-9999", False),
        (NOX, "mg/m3", "2399", True),
        (NOX, "mg/m3", "65535", False),
        (NOX, "ug/m3", "-250", True),
        (NOX, "ug/m3", "-5001", False),
        (NH3, "ng/m3", "5000000", True),
        (COD, "mg/L", "999.99", False),
        (COD, "mg/L", "999.98", True),
        (COD, "mg/L", "9999", False),
        (PH, "1", "15.294", False),
        (PH, "pH", "14", True),
        (PH, "pH", "-0.1", False),
        (O2, "%", "0", True),
        (O2, "%", "25", True),
        (O2, "%", "25.000001", False),
        (O2, "%", "-20", False),
        ("a01014", "%", "100.1", False),
        ("x99999", "mg/L", "-999", False),
        ("x99999", "mg/L", "12", True),
        ("x99999", None, "12", True),
        ("x99999", None, "65535", False),
    ],
)
def test_a_number_can_be_a_measurement_or_not(factor: str, unit: str | None, value: str, plausible: bool) -> None:
    assert plausible_range(factor, unit).holds(m(value)) is plausible


def test_every_factor_has_a_range_with_its_source_in_a_unit_that_its_own_converts_to() -> None:
    for factor in pollutants().values():
        physical = factor.physical
        assert physical is not None and physical.lowest < physical.highest and physical.source, factor
        if factor.unit is not None:
            here = plausible_range(factor.code, factor.unit)
            assert here.lowest <= 0 < here.highest or factor.code == "a01006", factor


@pytest.mark.parametrize("value", ["-999", "-9999", "65535", "-20", "2000000"])
@pytest.mark.parametrize("bound", [PLAIN, AT_6], ids=["plain", "converted"])
def test_an_implausible_mean_is_no_verdict_and_is_named(bound: Bound, value: str) -> None:
    verdict = decide(bound, Value(m(value)), Value(m("7")), None)
    assert (verdict.status, verdict.reason, verdict.doubt) == (Status.NONE, NoVerdict.IMPLAUSIBLE, Doubt.IMPLAUSIBLE)
    assert verdict.decided is None and verdict.doubted == m(value)


def test_a_small_drift_below_zero_is_measured() -> None:
    verdict = decide(PLAIN, Value(m("-0.25")), None, None)
    assert (verdict.status, verdict.decided, verdict.doubt) == (Status.COMPLIANT, -250_000, None)
    drifted = decide(AT_6, Value(m("-0.25"), 0), Value(m("7")), None)  # the device shows a drift as zero
    assert (drifted.status, drifted.value_kind, drifted.doubt) == (Status.COMPLIANT, ValueKind.REPORTED_CONVERTED, None)


@pytest.mark.parametrize("oxygen", ["-999", "-20", "65535", "25.1"])
def test_implausible_oxygen_converts_nothing(oxygen: str) -> None:
    verdict = decide(AT_6, Value(m("500")), Value(m(oxygen)), None)
    assert (verdict.status, verdict.reason) == (Status.NONE, NoVerdict.IMPLAUSIBLE)
    assert (verdict.doubt, verdict.doubted, verdict.measured) == (Doubt.OXYGEN_IMPLAUSIBLE, m(oxygen), m("500"))


@pytest.mark.parametrize(
    ("zs", "decided", "doubt"),
    [
        # 500 · (21 − 6) / (21 − 7) = 535.714286; 5 % and 0.1 around it: 508.83 … 562.60
        ("0", "535.714286", Doubt.CONVERTED_MISMATCH),
        ("-999", "535.714286", Doubt.CONVERTED_MISMATCH),
        ("65535", "535.714286", Doubt.CONVERTED_MISMATCH),
        ("508.8", "535.714286", Doubt.CONVERTED_MISMATCH),
        ("508.9", "508.9", None),
        ("562.5", "562.5", None),
        ("562.7", "535.714286", Doubt.CONVERTED_MISMATCH),
    ],
)
def test_a_converted_mean_that_mean_and_oxygen_do_not_make_gives_way(
    zs: str, decided: str, doubt: Doubt | None
) -> None:
    verdict = decide(AT_6, Value(m("500"), m(zs)), Value(m("7")), None)
    assert (plain(from_micro(verdict.decided or 0)), verdict.doubt) == (decided, doubt)
    assert verdict.status is Status.OVER and verdict.doubted == (m(zs) if doubt else None)


@pytest.mark.parametrize(
    ("zs", "oxygen", "reason"),
    [
        ("0", None, NoVerdict.WAITING),
        ("0", Value(m("7"), mark="D"), NoVerdict.IMPLAUSIBLE),
        ("0", Value(m("-999")), NoVerdict.IMPLAUSIBLE),
        ("0", Value(m("19.5")), NoVerdict.IMPLAUSIBLE),
        # without any oxygen 500 · 15 / 21 = 357.14, and 5 % and 0.1 less of it is 339.19
        ("339.1", Value(m("19.5")), NoVerdict.IMPLAUSIBLE),
        ("339.2", Value(m("19.5")), None),
        ("65535", Value(m("19.5")), NoVerdict.IMPLAUSIBLE),
    ],
)
def test_without_oxygen_a_converted_mean_stands_where_some_oxygen_makes_it(
    zs: str, oxygen: Value | None, reason: NoVerdict | None
) -> None:
    assert decide(AT_6, Value(m("500"), m(zs)), oxygen, None).reason is reason


def test_after_the_grace_a_converted_mean_that_nothing_explains_is_no_verdict() -> None:
    verdict = decide(AT_6, Value(m("500"), 0), None, OwnMeans())
    assert (verdict.status, verdict.reason) == (Status.NONE, NoVerdict.IMPLAUSIBLE)


def test_a_good_converted_mean_decides_beside_an_impossible_oxygen_which_is_named() -> None:
    verdict = decide(AT_6, Value(None, m("90")), Value(m("-999")), None)
    assert (verdict.status, verdict.doubt, verdict.doubted) == (Status.COMPLIANT, Doubt.OXYGEN_IMPLAUSIBLE, m("-999"))


def test_the_oxygen_of_the_outlet_is_the_first_that_can_be_used() -> None:
    bad, good, other = Value(m("-999")), Value(m("7")), Value(m("8"))
    assert oxygen_of_outlet(None, [None, bad, good, other]) is good
    assert oxygen_of_outlet(bad, [None, Value(m("7"), mark="D")]) is bad
    assert oxygen_of_outlet(None, []) is None
