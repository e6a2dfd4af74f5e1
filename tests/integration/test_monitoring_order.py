"""Whatever the order, the batches and the repetitions of packets: the same verdicts, spans and levels, those of an oracle."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.monitoring.domain.windows import seconds
from shared.domain.risk import RiskState
from tests.unit.monitoring.harness import NOX, MonitoringHarness, a_limit, at

BEGIN = at("2026-11-18 00:00")
HOURS = 60
NOW = "2026-11-20 12:30"  # 60.5 hours after the beginning
LAST_TIMED_OUT = 34  # its hour, 24 windows and an hour of grace have passed
Report = tuple[int, int, str, int, bool]  # hour, value, mark, QN, resent
Span = tuple[int, int, int, str, str]  # first, last, count, condition, state

reports = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 12), st.integers(0, HOURS - 1)),
        st.sampled_from([50, 100, 101, 110, 149, 150, 199, 200, 250]),
        st.sampled_from(["N", "N", "N", "N", "D", "M"]),
        st.integers(0, 9),
        st.booleans(),
    ),
    min_size=1,
    max_size=45,
    unique_by=lambda report: (report[0], report[3], report[4]),
)


def oracle(sent: list[Report]) -> tuple[dict[int, str], list[Span]]:
    """Straight from the rules, with lists of hours and nothing else."""
    truth: dict[int, Report] = {}
    for report in sent:
        if report[0] not in truth or (report[4], report[3]) > (truth[report[0]][4], truth[report[0]][3]):
            truth[report[0]] = report
    verdicts = {h: ("none" if r[2] != "N" else "over" if r[1] > 100 else "compliant") for h, r in truth.items()}
    episodes: list[list[int]] = []
    ended: list[bool] = []
    open_now = False
    last = 0
    for hour in range(HOURS):
        verdict = verdicts.get(hour, "none")
        if open_now and hour - last > 24 and verdict != "none":
            ended[-1], open_now = True, False
        if verdict == "over":
            if not open_now:
                episodes.append([])
                ended.append(False)
            episodes[-1].append(hour)
            open_now, last = True, hour
        elif verdict == "compliant" and open_now:
            ended[-1], open_now = True, False
    if open_now and last <= LAST_TIMED_OUT:
        ended[-1] = True
    return verdicts, [_span(hours, ended[n], episodes, truth) for n, hours in enumerate(episodes)]


def _span(hours: list[int], ended: bool, episodes: list[list[int]], truth: dict[int, Report]) -> Span:
    worst = max(truth[hour][1] for hour in hours)
    in_a_row = any({hour, hour + 1, hour + 2} <= set(hours) for hour in hours)
    if sum(other[0] <= hours[0] for other in episodes) >= 3:  # all within 7 days here
        condition = "repeated"
    elif worst >= 200:
        condition = "grave"
    else:
        condition = "lasting" if in_a_row or worst >= 150 else "first"
    return hours[0], hours[-1], len(hours), condition, "cleared" if ended else "open"


def found(harness: MonitoringHarness) -> tuple[dict[int, str], list[Span]]:
    begin = seconds(BEGIN)
    verdicts = {(row.start_s - begin) // 3600: row.status for row in harness.decisions()}
    spans = []
    for risk in harness.risks():
        if risk.state in (RiskState.OPEN, RiskState.CLEARED):
            assert risk.window is not None
            first, end = (seconds(risk.window.start) - begin) // 3600, (seconds(risk.window.end) - begin) // 3600
            spans.append((first, end - 1, risk.window.count, risk.condition, risk.state.value))
    return verdicts, sorted(spans)


def run(sent: list[Report], batch: int) -> tuple[dict[int, str], list[Span]]:
    with TemporaryDirectory() as folder:
        harness = MonitoringHarness(Path(folder), NOW).a_site(a_limit(NOX, "100", o2=None))
        packets = [
            harness.packet(
                BEGIN + timedelta(hours=hour),
                {NOX: {"Avg": value, "Flag": mark}},
                qn=f"2026112009000{qn:04d}",
                rf=resent,
            )
            for hour, value, mark, qn, resent in sent
        ]
        harness.take(*packets, batch=batch)
        harness.tick("2026-11-20 12:32")
        result = found(harness)
        assert revisions_are_published_in_order(harness)
        harness.database.close()
    return result


def revisions_are_published_in_order(harness: MonitoringHarness) -> bool:
    """Each risk's revisions count 1, 2, 3 … without a gap."""
    by_risk: dict[str, list[int]] = {}
    for event in harness.published():
        by_risk.setdefault(event.subject, []).append(event.revision)
    return all(revisions == list(range(1, len(revisions) + 1)) for revisions in by_risk.values())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=reports, data=st.data())
def test_any_order_gives_what_the_rules_require(sent: list[Report], data: st.DataObject) -> None:
    wanted = oracle(sent)
    shuffled = data.draw(st.permutations(sent))
    again = [*shuffled, *data.draw(st.lists(st.sampled_from(sent), max_size=10))]
    assert run(again, data.draw(st.sampled_from([1, 3, 500]))) == wanted
