"""A risk of exceedance carries what decided its newest windows, for a small chart beside the alert."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.clock import SHANGHAI
from tests.unit.monitoring.harness import NOX, MonitoringHarness, a_limit, at

FIRST = at("2026-11-19 00:00")


@pytest.fixture
def harness(database_url: str | None, tmp_path: Path) -> MonitoringHarness:
    return MonitoringHarness(tmp_path, "2026-11-20 09:00", url=database_url).a_site(a_limit(NOX, "100", o2=None))


def hour(number: int) -> str:
    return f"{(FIRST + timedelta(hours=number)).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def series(harness: MonitoringHarness) -> object:
    (risk,) = [risk for risk in harness.risks() if risk.factor == NOX]
    return risk.facts["series"]


def test_it_is_the_24_newest_exceeding_values_the_oldest_first(harness: MonitoringHarness) -> None:
    harness.take(*(harness.packet(hour(number), {NOX: 101 + number}) for number in range(30)))
    assert series(harness) == [str(101 + number) for number in range(6, 30)]
    harness.database.close()


def test_a_late_compliant_hour_parts_the_values_with_the_episode(harness: MonitoringHarness) -> None:
    harness.take(*(harness.packet(hour(number), {NOX: value}) for number, value in ((0, 120), (1, 130), (3, 140))))
    assert series(harness) == ["120", "130", "140"]
    harness.take(harness.packet(hour(2), {NOX: 90}))
    assert [risk.facts["series"] for risk in harness.risks()] == [["120", "130"], ["140"]]
    harness.database.close()
