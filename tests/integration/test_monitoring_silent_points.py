"""Silence: how long is too long, what does not count, and when it is the whole county's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.monitoring.detectors.risk_builder import RiskDraft
from services.monitoring.detectors.silence import KIND, SilenceDetector
from services.monitoring.domain.silence import Downtime, LastSeen, Silence, areas_out, silence
from services.monitoring.engine.history import PointHistory
from services.monitoring.handlers.silence import SilenceSweep
from services.monitoring.store.due import note_alive
from services.monitoring.store.register import Register
from services.monitoring.store.risks import RiskRepository
from shared.domain.clock import Instant
from shared.domain.risk import Cleared, RiskState
from tests.unit.monitoring.harness import MN, MonitoringHarness

MINUTE = 60


@pytest.mark.parametrize(
    ("minutes", "interval_s", "wanted"),
    [
        (29, 60, None),
        (30, 60, Silence.SHORT),
        (44, 900, None),
        (45, 900, Silence.SHORT),
        (119, 60, Silence.SHORT),
        (120, 60, Silence.HOURS),
        (179, 3600, None),
        (180, 3600, Silence.HOURS),
        (24 * 60 - 1, 60, Silence.HOURS),
        (24 * 60, 60, Silence.DAY),
    ],
)
def test_three_intervals_or_half_an_hour_then_two_hours_then_a_day(
    minutes: int, interval_s: int, wanted: Silence | None
) -> None:
    assert silence(LastSeen(MN, 0, interval_s, "150102"), minutes * MINUTE, []) is wanted


def test_our_own_down_time_does_not_count() -> None:
    seen = LastSeen(MN, 0, 60, "150102")
    assert silence(seen, 60 * MINUTE, [Downtime(5 * MINUTE, 40 * MINUTE)]) is None
    assert silence(seen, 60 * MINUTE, [Downtime(-60 * MINUTE, 10 * MINUTE)]) is Silence.SHORT


@pytest.mark.parametrize(("silent", "points", "out"), [(4, 4, False), (5, 20, False), (5, 19, True)])
def test_more_than_a_quarter_and_at_least_five_make_an_outage(silent: int, points: int, out: bool) -> None:
    quiet = [LastSeen(str(n), 0, 60, "150102") for n in range(silent)]
    assert bool(areas_out(quiet, {"150102": points})) is out


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[MonitoringHarness]:
    harness = MonitoringHarness(tmp_path).a_site()
    yield harness
    harness.database.close()


def sign_of_life(harness: MonitoringHarness, mn: str = MN) -> None:
    harness.take(harness.packet("2026-11-20 09:00", {}, command="9015", mn=mn, data_time=None))


def later(harness: MonitoringHarness, minutes: int) -> None:
    harness.now += timedelta(minutes=minutes)
    harness.silence.sweep(harness.now)


def test_a_silent_point_is_reported_step_by_step_and_cleared_when_seen(harness: MonitoringHarness) -> None:
    sign_of_life(harness)
    later(harness, 29)
    assert harness.risks("data.offline") == []
    steps = []
    for minutes in (1, 1, 90, 24 * 60):
        later(harness, minutes)
        (risk,) = harness.risks("data.offline")
        steps.append((risk.condition, risk.revision))
    assert steps == [("short", 1), ("short", 1), ("hours", 2), ("day", 3)]
    sign_of_life(harness)
    later(harness, 0)
    (risk,) = harness.risks("data.offline")
    assert (risk.state, risk.cleared, risk.mn, risk.outlet) == (RiskState.CLEARED, Cleared.RESUMED, MN, "DA001")


def test_a_county_silent_together_is_one_outage_and_mutes_its_points(harness: MonitoringHarness) -> None:
    mns = [f"A110000_1{n:03d}" for n in range(5)]
    for mn in mns:
        harness.a_point(mn)
        sign_of_life(harness, mn)
    later(harness, 31)
    (outage,) = harness.risks("data.outage")
    assert (outage.state, outage.region, outage.credit_code) == (RiskState.OPEN, "150102", None)
    assert [risk.muted for risk in harness.risks("data.offline")] == ["area_outage"] * 5
    sign_of_life(harness, mns[0])
    later(harness, 0)
    assert [risk.state for risk in harness.risks("data.outage")] == [RiskState.CLEARED]
    still = [risk for risk in harness.risks("data.offline") if risk.state is RiskState.OPEN]
    assert [risk.muted for risk in still] == [None] * 4


def test_a_gap_of_our_own_is_noted_and_forgiven(harness: MonitoringHarness) -> None:
    sign_of_life(harness)
    for minutes in (0, 0, 50, 0):
        harness.now += timedelta(minutes=minutes)
        with harness.database.transaction() as session:
            note_alive(session, int(harness.now.timestamp()))
    harness.silence.sweep(harness.now)
    assert harness.risks("data.offline") == []
    later(harness, 30)
    assert [risk.condition for risk in harness.risks("data.offline")] == ["short"]


def test_many_silent_points_are_written_in_transactions_of_a_bounded_size(harness: MonitoringHarness) -> None:
    """As when a network fails: the sweep goes on until all are written, and until all are ended."""
    mns = [f"A110000_1{n:03d}" for n in range(7)]
    for mn in mns:
        harness.a_point(mn, permit=None)
        sign_of_life(harness, mn)
    sizes: list[int] = []

    class Counted(SilenceDetector):
        def detect(self, history: PointHistory, now: Instant) -> Sequence[RiskDraft]:
            drafts = super().detect(history, now)
            sizes.append(sum(draft.risk.kind == KIND for draft in drafts))
            return drafts

    sweep = SilenceSweep(
        harness.database,
        clock=harness.clock,
        register=Register(),
        risks=RiskRepository(harness.outbox, harness.metrics),
        behind=lambda: False,
        detector=Counted(most=3),
    )
    harness.now += timedelta(minutes=31)
    sweep.sweep(harness.now)
    assert {risk.mn for risk in harness.risks(KIND)} == set(mns)
    assert sizes == [3, 3, 1]
    for mn in mns:
        sign_of_life(harness, mn)
    sweep.sweep(harness.now)
    assert {risk.cleared for risk in harness.risks(KIND)} == {Cleared.RESUMED}
    assert sizes[3:] == [3, 3, 1]
