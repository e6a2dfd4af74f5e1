"""A detector needs nothing but its file and its entry in the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.monitoring.detectors import DETECTORS
from services.monitoring.detectors.risk_builder import Place, RiskDraft
from services.monitoring.domain.changes import Changes
from services.monitoring.domain.risk_row import RiskSpan
from services.monitoring.engine.history import OutletHistory
from services.monitoring.handlers import packets
from shared.domain.clock import Instant
from tests.unit.monitoring.harness import MN, NOX, MonitoringHarness, a_limit


@dataclass(frozen=True, slots=True)
class EveryHour:
    """Finds a risk in whatever is decided."""

    kind: str = "test.every_hour"

    def detect(self, history: OutletHistory, changes: Changes, now: Instant) -> Sequence[RiskDraft]:
        rows = [change.after for change in changes.rows]
        before = history.open_risks(self.kind, [row.mn for row in rows])
        return [
            RiskDraft.about(
                Place.of_window(row, history.sites([row.mn]).get(row.mn)),
                kind=self.kind,
                condition="any",
                why={"zh": "测试", "en": "test"},
                subject=row.mn,
                span=RiskSpan(row.start_s, row.start_s, row.start_s),
                now=now,
                before=before.get(row.mn),
            )
            for row in rows
        ]


def test_every_detector_has_a_kind_of_its_own() -> None:
    assert len({detector.kind for detector in DETECTORS}) == len(DETECTORS)


def test_a_detector_in_the_list_has_its_risks_saved_and_published_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packets, "DETECTORS", (*DETECTORS, EveryHour()))
    harness = MonitoringHarness(tmp_path).a_site(a_limit(NOX, "100", o2=None))
    hour = harness.packet("2026-11-20 08:00", {NOX: 50})
    harness.take(hour)
    harness.take(hour)
    (risk,) = harness.risks("test.every_hour")
    assert (risk.mn, risk.enterprise_name, risk.outlet_name, risk.factor) == (MN, "示例热电", "1号锅炉烟囱", NOX)
    assert [event.type for event in harness.published() if event.subject == risk.id] == ["yujing.risk.opened.v1"]
