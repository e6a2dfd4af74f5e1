"""What a batch costs in statements: as many for three times as many windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event
from stdnum.cn import uscc

from shared.ports import Record
from tests.unit.monitoring.harness import NOX, O2, SO2, MonitoringHarness, a_limit, at

FEW, MANY = 36, 108  # outlets of two points each; few are enough to be copied
NOW = "2026-11-20 12:05"
MOST = 40  # statements of a batch in which everything happens
Pair = tuple[str, str]


class Outlets:
    """Outlets of two points: the first measures, the second has the oxygen. Of each six in a row one exceeds, one comes near,
    one is broken, one has no value, and two are compliant."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.harness = MonitoringHarness(folder, NOW, url=url)
        pairs = [self._pair(n) for n in range(FEW + MANY)]
        self.groups = (pairs[:FEW], pairs[FEW:])
        self._statements: list[str] = []
        event.listen(self.harness.database.engine, "before_cursor_execute", self._note)

    def _pair(self, number: int) -> Pair:
        body = f"91150102MA{number:07d}"
        code, pair = body + str(uscc.calc_check_digit(body)), (f"A110000_{number:04d}", f"B110000_{number:04d}")
        self.harness.an_enterprise(code)
        for mn in pair:
            self.harness.a_point(mn, code=code)
        limits = (a_limit(), a_limit(NOX, "100"), a_limit(averaging="day"))
        self.harness.a_permit(*limits, mns=pair, code=code)
        return pair

    def _note(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        self._statements.append(statement)

    def hour(self, pairs: Sequence[Pair], start: str) -> list[Record]:
        """The hour packets of these points."""
        return [record for n, pair in enumerate(pairs) for record in self._packets(n, pair, start)]

    def _packets(self, n: int, pair: Pair, start: str) -> Iterator[Record]:
        first = {
            0: {SO2: 60.0, NOX: 50.0},
            1: {SO2: 30.0, NOX: 50.0},
            2: {SO2: {"Avg": 9.0, "Flag": "D"}, NOX: 50.0},
            3: {"a01011": 5.0},
        }.get(n % 6, {SO2: 9.0, NOX: 50.0})
        yield self.harness.packet(start, first, mn=pair[0])
        yield self.harness.packet(start, {O2: 6.0}, mn=pair[1])

    def minutes(self, pairs: Sequence[Pair], start: str, count: int) -> list[Record]:
        """Real-time packets of the points, near the limit, every minute; the second point has the oxygen."""
        return [
            self.harness.packet(at(start) + timedelta(minutes=minute), factors, command="2011", mn=mn)
            for pair in pairs
            for mn, factors in zip(pair, ({SO2: {"Rtd": 30.0}, NOX: {"Rtd": 50.0}}, {O2: {"Rtd": 6.0}}), strict=True)
            for minute in range(count)
        ]

    def counted(self, work: Callable[[], None]) -> list[str]:
        """The statements of `work`."""
        self._statements.clear()
        work()
        return list(self._statements)

    def take(self, records: Sequence[Record]) -> list[str]:
        """The statements of these records in one batch."""
        return self.counted(lambda: self.harness.take(*records, batch=len(records)))


@pytest.fixture
def outlets(database_url: str | None, tmp_path: Path) -> Iterator[Outlets]:
    found = Outlets(tmp_path, database_url)
    yield found
    found.harness.database.close()


@pytest.mark.parametrize(
    "starts",
    [("2026-11-20 10:00", "2026-11-20 11:00"), ("2026-11-20 11:00", "2026-11-20 09:00"), ("2026-11-20 12:00",)],
    ids=["in order", "a late hour", "an hour that has not ended"],
)
def test_hour_packets_take_as_many_statements_for_three_times_as_many_windows(
    outlets: Outlets, starts: Sequence[str]
) -> None:
    for start in starts:
        few, many = (outlets.take(outlets.hour(group, start)) for group in outlets.groups)
        assert shapes(many) == shapes(few)
        assert len(few) <= MOST
    opened = 0 if starts == ("2026-11-20 12:00",) else (FEW + MANY) // 6
    for kind in ("emission.exceeded", "emission.nearing", "data.fault"):
        assert len(outlets.harness.risks(kind)) == opened


def test_running_means_and_hours_after_their_grace_take_as_many_statements_for_three_times_as_many_points(
    outlets: Outlets,
) -> None:
    ticks: list[list[list[str]]] = []
    for hour, group in zip((12, 15), outlets.groups, strict=True):
        outlets.harness.tick(f"2026-11-20 {hour}:49")  # what the other group left for later
        outlets.take(outlets.minutes(group, f"2026-11-20 {hour}:00", 50))
        moments = (f"2026-11-20 {hour}:55", f"2026-11-20 {hour + 2}:05")
        ticks.append([outlets.counted(partial(outlets.harness.tick, moment)) for moment in moments])
    few, many = ticks
    for part, whole in zip(few, many, strict=True):
        assert shapes(whole) == shapes(part)
    nearing = outlets.harness.risks("emission.nearing")
    assert len(nearing) == FEW + MANY
    decided = [
        row
        for row in outlets.harness.decisions()
        if row.factor == SO2 and row.mn.startswith("A") and row.averaging == "hour"
    ]
    assert [row.value_kind for row in decided] == ["own_converted"] * (FEW + MANY)


def shapes(statements: Sequence[str]) -> Counter[str]:
    """How often each kind of statement was sent: its beginning, before the places of its values."""
    return Counter(" ".join(statement.split())[:40] for statement in statements)
