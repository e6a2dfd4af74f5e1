"""A year of real hours through the handler: 123 hours over, in 54 episodes."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.monitoring.harness import NOX, MonitoringHarness, a_limit, at

HOURS = Path(__file__).resolve().parents[3] / "shared" / "data" / "gas_turbine" / "gt_2012.csv"


def nox() -> list[float]:
    if not HOURS.exists():
        pytest.skip(f"no {HOURS}")
    with HOURS.open() as file:
        return [float(row["NOX"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("batch", [500, 37], ids=["batches of 500", "batches of 37"])
def test_a_year_of_hours_gives_the_episodes_counted_by_hand(tmp_path: Path, batch: int) -> None:
    harness = MonitoringHarness(tmp_path, "2026-11-20 09:00").a_site(a_limit(NOX, "100", o2=None))
    begin = at("2025-01-01 00:00")
    hours = [harness.packet(begin + timedelta(hours=i), {NOX: value}) for i, value in enumerate(nox())]
    harness.take(*hours, batch=batch)
    risks = harness.risks()
    decisions = harness.decisions()
    harness.database.close()
    assert sum(row.status == "over" for row in decisions) == 123
    assert len(risks) == 54
    assert Counter(risk.condition for risk in risks) == {"first": 9, "lasting": 3, "repeated": 42}
    assert all(risk.historical for risk in risks)
    assert sum(risk.window.count for risk in risks if risk.window) == 123
