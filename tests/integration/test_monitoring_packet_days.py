"""Days of packet rows: made ahead, read page by page, removed whole; and the move of older databases to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from services.monitoring.domain.packet_row import PacketRow, values_in
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.windows import DAY_S, day_start_s, seconds
from services.monitoring.store.packet_days import (
    drop_day,
    make_days,
    packet_days,
    packets_of_day,
    partitioned_days,
)
from services.monitoring.store.packets import packets_between
from services.monitoring.store.tables import VALUE
from shared.database import Database, open_database
from shared.runtime.migrating import migrate
from tests.support.migrating import downgrade
from tests.unit.monitoring.harness import MN, NOX, SO2, MonitoringHarness, at

OTHER = "A110000_0002"
TODAY = day_start_s(seconds(at("2026-11-20 09:00")))
PACKAGE = "services.monitoring.migrations"


@pytest.fixture
def harness(database_url: str | None, tmp_path: Path) -> Iterator[MonitoringHarness]:
    made = MonitoringHarness(tmp_path, "2026-11-20 09:00", url=database_url).a_site()
    made.a_point(OTHER)
    yield made
    made.database.close()


def _send(harness: MonitoringHarness, *moments: str, mn: str = MN, command: str = "2011") -> None:
    name = "Rtd" if command == "2011" else "Avg"
    harness.take(*(harness.packet(one, {NOX: {name: 5.0}}, command=command, mn=mn) for one in moments))


def _moments(harness: MonitoringHarness, mn: str = MN, period: str = "instant") -> list[int]:
    with harness.database.read() as session:
        return [row.start_s for row in packets_between(session, mn, period, 0, 1 << 40)]


def _page_by_page(harness: MonitoringHarness, day: int, size: int) -> list[PacketRow]:
    found: list[PacketRow] = []
    with harness.database.read() as session:
        while page := packets_of_day(session, day, found[-1].key if found else None, size):
            found += page
    return found


def test_days_with_rows_are_known_and_read_page_by_page_and_dropped_alone(harness: MonitoringHarness) -> None:
    # the day before yesterday has a partition, today has none
    harness.partitions.make_ahead(harness.now - timedelta(days=4))
    _send(harness, "2026-11-18 00:00", "2026-11-18 23:59", "2026-11-20 00:00", "2026-11-20 08:00")
    _send(harness, "2026-11-18 12:00", "2026-11-20 07:00", mn=OTHER)
    _send(harness, "2026-11-18 12:10", "2026-11-20 07:10", command="2051")
    with harness.database.read() as session:
        assert packet_days(session) == [TODAY - 2 * DAY_S, TODAY]
        assert packet_days(session, TODAY) == [TODAY - 2 * DAY_S]
        assert packet_days(session, TODAY + 1) == [TODAY - 2 * DAY_S, TODAY]
    for size in (1, 2, 100):
        rows = _page_by_page(harness, TODAY - 2 * DAY_S, size)
        assert [(row.mn, row.period, (row.start_s - TODAY + 2 * DAY_S) // 60) for row in rows] == [
            (MN, "instant", 0),
            (MN, "instant", 1439),
            (MN, "minute", 730),
            (OTHER, "instant", 720),
        ]
    for day in (TODAY - 2 * DAY_S, TODAY):
        with harness.database.transaction() as session:
            assert packet_days(session)[0] == day
            drop_day(session, day)
    assert _page_by_page(harness, TODAY, 10) == []
    with harness.database.read() as session:
        assert packet_days(session) == []


def test_days_around_today_are_made_ahead_but_never_under_rows_that_stand_elsewhere(harness: MonitoringHarness) -> None:
    _send(harness, "2026-11-20 08:00")
    harness.partitions.make_ahead(harness.now)
    harness.partitions.make_ahead(harness.now)
    with harness.database.transaction() as session:
        days = partitioned_days(session)
        assert make_days(session, [TODAY + DAY_S]) == []
    around = {TODAY + n * DAY_S for n in (-1, 1, 2, 3)}
    assert days >= (set() if harness.database.embedded else around)
    assert TODAY not in days
    _send(harness, "2026-11-19 08:00", "2026-11-20 08:01")
    assert len(_moments(harness)) == 3


def _older_values() -> list[PeriodValue]:
    """As an older version stored them: a row a factor, factors of one moment of several packets."""
    moment = seconds(at("2026-11-20 08:00"))
    return [
        PeriodValue(MN, "instant", moment, SO2, 1_000_000, 2, "N", "gateway", "0b", 5, None),
        PeriodValue(MN, "instant", moment, NOX, None, None, "D", "http", "0a", 6, None),
        PeriodValue(MN, "instant", moment + 60, NOX, 7, None, "", "http", "0c", 6, None),
        PeriodValue(MN, "minute", moment, NOX, 7, None, "N", "http", "0c", 6, '{"Min":1.0}'),
        PeriodValue(OTHER, "instant", 1_000_000_000, NOX, 7, None, "N", "http", "0c", 6, None),
        PeriodValue(OTHER, "hour", moment, NOX, 8, None, "N", "http", "0c", 6, None),
    ]


def _write(database: Database, values: list[PeriodValue]) -> None:
    columns = [{name: getattr(one, name) for name in PeriodValue.__slots__} for one in values]
    with database.transaction() as session:
        session.connection().execute(insert(VALUE), columns)


def _values(database: Database) -> list[PeriodValue]:
    with database.read() as session:
        rows = session.connection().execute(select(VALUE))
        return [PeriodValue(**row._mapping) for row in rows]


def test_readings_of_an_older_database_become_packet_rows_and_come_back(
    empty_database_url: str | None, tmp_path: Path
) -> None:
    database = open_database(empty_database_url, tmp_path, "monitoring")
    migrate(database, PACKAGE, "monitoring")
    downgrade(database, "monitoring", "0004")
    older = _older_values()
    _write(database, older)
    assert migrate(database, PACKAGE, "monitoring")
    assert _values(database) == [older[-1]]
    with database.read() as session:
        days = packet_days(session)
        moved = [value for day in days for row in packets_of_day(session, day, None, 100) for value in values_in(row)]
        if not database.embedded:
            assert TODAY in partitioned_days(session)
            (in_default,) = session.connection().execute(text("SELECT mn FROM packet_default")).scalars()
            assert in_default == OTHER
    assert sorted(moved, key=str) == sorted(older[:-1], key=str)
    downgrade(database, "monitoring", "0004")
    assert sorted(_values(database), key=str) == sorted(older, key=str)
    database.close()


def test_many_readings_move_part_by_part(empty_database_url: str | None, tmp_path: Path) -> None:
    database = open_database(empty_database_url, tmp_path, "monitoring")
    migrate(database, PACKAGE, "monitoring")
    downgrade(database, "monitoring", "0004")
    start = seconds(at("2026-11-20 00:00"))
    older = [
        PeriodValue(MN, "instant", start + n // 7, f"f{n % 7}", n, None, "N", "http", "0a", 5, None)
        for n in range(40_011)
    ]
    _write(database, older)
    migrate(database, PACKAGE, "monitoring")
    with database.read() as session:
        rows = list(packets_between(session, MN, "instant", 0, 1 << 40))
    assert [value for row in rows for value in values_in(row)] == older
    downgrade(database, "monitoring", "0004")
    assert sorted(_values(database), key=lambda one: one.micro or 0) == older
    database.close()
