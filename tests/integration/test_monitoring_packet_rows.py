"""Real-time and minute readings as they are stored and read back, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.monitoring.domain.packet_row import values_in
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.validity import Sample
from services.monitoring.domain.windows import WindowKey, seconds
from services.monitoring.store.packets import packets_between, samples_of_hours
from services.monitoring.store.values import latest, series
from shared.domain.errors import Invalid
from shared.ports import Record
from tests.support.servers import PostgresServer
from tests.unit.monitoring.harness import MN, NOX, O2, SO2, MonitoringHarness, at

OTHER = "A110000_0002"


@pytest.fixture
def harness(database_url: str | None, tmp_path: Path) -> Iterator[MonitoringHarness]:
    made = MonitoringHarness(tmp_path, "2026-11-20 09:00", url=database_url).a_site()
    made.a_point(OTHER)
    yield made
    made.database.close()


def _hour(mn: str, text: str) -> WindowKey:
    return WindowKey(mn, "hour", seconds(at(text)))


def test_samples_of_many_hours_come_at_once_and_each_stands_in_its_own_hour(harness: MonitoringHarness) -> None:
    harness.take(
        harness.packet("2026-11-20 06:59", {NOX: {"Rtd": 1.0}}, command="2011"),
        harness.packet("2026-11-20 07:00", {NOX: {"Rtd": 2.0, "Flag": "N"}, SO2: {"Rtd": 3.0}}, command="2011"),
        harness.packet("2026-11-20 07:59", {NOX: {"Rtd": 4.0, "Flag": "D"}}, command="2011"),
        harness.packet("2026-11-20 07:30", {NOX: {"Avg": 9.0}}, command="2051"),
        harness.packet("2026-11-20 08:00", {NOX: {"Rtd": 5.0}}, command="2011", mn=OTHER),
        harness.packet("2026-11-20 08:00", {NOX: {"Rtd": 6.0}}, command="2011"),
    )
    seven, eight, empty = _hour(MN, "2026-11-20 07:00"), _hour(OTHER, "2026-11-20 08:00"), _hour(MN, "2026-11-20 05:00")
    with harness.database.read() as session:
        instants = samples_of_hours(session, [seven, eight, empty], "instant", {NOX, SO2})
        minutes = samples_of_hours(session, {seven, eight}, "minute", {NOX})
        none = samples_of_hours(session, [], "minute", {NOX})
    of_seven = {factor: sorted(samples) for factor, samples in instants[seven].items()}
    assert of_seven == {
        NOX: [Sample(0, 2_000_000, True), Sample(3540, 4_000_000, False)],
        SO2: [Sample(0, 3_000_000, True)],
    }
    assert instants[eight] == {NOX: [Sample(0, 5_000_000, True)]}
    assert instants.keys() == {seven, eight}
    assert minutes == {seven: {NOX: [Sample(1800, 9_000_000, True)]}}
    assert none == {}


def test_of_an_hour_only_the_factors_come_that_are_asked_for(harness: MonitoringHarness) -> None:
    harness.take(harness.packet("2026-11-20 07:00", {NOX: {"Rtd": 2.0}, SO2: {"Rtd": 3.0}}, command="2011"))
    seven = _hour(MN, "2026-11-20 07:00")
    with harness.database.read() as session:
        assert samples_of_hours(session, [seven], "instant", {SO2}) == {seven: {SO2: [Sample(0, 3_000_000, True)]}}
        assert samples_of_hours(session, [seven], "instant", {O2}) == {}


def test_samples_of_more_hours_than_one_list_of_keys_holds(harness: MonitoringHarness) -> None:
    harness.take(harness.packet("2026-11-20 07:10", {NOX: {"Rtd": 2.0}}, command="2011"))
    wanted = [WindowKey(MN, "hour", seconds(at("2026-11-20 08:00")) - n * 3600) for n in range(1_000)]
    with harness.database.read() as session:
        found = samples_of_hours(session, wanted, "instant", {NOX})
    assert found == {_hour(MN, "2026-11-20 07:00"): {NOX: [Sample(600, 2_000_000, True)]}}


def _instant(harness: MonitoringHarness, when: str, factors: dict[str, float], sent: str, **more: Any) -> Record:
    fields = {factor: {"Rtd": value, "Flag": "N"} for factor, value in factors.items()}
    qn = f"20261120{sent}000"
    return harness.packet(f"2026-11-20 {when}", fields, command="2011", qn=qn, **more)


def _stored(harness: MonitoringHarness) -> dict[int, dict[str, PeriodValue]]:
    with harness.database.read() as session:
        rows = list(packets_between(session, MN, "instant", 0, 1 << 40))
    return {row.start_s: {one.factor: one for one in values_in(row)} for row in rows}


@pytest.mark.parametrize("batch", [1, 100], ids=["each in a batch of its own", "all in one batch"])
def test_packets_of_one_moment_are_one_row_and_each_factor_is_of_its_greatest_rank(
    harness: MonitoringHarness, batch: int
) -> None:
    many = [_instant(harness, f"07:{n:02d}", {SO2: float(n)}, f"07{n:02d}00") for n in range(60)]
    split = [
        _instant(harness, "08:00", {SO2: 1.0, NOX: 1.0}, "080001", source="gateway"),
        _instant(harness, "08:00", {O2: 3.0}, "080002"),
        _instant(harness, "08:00", {NOX: 2.0}, "080003"),
        _instant(harness, "08:00", {SO2: 9.0}, "080000"),
    ]
    harness.take(*many, *split, batch=batch)
    harness.take(*reversed([*many, *split]), batch=17)
    stored = _stored(harness)
    assert len(stored) == 61
    moment = stored[seconds(at("2026-11-20 08:00"))]
    assert {factor: (one.micro, one.source) for factor, one in moment.items()} == {
        SO2: (1_000_000, "gateway"),
        NOX: (2_000_000, "http"),
        O2: (3_000_000, "http"),
    }


def test_what_the_database_cannot_keep_is_an_error_of_the_value_and_costs_its_batch_only(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 09:00", url=postgres.new_database_at_head()).a_site()
    good = _instant(harness, "08:00", {SO2: 1.0}, "080001")
    with pytest.raises(Invalid):
        harness.take(good, _instant(harness, "08:01", {SO2: 1.0}, "080101", source="a\x00b"))
    harness.take(good)
    assert len(_stored(harness)) == 1
    harness.database.close()


def test_the_newest_value_of_each_factor_is_found_however_far_back_it_is(harness: MonitoringHarness) -> None:
    harness.take(_instant(harness, "05:00", {NOX: 1.0}, "050000"))
    harness.take(*(_instant(harness, f"06:{n:02d}", {SO2: float(n)}, f"06{n:02d}00") for n in range(60)))
    harness.take(harness.packet("2026-11-20 05:00", {SO2: 7.0}, command="2051"))
    harness.take(harness.packet("2026-11-20 05:00", {SO2: 8.0}))
    with harness.database.read() as session:
        found = [(one.factor, one.period, one.micro) for one in latest(session, MN)]
    assert found == [
        (NOX, "instant", 1_000_000),
        (SO2, "hour", 8_000_000),
        (SO2, "instant", 59_000_000),
        (SO2, "minute", 7_000_000),
    ]


def test_a_series_of_one_factor_passes_over_the_packets_without_it(harness: MonitoringHarness) -> None:
    harness.take(
        *(_instant(harness, f"06:{n:02d}", {SO2 if n % 20 else NOX: float(n)}, f"06{n:02d}00") for n in range(60))
    )
    low, high = seconds(at("2026-11-20 06:00")), seconds(at("2026-11-20 06:41"))
    with harness.database.read() as session:
        some = series(session, MN, NOX, "instant", low_s=low + 1, high_s=high, limit=5)
        first = series(session, MN, NOX, "instant", low_s=low, high_s=high, limit=1)
    assert [(one.start_s - low) // 60 for one in some] == [20, 40]
    assert [(one.start_s - low) // 60 for one in first] == [0]
