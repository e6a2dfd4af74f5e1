"""Months of reported values and verdicts: made ahead, filled from the default partition, left out by what asks for others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, insert, select, text
from sqlmodel import Session

from services.monitoring.api.exceedances import Order, _Query, _windows
from services.monitoring.api.requests import FOREVER_S, Span
from services.monitoring.domain.partitioning import VALUES, VERDICTS, Partitioning
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.verdict import Status, ValueKind
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.domain.windows import DAY_S, HOUR_S, SpanOfWindows, WindowKey, seconds
from services.monitoring.handlers.partitions import Partitions
from services.monitoring.store.partitions import make_partitions, partitions
from services.monitoring.store.tables import DECISION, VALUE
from services.monitoring.store.values import newest_hours, series, values_of, windows_between
from services.monitoring.store.verdicts import (
    bounds_of,
    decided_since,
    newest_decided,
    newest_of_instruments,
    verdicts_between,
    verdicts_of,
    write_verdicts,
)
from shared.access import Caller, Role
from shared.database import Database, open_database
from shared.domain.errors import Unreachable
from shared.runtime.migrating import migrate
from shared.runtime.web import cursor
from tests.support.migrating import downgrade
from tests.support.plans import relations_read
from tests.support.servers import PostgresServer
from tests.support.value_rows import write_value_rows
from tests.unit.monitoring.harness import MN, NOX, SO2, at

HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to/use-the-archive.md"
PACKAGE = "services.monitoring.migrations"
NOW = at("2040-05-20 09:00")  # long after the months that the migration makes
MONTHS = ("2040-04", "2040-05", "2040-06", "2040-07")
ALL = 1 << 40
OUTLET = OutletKey("P1", "DA001", NOX, "hour")


@pytest.fixture
def database(database_url: str | None, tmp_path: Path) -> Iterator[Database]:
    found = open_database(database_url, tmp_path, "monitoring")
    migrate(found, PACKAGE, "monitoring")
    yield found
    found.close()


def _s(moment: str) -> int:
    return seconds(at(moment))


def _value(moment: str, micro: int = 1, rank: str = "0a", factor: str = NOX) -> PeriodValue:
    start = _s(moment)
    return PeriodValue(MN, "hour", start, factor, micro, None, "N", "http", rank, start + HOUR_S, None)


def _verdict(moment: str, decided: int = 1) -> VerdictRow:
    start, status = _s(moment), Status.COMPLIANT
    row = VerdictRow(MN, "hour", start, NOX, "P1", "DA001", "C1", status, None, ValueKind.REPORTED, decided, decided, "35",
                     "mg/m3", None, "N", start + HOUR_S, start + HOUR_S)  # fmt: skip
    assert row.outlet_key == OUTLET
    return row


def _write(database: Database, values: Sequence[PeriodValue] = (), verdicts: Sequence[VerdictRow] = ()) -> None:
    with database.transaction() as session:
        write_value_rows(session, values)
        write_verdicts(session, verdicts, [])


def _values(database: Database) -> list[PeriodValue]:
    with database.read() as session:
        return series(session, MN, NOX, "hour", low_s=0, high_s=ALL, limit=10_000)


def _verdicts(database: Database) -> list[VerdictRow]:
    with database.read() as session:
        return verdicts_between(session, {OUTLET: SpanOfWindows(0, ALL)}).get(OUTLET, [])


def _stands_in(database: Database, table: str, *moments: str) -> list[str]:
    """PostgreSQL: the partition of each row that starts then."""
    query = text(f"SELECT tableoid::regclass::text FROM {table} WHERE start_s = ANY(:starts) ORDER BY start_s")
    with database.read() as session:
        return list(session.connection().execute(query, {"starts": [_s(one) for one in moments]}).scalars())


def _months(database: Database, of: Partitioning) -> list[int]:
    with database.read() as session:
        return [one.low_s for one in partitions(session, of)][1:]  # the first is of all that was before the upgrade


def test_months_are_made_ahead_and_take_their_rows_from_the_default_partition(database: Database) -> None:
    moments = ["2040-04-30 23:00", "2040-05-01 00:00", "2040-06-01 00:00", "2041-01-01 00:00"]
    values, verdicts = [_value(one) for one in moments], [_verdict(one) for one in moments]
    _write(database, values, verdicts)
    for _ in range(2):
        Partitions(database).make_ahead(NOW)
    assert (_values(database), _verdicts(database)) == (values, verdicts)
    if database.embedded:
        assert _months(database, VALUES) == []
        return
    for of in (VALUES, VERDICTS):
        assert _months(database, of) == [_s(f"{month}-01 00:00") for month in MONTHS]
        assert _stands_in(database, of.table, *moments) == [
            f"{of.table}_{month}" for month in ("204004", "204005", "204006", "default")
        ]


@pytest.mark.parametrize("size", [1, 100], ids=["a few", "as many as are copied"])
def test_rows_are_written_over_whatever_partition_they_stand_in(database: Database, size: int) -> None:
    moments = [f"2040-{month:02}-{day:02} 10:00" for month in (5, 6, 9) for day in range(1, 28)]
    _write(database, [_value(one, 1, "0b") for one in moments], [_verdict(one, 1) for one in moments])
    Partitions(database).make_ahead(NOW)
    for n in range(0, len(moments), size):
        part = moments[n : n + size]
        _write(database, [_value(one, 2, "0c") for one in part], [_verdict(one, 2) for one in part])
        _write(database, [_value(one, 3, "0a") for one in part])
    assert [(row.micro, row.rank) for row in _values(database)] == [(2, "0c")] * len(moments)
    assert [row.decided for row in _verdicts(database)] == [2] * len(moments)


def test_a_month_of_more_rows_than_are_moved_at_once_stays_where_it_is(database: Database) -> None:
    _write(database, [_value(f"2040-05-01 0{n}:00") for n in range(4)])
    start = _s("2040-05-01 00:00")
    for most, made in ((3, []), (4, [start])):
        with database.transaction() as session:
            found = make_partitions(session, replace(VALUES, most_moved=most), [start])
        assert found == ([] if database.embedded else made)
        assert len(_values(database)) == 4


def test_newest_rows_are_found_however_long_ago_they_are(database: Database) -> None:
    Partitions(database).make_ahead(NOW)
    moments = ["2026-02-01 00:00", "2040-03-01 00:00", "2040-05-19 00:00", "2040-05-20 08:00"]
    _write(database, [_value(one) for one in moments], [_verdict(one) for one in moments])
    newest = [_s(one) for one in reversed(moments)]
    for size in (1, 2, 3, 4, 9):
        with database.read() as session:
            decided = newest_decided(session, [OUTLET], size, seconds(NOW))[OUTLET]
            hours = newest_hours(session, [MN, "A110000_0002"], size, seconds(NOW))
        assert [row.start_s for row in decided] == newest[:size]
        assert {mn: [one.start_s for one in reports] for mn, reports in hours.items()} == {MN: newest[:size]}


@pytest.fixture
def on_postgres(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    found = open_database(postgres.new_database_at_head(), tmp_path, "monitoring")
    yield found
    found.close()


@pytest.fixture
def older(empty_database_url: str | None, tmp_path: Path) -> Iterator[Database]:
    """As it was before months had partitions."""
    found = open_database(empty_database_url, tmp_path, "monitoring")
    migrate(found, PACKAGE, "monitoring")
    downgrade(found, "monitoring", "0008")
    yield found
    found.close()


@pytest.fixture
def divided(on_postgres: Database) -> Database:
    """Two years of months, with a value and a verdict in each, and some this month."""
    found = on_postgres
    with found.transaction() as session:
        for of in (VALUES, VERDICTS):
            make_partitions(session, of, [of.next_s(of.start_s(seconds(NOW)), -n) for n in range(24)])
    Partitions(found).make_ahead(NOW)
    moments = [f"{year}-{month:02}-01 00:00" for year in (2038, 2039) for month in range(6, 13)]
    moments += [f"2040-05-{day:02} 10:00" for day in range(1, 20)]
    _write(found, [_value(one) for one in moments], [_verdict(one) for one in moments])
    return found


HOUR = WindowKey(MN, "hour", _s("2040-05-19 10:00"))
HOT: dict[str, tuple[int, Callable[[Session], object]]] = {  # at most so many partitions of a look-up
    "values of windows": (1, lambda session: values_of(session, [HOUR], [NOX, SO2])),
    "verdicts of windows": (1, lambda session: verdicts_of(session, [HOUR])),
    "around a change": (
        2,
        lambda session: verdicts_between(session, {OUTLET: SpanOfWindows(HOUR.start_s - 30 * DAY_S, HOUR.start_s)}),
    ),
    "of a day": (1, lambda session: windows_between(session, MN, "hour", HOUR.start_s, HOUR.start_s + DAY_S)),
    "a week of a series": (
        1,
        lambda session: series(
            session, MN, NOX, "hour", low_s=HOUR.start_s - 7 * DAY_S, high_s=HOUR.start_s, limit=100
        ),
    ),
    # from then on: the months ahead and the default partition too
    "decided since": (4, lambda session: decided_since(session, [OUTLET], HOUR.start_s - DAY_S)),
    "instruments": (4, lambda session: newest_of_instruments(session, [MN], HOUR.start_s - DAY_S)),
    "newest decided": (5, lambda session: newest_decided(session, [OUTLET], 3, seconds(NOW))),
    "newest hours": (5, lambda session: newest_hours(session, [MN], 3, seconds(NOW))),
}


@pytest.mark.parametrize("name", HOT)
def test_what_is_asked_on_the_hot_path_opens_no_other_months(divided: Database, name: str) -> None:
    most, call = HOT[name]

    def read() -> None:
        with divided.read() as session:
            assert call(session)

    opened = relations_read(divided, read)
    assert len(opened) == 1 and 0 < len(opened[0]) <= most, opened


@pytest.mark.parametrize(("order", "left_out"), [(Order.DESC, "decision_2040"), (Order.ASC, "decision_2038")])
def test_a_page_behind_a_cursor_opens_no_month_before_it(divided: Database, order: Order, left_out: str) -> None:
    behind = cursor(_s("2039-06-01 00:00"), MN, NOX, "hour")
    query = _Query(Caller(role=Role.ADMIN, subject="a"), None, None, None, Span(0, FOREVER_S), order, behind, 200)
    (opened,) = relations_read(divided, lambda: _windows(divided, query))
    assert "decision_203906" in opened
    assert not [name for name in opened if name.startswith(left_out)]


def test_bounds_are_found_over_all_months(divided: Database) -> None:
    with divided.read() as session:
        (bounds,) = bounds_of(session, [OUTLET]).values()
    assert (bounds.first_s, bounds.last_s) == (_s("2038-06-01 00:00"), _s("2040-05-19 10:00"))


def test_a_month_that_was_detached_is_not_made_again_and_late_rows_of_it_are_kept(divided: Database) -> None:
    with divided.transaction() as session:
        session.connection().execute(text("ALTER TABLE value DETACH PARTITION value_204004"))
    Partitions(divided).make_ahead(NOW)
    _write(divided, [_value("2040-04-07 08:00")])
    assert _stands_in(divided, "value", "2040-04-07 08:00") == ["value_default"]
    with divided.transaction() as session:  # and back
        low, high = _s("2040-04-01 00:00"), _s("2040-05-01 00:00")
        session.connection().execute(
            text("INSERT INTO value_204004 SELECT * FROM value_default ON CONFLICT DO NOTHING")
        )
        session.connection().execute(text("DELETE FROM value_default"))
        attached = f"ALTER TABLE value ATTACH PARTITION value_204004 FOR VALUES FROM ({low}) TO ({high})"
        session.connection().execute(text(attached))
    assert _stands_in(divided, "value", "2040-04-07 08:00") == ["value_204004"]


def test_a_month_leaves_and_comes_back_as_the_how_to_says(on_postgres: Database) -> None:
    moment = "2031-12-31 23:00"
    _write(on_postgres, [_value(moment)], [_verdict(moment)])
    Partitions(on_postgres).make_ahead(at("2031-12-31 23:30"))
    for block, left in zip(_how_to(), ([], [_s(moment)]), strict=True):
        for statement in block:
            with on_postgres.transaction() as session:
                session.connection().execute(text(statement))
        assert [row.start_s for row in _values(on_postgres)] == left
        assert [row.start_s for row in _verdicts(on_postgres)] == left
    assert _stands_in(on_postgres, "decision", moment) == ["decision_203112"]


def _how_to() -> list[list[str]]:
    """The statements of each block of SQL on old months."""
    blocks = re.findall(r"^```sql\n-- psql\n(.*?)^```$", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [[one for one in re.sub("--.*", "", block).split(";") if one.strip()] for block in blocks]


def test_a_table_that_is_written_to_is_divided_at_the_next_tick(on_postgres: Database) -> None:
    database = on_postgres
    job = Partitions(database)
    with database.transaction() as session:
        write_value_rows(session, [_value("2040-05-01 00:00")])
        with pytest.raises(Unreachable):
            job.make_ahead(NOW)
    job.make_ahead(NOW)
    assert _stands_in(database, "value", "2040-05-01 00:00") == ["value_204005"]
    assert len(_months(database, VERDICTS)) == len(MONTHS)


def _all_rows(database: Database) -> list[list[str]]:
    with database.read() as session:
        return [sorted(map(str, session.connection().execute(select(table)))) for table in (VALUE, DECISION)]


def test_values_and_verdicts_of_an_older_database_stay_and_come_back(older: Database) -> None:
    database = older
    moments = ["1999-01-01 00:00", "2025-12-31 23:00", "2026-01-01 00:00", "2040-05-01 00:00", "2040-12-01 00:00"]
    values = [_value(one, n, factor=f"f{n}") for one in moments for n in range(20)]
    with database.transaction() as session:
        columns = [{name: getattr(one, name) for name in PeriodValue.__struct_fields__} for one in values]
        session.connection().execute(insert(VALUE), columns)
        session.connection().execute(insert(DECISION), [_verdict(one)._asdict() for one in moments])
    before_it = _all_rows(database)
    assert list(map(len, before_it)) == [100, 5]
    assert migrate(database, PACKAGE, "monitoring")
    assert _all_rows(database) == before_it
    if not database.embedded:
        assert set(_stands_in(database, "value", *moments[3:])) == {"value_default"}
        (before,) = set(_stands_in(database, "value", *moments[:3]))
        assert before.startswith("value_before_")
        Partitions(database).make_ahead(NOW)
        assert set(_stands_in(database, "value", moments[3])) == {"value_204005"}
    _write(database, [_value("2040-06-01 00:00", factor="f1"), _sent_again(values[0])], [_verdict("2040-06-01 00:00")])
    downgrade(database, "monitoring", "0008")
    values_now, verdicts_now = _all_rows(database)
    assert (len(values_now), len(verdicts_now)) == (101, 6)
    assert set(before_it[1]) < set(verdicts_now) and len(set(before_it[0]) & set(values_now)) == 99
    assert migrate(database, PACKAGE, "monitoring")
    assert _all_rows(database) == [values_now, verdicts_now]


def _sent_again(value: PeriodValue) -> PeriodValue:
    """The same moment, sent again with another value."""
    return msgspec.structs.replace(value, micro=7, rank="0f")


def test_the_way_back_asks_for_months_that_were_detached(on_postgres: Database) -> None:
    database = on_postgres
    with database.transaction() as session:
        (before,) = partitions(session, VALUES)
        session.connection().execute(text(f"ALTER TABLE value DETACH PARTITION {before.name}"))
    with pytest.raises(RuntimeError, match="value is detached"):
        downgrade(database, "monitoring", "0008")
    with database.read() as session:
        assert session.connection().execute(select(func.count()).select_from(VALUE)).scalar_one() == 0
