"""Silence: how long is too long, what does not count, and when it is the whole county's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.monitoring.domain.silence import Downtime, LastSeen, Silence, areas_out, silence
from services.monitoring.store.due import note_alive
from shared.domain.risk import Cleared, RiskState
from tests.unit.monitoring.scene import MN, Scene

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
    every = [LastSeen(str(n), 0, 60, "150102") for n in range(points)]
    quiet = {str(n): Silence.SHORT for n in range(silent)}
    assert bool(areas_out(every, quiet)) is out


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path).a_site()
    yield scene
    scene.database.close()


def sign_of_life(scene: Scene, mn: str = MN) -> None:
    scene.take(scene.packet("2026-11-20 09:00", {}, command="9015", mn=mn, data_time=None))


def later(scene: Scene, minutes: int) -> None:
    scene.now += timedelta(minutes=minutes)
    scene.silence.sweep(scene.now)


def test_a_silent_point_is_told_step_by_step_and_cleared_when_seen(scene: Scene) -> None:
    sign_of_life(scene)
    later(scene, 29)
    assert scene.risks("data.offline") == []
    steps = []
    for minutes in (1, 1, 90, 24 * 60):
        later(scene, minutes)
        (risk,) = scene.risks("data.offline")
        steps.append((risk.condition, risk.revision))
    assert steps == [("short", 1), ("short", 1), ("hours", 2), ("day", 3)]
    sign_of_life(scene)
    later(scene, 0)
    (risk,) = scene.risks("data.offline")
    assert (risk.state, risk.cleared, risk.mn, risk.outlet) == (RiskState.CLEARED, Cleared.RESUMED, MN, "DA001")


def test_a_county_silent_together_is_one_outage_and_mutes_its_points(scene: Scene) -> None:
    mns = [f"A110000_1{n:03d}" for n in range(5)]
    for mn in mns:
        scene.a_point(mn)
        sign_of_life(scene, mn)
    later(scene, 31)
    (outage,) = scene.risks("data.outage")
    assert (outage.state, outage.region, outage.credit_code) == (RiskState.OPEN, "150102", None)
    assert [risk.muted for risk in scene.risks("data.offline")] == ["area_outage"] * 5
    sign_of_life(scene, mns[0])
    later(scene, 0)
    assert [risk.state for risk in scene.risks("data.outage")] == [RiskState.CLEARED]
    still = [risk for risk in scene.risks("data.offline") if risk.state is RiskState.OPEN]
    assert [risk.muted for risk in still] == [None] * 4


def test_a_gap_of_our_own_is_noted_and_forgiven(scene: Scene) -> None:
    sign_of_life(scene)
    for minutes in (0, 0, 50, 0):
        scene.now += timedelta(minutes=minutes)
        with scene.database.transaction() as session:
            note_alive(session, int(scene.now.timestamp()))
    scene.silence.sweep(scene.now)
    assert scene.risks("data.offline") == []
    later(scene, 30)
    assert [risk.condition for risk in scene.risks("data.offline")] == ["short"]
