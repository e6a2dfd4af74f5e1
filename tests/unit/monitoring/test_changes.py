"""The changes of one transaction by outlet, and the key that an episode is of."""

from __future__ import annotations

import pytest

from services.monitoring.domain.changes import Changes, VerdictChange
from services.monitoring.domain.verdict import Status
from services.monitoring.domain.verdict_row import HISTORICAL_S, OutletKey
from services.monitoring.domain.windows import HOUR_S, LENGTH_S
from tests.unit.monitoring.verdict_rows import a_verdict

OLD, NEW = "91150102MA0N0AAA1B001P", "91150102MA0N0AAA1B002P"


def test_changes_of_one_outlet_stand_together_in_order() -> None:
    first = VerdictChange(None, a_verdict(start_s=0))
    second = VerdictChange(None, a_verdict(start_s=HOUR_S))
    other = VerdictChange(None, a_verdict(outlet="DA002"))
    found = Changes([first, other, second]).by_outlet()
    assert found == {
        OutletKey(OLD, "DA001", "a21026", "hour"): [first, second],
        OutletKey(OLD, "DA002", "a21026", "hour"): [other],
    }


@pytest.mark.parametrize(
    ("factor", "averaging"), [("a21002", "hour"), ("a21026", "day")], ids=["another factor", "another averaging"]
)
def test_an_episode_is_of_one_factor_and_one_averaging(factor: str, averaging: str) -> None:
    rows = [VerdictChange(None, a_verdict()), VerdictChange(None, a_verdict(factor=factor, averaging=averaging))]
    assert [len(changes) for changes in Changes(rows).by_outlet().values()] == [1, 1]


def test_two_points_of_an_outlet_are_one_episode() -> None:
    rows = [VerdictChange(None, a_verdict(mn="A1")), VerdictChange(None, a_verdict(mn="A2"))]
    assert list(Changes(rows).by_outlet().values()) == [rows]


def test_a_window_that_moved_to_another_permit_counts_in_both() -> None:
    """The former permit's episode loses it, the new one's gains it."""
    moved = VerdictChange(a_verdict(permit=OLD), a_verdict(permit=NEW))
    assert Changes([moved]).by_outlet() == {
        OutletKey(NEW, "DA001", "a21026", "hour"): [moved],
        OutletKey(OLD, "DA001", "a21026", "hour"): [moved],
    }


def test_a_window_that_stayed_counts_once() -> None:
    stayed = VerdictChange(a_verdict(status=Status.OVER), a_verdict(status=Status.COMPLIANT))
    assert list(Changes([stayed]).by_outlet().values()) == [[stayed]]


@pytest.mark.parametrize(
    "key",
    [
        OutletKey(OLD, "DA001", "a21026", "hour"),
        OutletKey(NEW, "DW001", "w01018", "day"),
        OutletKey("A/B", "DA001", "a21026", "hour"),  # only the first part may hold the sign between them
    ],
)
def test_a_key_comes_back_from_its_subject(key: OutletKey) -> None:
    assert OutletKey.of_subject(key.subject) == key


@pytest.mark.parametrize("averaging", ["hour", "day"])
@pytest.mark.parametrize(
    ("late_s", "historical"), [(0, False), (HISTORICAL_S, False), (HISTORICAL_S + 1, True), (-HOUR_S, False)]
)
def test_a_window_is_historical_over_72_hours_after_its_end(averaging: str, late_s: int, historical: bool) -> None:
    row = a_verdict(averaging=averaging, start_s=0, first_seen_s=LENGTH_S[averaging] + late_s)
    assert row.historical is historical
