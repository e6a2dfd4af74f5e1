"""What is asked of reported values and verdicts, of one table each and of partitions a month: milliseconds, partitions opened.

By itself: `python -m tests.bench.months [months] [points]`, on PostgreSQL: hours of two factors of each point in each month,
a copy of them in a database of the tables before they were divided. Then the upgrade of the undivided one is measured.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import getloadavg
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import text
from sqlmodel import Session

from services.monitoring.api.exceedances import Order, _Query, _windows
from services.monitoring.api.requests import FOREVER_S, Span
from services.monitoring.domain.partitioning import VALUES, VERDICTS
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.verdict_row import OutletKey
from services.monitoring.domain.windows import DAY_S, HOUR_S, SpanOfWindows, WindowKey
from services.monitoring.store import values, verdicts
from services.monitoring.store.partitions import make_partitions, partitions
from shared.access import Caller, Role
from shared.database import Database, open_database
from shared.runtime.migrating import migrate
from tests.support.migrating import downgrade
from tests.support.plans import relations_read
from tests.support.servers import postgres_server
from tests.support.value_rows import write_value_rows

PACKAGE = "services.monitoring.migrations"
FACTORS = ("a21002", "a21026")
LAST = VALUES.start_s(1_795_000_000) - HOUR_S  # the last hour of the newest month
TIMES = 40
WARM = 12
WRITTEN = 500
TABLES = ("value", "decision")
Call = Callable[[Database], object]
Calls = Mapping[str, Call]

_VALUES = """INSERT INTO value (mn, period, start_s, factor, micro, mark, source, rank, received_at_s)
 SELECT 'A' || lpad(p::text, 13, '0'), 'hour', h, f, h % 97 * 1000000, 'N', 'gateway', '0b' || md5(h::text), h + 3630
 FROM generate_series(CAST(:low AS bigint), :high, 3600) AS h, generate_series(1, CAST(:points AS int)) AS p,
  unnest(CAST(:factors AS text[])) AS f"""
_VERDICTS = """INSERT INTO decision (mn, averaging, start_s, factor, permit, outlet, credit_code, status, value_kind, decided,
 measured, "limit", unit, mark, first_seen_s, decided_at_s)
 SELECT mn, period, start_s, factor, 'P' || mn, 'DA001', 'C' || mn,
  CASE WHEN micro > 90000000 THEN 'over' ELSE 'compliant' END, 'reported', micro, micro, '90', 'mg/m3', mark, received_at_s,
  received_at_s FROM value"""


def main() -> None:
    given = dict(enumerate(map(int, sys.argv[1:])))
    months, points = given.get(0, 24), given.get(1, 30)
    with TemporaryDirectory() as folder, postgres_server(Path(folder)) as server:
        whole, divided = (open_database(server.new_database(), Path(folder), "monitoring") for _ in range(2))
        for database in (whole, divided):
            migrate(database, PACKAGE, "monitoring")
        downgrade(whole, "monitoring", "0008")
        _divide(divided, months)
        for database in (whole, divided):
            _fill(database, months, points)
        _compare(whole, divided, _calls(points))
        _upgrade(whole)
        whole.close()
        divided.close()


def _compare(whole: Database, divided: Database, calls: Calls) -> None:
    print(json.dumps({"load": getloadavg()[0]}))
    print(f"{'':34}{'one table':>12}{'months':>12}{'  opened':>10}")
    for name, call in calls.items():
        opened = sum(map(len, relations_read(divided, partial(call, divided))))
        print(f"{name:34}{_ms(whole, call):9.2f} ms{_ms(divided, call):9.2f} ms{opened:10}")


def _ms(database: Database, call: Call) -> float:
    """The median of many; the first ones have the driver prepare its statements, and PostgreSQL choose its plans."""
    for _ in range(WARM):
        call(database)
    return median(_once(database, call) for _ in range(TIMES)) * 1_000


def _once(database: Database, call: Call) -> float:
    began = perf_counter()
    call(database)
    return perf_counter() - began


def _upgrade(database: Database) -> None:
    with database.read() as session:
        rows = sum(session.connection().execute(text(f"SELECT count(*) FROM {one}")).scalar_one() for one in TABLES)
    began = perf_counter()
    migrate(database, PACKAGE, "monitoring")
    print(json.dumps({"upgraded_rows": rows, "seconds": round(perf_counter() - began, 2), "load": getloadavg()[0]}))


def _divide(database: Database, months: int) -> None:
    """A partition for each month, as a service that has run for so long has them."""
    with database.transaction() as session:
        for of in (VALUES, VERDICTS):
            (before,) = partitions(session, of)
            session.connection().execute(text(f"DROP TABLE {before.name}"))
            newest = of.start_s(LAST)
            make_partitions(session, of, [of.next_s(newest, -n) for n in range(-of.ahead, months)])


def _fill(database: Database, months: int, points: int) -> None:
    with database.transaction() as session:
        low = VALUES.next_s(VALUES.start_s(LAST), 1 - months)
        given = {"low": low, "high": LAST, "points": points, "factors": list(FACTORS)}
        session.connection().execute(text(_VALUES), given)
        session.connection().execute(text(_VERDICTS))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _calls(points: int) -> Calls:
    mns = [f"A{n + 1:013d}" for n in range(points)]
    windows = [WindowKey(mn, "hour", LAST) for mn in mns]
    keys = [OutletKey(f"P{mn}", "DA001", factor, "hour") for mn in mns for factor in FACTORS]
    spans = {key: SpanOfWindows(LAST - 4 * DAY_S, LAST) for key in keys}
    fresh = [_value(mns[n % points], LAST + (n // points + 1) * HOUR_S) for n in range(WRITTEN)]
    known = [_value(mns[n % points], LAST - n // points * HOUR_S) for n in range(WRITTEN)]
    reads: dict[str, Callable[[Session], object]] = {
        "values_of, one window": lambda s: values.values_of(s, windows[:1], FACTORS),
        f"values_of, {points} windows": lambda s: values.values_of(s, windows, FACTORS),
        "verdicts_of, one window": lambda s: verdicts.verdicts_of(s, windows[:1]),
        f"verdicts_of, {points} windows": lambda s: verdicts.verdicts_of(s, windows),
        "verdicts_between, one outlet": lambda s: verdicts.verdicts_between(s, {keys[0]: spans[keys[0]]}),
        f"verdicts_between, {len(keys)} outlets": lambda s: verdicts.verdicts_between(s, spans),
        "bounds_of, one outlet": lambda s: verdicts.bounds_of(s, keys[:1]),
        f"bounds_of, {len(keys)} outlets": lambda s: verdicts.bounds_of(s, keys),
        f"newest_decided, {len(keys)} outlets": lambda s: verdicts.newest_decided(s, keys, 24, LAST),
        f"decided_since, {len(keys)} outlets": lambda s: verdicts.decided_since(s, keys, LAST - DAY_S),
        f"newest_of_instruments, {points}": lambda s: verdicts.newest_of_instruments(s, mns, LAST - DAY_S),
        f"newest_hours, {points} points": lambda s: values.newest_hours(s, mns, 6, LAST),
        "windows_between, a day": lambda s: values.windows_between(s, mns[0], "hour", LAST - DAY_S, LAST),
        "windows_decided_between": lambda s: verdicts.windows_decided_between(s, mns[0], "hour", LAST - DAY_S, LAST),
        "first_window": lambda s: values.first_window(s, mns[0], LAST - DAY_S),
        "series, a week": lambda s: _series(s, mns[0], LAST - 7 * DAY_S, LAST),
        "series, from the beginning": lambda s: _series(s, mns[0], 0, FOREVER_S),
        "latest": lambda s: values.latest(s, mns[0]),
        f"write_values, {WRITTEN} new": lambda s: write_value_rows(s, fresh),
        f"write_values, {WRITTEN} known": lambda s: write_value_rows(s, known),
        f"write_verdicts, {len(windows) * 2} changed": lambda s: _write_verdicts(s, windows),
    }
    return {
        **{name: partial(_read, read) for name, read in reads.items()},
        "exceedances, a page of a month": lambda database: _windows(database, _query(LAST - 31 * DAY_S)),
        "exceedances, a page of all": lambda database: _windows(database, _query(0)),
    }


def _value(mn: str, start: int) -> PeriodValue:
    """Of less rank than what may stand under its key."""
    return PeriodValue(mn, "hour", start, FACTORS[0], 7, None, "N", "gateway", "0a", start + HOUR_S, None)


def _write_verdicts(session: Session, windows: Sequence[WindowKey]) -> None:
    rows = [row for of_window in verdicts.verdicts_of(session, windows).values() for row in of_window.values()]
    verdicts.write_verdicts(session, [], rows)


def _read(read: Callable[[Session], object], database: Database) -> object:
    with database.read() as session:  # what is written is taken back
        return read(session)


def _query(low: int) -> _Query:
    caller = Caller(role=Role.ADMIN, subject="bench")
    return _Query(caller, None, None, None, Span(low, FOREVER_S), Order.DESC, None, 200)


def _series(session: Session, mn: str, low: int, high: int) -> object:
    return values.series(session, mn, FACTORS[0], "hour", low_s=low, high_s=high, limit=201)


if __name__ == "__main__":
    main()
