"""Whatever impossible numbers stand between the good ones, in whatever order: the episodes are those of the good ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.ports import Record
from tests.integration.test_monitoring_order import BEGIN, HOURS, NOW, found
from tests.unit.monitoring.harness import NOX, O2, MonitoringHarness, a_limit

IMPOSSIBLE = (-999, -9999, -20, 65535, 9999)
Fields = dict[str, object]

good = st.builds(
    lambda value, oxygen: {NOX: value, O2: oxygen},
    st.sampled_from([-0.25, 50, 100, 101, 150, 250]),
    st.sampled_from([0, 6, 6, 6, 8.5, 18.9]),
)
impossible = st.one_of(
    st.builds(lambda value: {NOX: value, O2: 6}, st.sampled_from(IMPOSSIBLE)),
    st.builds(lambda value: {NOX: 250, O2: value}, st.sampled_from(IMPOSSIBLE)),
    st.builds(
        lambda value: {NOX: {"Avg": 250, "ZsAvg": value, "Flag": "N"}, O2: -999}, st.sampled_from((0, -999, 65535))
    ),
)
hours = st.integers(0, HOURS - 1)


def run(reports: list[tuple[int, Fields]], batch: int) -> object:
    with TemporaryDirectory() as folder:
        harness = MonitoringHarness(Path(folder), NOW).a_site(a_limit(NOX, "100", o2="6"))
        harness.take(*(_packet(harness, hour, fields) for hour, fields in reports), batch=batch)
        harness.tick()
        verdicts, spans = found(harness)
        harness.database.close()
    return {hour: status for hour, status in verdicts.items() if status != "none"}, spans


def _packet(harness: MonitoringHarness, hour: int, fields: Fields) -> Record:
    return harness.packet(BEGIN + timedelta(hours=hour), fields)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(hours, good, min_size=1, max_size=20),
    st.dictionaries(hours, impossible, min_size=1, max_size=20),
    st.randoms(use_true_random=False),
    st.integers(1, 12),
)
def test_impossible_numbers_change_no_episode(
    measured: dict[int, Fields], invented: dict[int, Fields], random: Random, batch: int
) -> None:
    alone = run(sorted(measured.items(), key=lambda one: one[0]), 500)
    mixed = [*measured.items(), *((hour, fields) for hour, fields in invented.items() if hour not in measured)]
    random.shuffle(mixed)
    assert run(mixed, batch) == alone
