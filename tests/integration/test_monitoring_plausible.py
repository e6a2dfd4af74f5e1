"""Impossible numbers from packet to risk, on both databases: kept and shown, in no mean, in no episode, named by data.fault."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from services.alerts.catalogue.loader import load_catalogue
from services.monitoring.store.values import series
from shared.domain.pollutant import pollutant
from shared.domain.risk import RiskState
from tests.unit.monitoring.harness import COD, MN, NOX, O2, MonitoringHarness, a_limit, at

OTHER = "A110000_0002"


def verdicts(harness: MonitoringHarness, mn: str = MN) -> list[tuple[str, str | None, str | None]]:
    return [(row.status, row.reason, row.doubt) for row in harness.decisions() if row.mn == mn]


@pytest.mark.parametrize("value", [-999, -9999, 65535])
def test_an_impossible_hour_neither_ends_an_exceedance_nor_opens_another(
    value: int, database_url: str | None, tmp_path: Path
) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 06:00", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    hours = [120, value, 130, value, 140, value]  # three invented starts would make it `repeated`, a red alert
    harness.take(*(harness.packet(f"2026-11-20 0{n}:00", {NOX: one}) for n, one in enumerate(hours)))
    (risk,) = harness.risks()
    assert (risk.state, risk.condition, risk.window and risk.window.count) == (RiskState.OPEN, "first", 3)
    assert verdicts(harness) == [("over", None, None), ("none", "implausible", "implausible")] * 3
    (fault,) = harness.risks("data.fault")
    assert (fault.state, fault.condition, fault.factor) == (RiskState.OPEN, "implausible", NOX)
    assert str(value) in fault.why["zh"] and pollutant(NOX).zh in fault.why["zh"] and str(value) in fault.why["en"]
    harness.now = at("2026-11-20 07:00")
    harness.take(harness.packet("2026-11-20 06:00", {NOX: 80}))
    assert [one.state for one in (*harness.risks(), *harness.risks("data.fault"))] == [RiskState.CLEARED] * 2
    harness.database.close()


def test_an_impossible_value_is_kept_as_it_came(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, url=database_url).a_site(a_limit(NOX, "100", o2=None))
    harness.take(harness.packet("2026-11-20 08:00", {NOX: -999}))
    with harness.database.read() as session:
        (row,) = series(session, MN, NOX, "hour", low_s=0, high_s=1 << 40, limit=9)
    assert (row.micro, row.mark) == (-999_000_000, "N")
    assert harness.published("risks")[-1].data["kind"] == "data.fault"  # and no discharge was seen in it
    assert [event.data for event in harness.published("risks") if "day" in event.data] == []
    harness.database.close()


@pytest.mark.parametrize("oxygen", [-999, -20])
def test_impossible_oxygen_hides_no_exceedance(oxygen: int, database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, url=database_url).a_site(a_limit(NOX, "35"))
    harness.take(harness.packet("2026-11-20 08:00", {NOX: 500, O2: oxygen}))
    assert verdicts(harness) == [("none", "implausible", "oxygen_implausible")]
    (fault,) = harness.risks("data.fault")
    assert (fault.condition, fault.factor) == ("implausible", O2)
    assert f"{oxygen} %" in fault.why["zh"] and f"{oxygen} %" in fault.why["en"]
    harness.take(harness.packet("2026-11-20 08:00", {NOX: 500, O2: 7}, rf=True))
    (risk,) = harness.risks()
    assert (risk.decided, risk.multiple) == ("535.71", "14.306")
    assert [one.state for one in harness.risks("data.fault")] == [RiskState.CLEARED]
    harness.database.close()


@pytest.mark.parametrize("zs", [0, -999])
def test_a_converted_mean_that_contradicts_mean_and_oxygen_is_not_taken(
    zs: int, database_url: str | None, tmp_path: Path
) -> None:
    harness = MonitoringHarness(tmp_path, url=database_url).a_site(a_limit(NOX, "35"))
    harness.take(harness.packet("2026-11-20 08:00", {NOX: {"Avg": 500, "ZsAvg": zs, "Flag": "N"}, O2: 7}))
    (risk,) = harness.risks()
    assert (risk.decided, risk.basis["value_kind"]) == ("535.71", "converted")
    (fault,) = harness.risks("data.fault")
    assert (fault.condition, fault.factor) == ("converted_mismatch", NOX)
    for text in fault.why.values():
        assert f"{zs} mg/m3" in text and "535.71 mg/m3" in text
    harness.now = at("2026-11-20 10:00")
    harness.take(harness.packet("2026-11-20 09:00", {NOX: {"Avg": 500, "ZsAvg": 536, "Flag": "N"}, O2: 7}))
    assert [one.state for one in harness.risks("data.fault")] == [RiskState.CLEARED]
    harness.database.close()


def test_an_impossible_minute_is_in_no_mean(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 10:05", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    values = [-999 if n < 10 else 120 for n in range(60)]
    harness.take(*(harness.packet(f"2026-11-20 08:{n:02}", {NOX: one}, command="2051") for n, one in enumerate(values)))
    harness.tick()
    (risk,) = harness.risks()
    assert (risk.decided, risk.basis["value_kind"]) == ("120", "own")
    harness.database.close()


@pytest.mark.parametrize(("values", "named"), [((-999, 7), NOX), ((50, -20), O2)], ids=["value", "oxygen"])
def test_an_hour_of_impossible_minutes_is_named_and_one_without_minutes_is_not(
    values: tuple[int, int], named: str, database_url: str | None, tmp_path: Path
) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 10:05", url=database_url).a_site(a_limit(NOX, "100"))
    value, oxygen = values
    fields = {NOX: value, O2: oxygen}
    harness.take(*(harness.packet(f"2026-11-20 08:{n:02}", fields, command="2051") for n in range(60)))
    harness.tick()
    assert [(row.status, row.reason) for row in harness.decisions()] == [("none", "implausible")]
    (fault,) = harness.risks("data.fault")
    assert (fault.condition, fault.factor) == ("implausible", named)
    harness.take(harness.packet("2026-11-20 09:00", {NOX: value, O2: oxygen}, command="2051"))  # one minute is too few
    harness.tick("2026-11-20 11:05")
    assert harness.decisions()[-1].reason == "no_data"
    harness.database.close()


def test_a_day_is_the_mean_of_its_possible_hours(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-21 01:05", url=database_url).a_site(
        a_limit(NOX, "100", "day", o2=None)
    )
    hours = [-9999 if n in (3, 4) else 110 for n in range(24)]
    harness.take(*(harness.packet(f"2026-11-20 {n:02}:00", {NOX: one}) for n, one in enumerate(hours)))
    harness.tick("2026-11-21 01:10")
    (risk,) = harness.risks()
    assert (risk.decided, risk.window and risk.window.averaging) == ("110", "day")
    harness.database.close()


@pytest.mark.parametrize(
    ("zs", "decided", "kind", "doubt"),
    [
        ("229", 229_000_000, "reported_converted", None),
        ("180", 229_166_666, "own_converted", "converted_mismatch"),
        ("0", 229_166_666, "own_converted", "converted_mismatch"),
    ],
)
def test_the_converted_mean_of_a_day_must_agree_with_its_hours(
    zs: str, decided: int, kind: str, doubt: str | None, database_url: str | None, tmp_path: Path
) -> None:
    # hours of 100 at 3 % and 17 % by turns: 100 · 15 / 18 = 83.33 and 100 · 15 / 4 = 375; the day's means would make 136.36
    harness = MonitoringHarness(tmp_path, "2026-11-21 00:30", url=database_url).a_site(a_limit(NOX, "200", "day"))
    harness.take(*(harness.packet(f"2026-11-20 {n:02}:00", {NOX: 100, O2: 3 if n % 2 else 17}) for n in range(24)))
    day = {NOX: {"Avg": 100, "ZsAvg": float(zs), "Flag": "N"}, O2: 10}
    harness.take(harness.packet("2026-11-20 00:00", day, command="2031"))
    (row,) = harness.decisions()
    assert (row.status, row.decided, row.value_kind, row.doubt) == ("over", decided, kind, doubt)
    harness.database.close()


def two_points(tmp_path: Path, database_url: str | None, now: str) -> MonitoringHarness:
    """One outlet whose flue gas is measured by one device, its oxygen by another."""
    harness = MonitoringHarness(tmp_path, now, url=database_url)
    harness.an_enterprise()
    harness.a_point()
    harness.a_point(OTHER)
    harness.a_permit(a_limit(NOX, "35"), a_limit(NOX, "30", "day"), mns=[MN, OTHER])
    return harness


@pytest.mark.parametrize("first", ["value", "oxygen"])
def test_oxygen_of_another_point_of_the_outlet_is_used_whatever_comes_first(
    first: str, database_url: str | None, tmp_path: Path
) -> None:
    harness = two_points(tmp_path, database_url, "2026-11-20 09:00")
    value = harness.packet("2026-11-20 08:00", {NOX: 500})
    oxygen = harness.packet("2026-11-20 08:00", {O2: 7}, mn=OTHER)
    harness.take(*((value, oxygen) if first == "value" else (oxygen, value)), batch=1)
    assert [(row.status, row.value_kind, row.decided) for row in harness.decisions() if row.mn == MN] == [
        ("over", "converted", 535_714_286)
    ]
    harness.take(harness.packet("2026-11-20 08:00", {O2: 3}, mn=OTHER, rf=True))  # corrected: decided anew
    assert harness.risks()[0].decided == "416.67"
    harness.database.close()


def test_own_means_and_days_use_the_oxygen_of_the_outlet_too(database_url: str | None, tmp_path: Path) -> None:
    harness = two_points(tmp_path, database_url, "2026-11-20 10:05")
    for mn, fields in ((MN, {NOX: 50}), (OTHER, {O2: 7})):
        harness.take(*(harness.packet(f"2026-11-20 08:{n:02}", fields, command="2051", mn=mn) for n in range(60)))
    harness.tick()
    # 50 · 15 / 14 = 53.571429
    hours = [(row.status, row.value_kind, row.decided) for row in harness.decisions() if row.mn == MN]
    assert hours == [("over", "own_converted", 53_571_429)]
    harness.now = at("2026-11-21 00:30")
    for mn, fields in ((MN, {NOX: 28}), (OTHER, {O2: 7})):
        harness.take(*(harness.packet(f"2026-11-20 {n:02}:00", fields, mn=mn) for n in range(24) if n != 8))
    harness.tick("2026-11-21 01:10")
    (day,) = [row for row in harness.decisions() if row.mn == MN and row.averaging == "day"]
    assert (day.status, day.value_kind, day.decided) == (
        "over",
        "own_converted",
        30_982_143,
    )  # (23 · 30 + 53.571429) / 24
    harness.database.close()


def test_a_pinned_display_is_no_measurement_of_water(database_url: str | None, tmp_path: Path) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 12:00", url=database_url)
    harness.a_site(a_limit(COD, "50", o2=None, unit="mg/L"))
    harness.take(*(harness.packet(f"2026-11-20 {n:02}:00", {COD: 999.99}) for n in range(8, 12)))
    assert harness.risks() == [] and {row.reason for row in harness.decisions()} == {"implausible"}
    harness.database.close()


@pytest.mark.parametrize("condition", ["implausible", "converted_mismatch"])
def test_the_catalogue_has_words_for_it(condition: str) -> None:
    row = load_catalogue().row("data.fault", condition, region="150102", day=date(2026, 11, 20))
    assert row.condition == condition and row.headline["zh"] and row.instruction["en"]
