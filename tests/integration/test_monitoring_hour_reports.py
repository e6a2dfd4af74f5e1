"""Hour packets that are sent again: what is new is stored, what is greater replaces, what is known is not written once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import event, select

from services.monitoring.domain.windows import seconds
from services.monitoring.store.tables import VALUE
from shared.ports import Record
from tests.unit.monitoring.harness import NOX, MonitoringHarness, a_limit, at

HOURS = [f"2026-11-20 {hour:02d}:00" for hour in range(8)]
DUST, FLOW, STEAM = "a34013", "a01011", "a01014"
QN = "202611200900000{:02d}"


class Hours:
    """One point's hours in batches; each batch notes the statements that wrote values."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.harness = MonitoringHarness(folder, "2026-11-20 09:00", url=url).a_site(a_limit(NOX, "100", o2=None))
        self.written: list[int] = []
        event.listen(self.harness.database.engine, "before_cursor_execute", self._note)

    def _note(
        self, _connection: object, _cursor: object, statement: str, parameters: Sequence[object], *_: object
    ) -> None:
        if statement.startswith("INSERT INTO value"):
            arrays = str(parameters[0])
            self.written.append(arrays.count(",") + 1 if arrays.startswith("{") else len(parameters))

    def packet(self, hour: str, value: float, number: int, *factors: str) -> Record:
        return self.harness.packet(hour, dict.fromkeys(factors or (NOX, DUST, FLOW), value), qn=QN.format(number))

    def take(self, *records: Record) -> None:
        self.written.clear()
        self.harness.take(*records)

    def values(self) -> dict[tuple[int, str], float]:
        with self.harness.database.read() as session:
            rows = session.connection().execute(select(VALUE)).all()
        return {(row.start_s, row.factor): row.micro / 1e6 for row in rows}


@pytest.fixture
def hours(database_url: str | None, tmp_path: Path) -> Iterator[Hours]:
    found = Hours(tmp_path, database_url)
    yield found
    found.harness.database.close()


def test_hours_that_come_again_as_they_were_are_not_written_again(hours: Hours) -> None:
    records = [hours.packet(hour, 10, 1) for hour in HOURS]
    hours.take(*records)
    before = hours.values()
    decided = hours.harness.decisions()
    hours.take(*records)
    assert hours.written == []
    assert hours.values() == before
    assert hours.harness.decisions() == decided


@pytest.mark.parametrize("new", [1, 40], ids=["few", "enough to be copied"])
def test_only_what_is_known_of_a_batch_is_compared_and_all_that_is_new_is_stored(hours: Hours, new: int) -> None:
    hours.take(*(hours.packet(hour, 10, 5) for hour in HOURS))
    more = [hours.packet(f"2026-11-{18 + n // 24} {n % 24:02d}:00", 20, 5) for n in range(new)]
    lesser, greater = hours.packet(HOURS[0], 30, 4), hours.packet(HOURS[1], 130, 6)
    beside = hours.packet(HOURS[2], 7, 1, STEAM)
    hours.take(lesser, *more, greater, beside)

    if new == 40 and not hours.harness.database.embedded:
        assert hours.written == [3], "only the greater report goes by the statement that compares"
    found = hours.values()
    assert len(found) == 3 * (len(HOURS) + new) + 1
    kept = [found[seconds(at(hour)), NOX] for hour in HOURS[:3]]
    assert kept == [10, 130, 10]
    assert found[seconds(at(HOURS[2])), STEAM] == 7
    over = [row.start_s for row in hours.harness.decisions() if row.status == "over"]
    assert over == [seconds(at(HOURS[1]))]


def test_two_reports_of_one_hour_in_a_batch_decide_as_if_they_came_one_by_one(hours: Hours) -> None:
    for hour, apart in ((HOURS[3], False), (HOURS[4], True)):
        both = [hours.packet(hour, 10, 5), hours.packet(hour, 120, 6, NOX), hours.packet(hour, 90, 4, NOX, STEAM)]
        for records in [[one] for one in both] if apart else [both]:
            hours.take(*records)
    found = hours.values()
    for hour in HOURS[3:5]:
        of_hour = {factor: value for (start, factor), value in found.items() if start == seconds(at(hour))}
        assert of_hour == {NOX: 120, DUST: 10, FLOW: 10, STEAM: 90}
    assert [(row.status, row.decided) for row in hours.harness.decisions()] == [("over", 120_000_000)] * 2
