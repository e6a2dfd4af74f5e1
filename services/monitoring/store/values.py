"""Truth rows: reported values, of which the greatest rank wins; and when a point was last seen.

Hours and days are rows a factor here; real-time and minute readings are rows a packet, in the database or in the archive
(`readings.py`), read through the same functions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

from sqlalchemy import Row, func, select
from sqlmodel import Session

from services.monitoring.domain.packet_row import PACKET_PERIODS
from services.monitoring.domain.period_stamp import HourReport
from services.monitoring.domain.reading import MARKS, PeriodValue
from services.monitoring.domain.verdict import Value
from services.monitoring.domain.window_report import NewReports, StoredValue, WindowReport
from services.monitoring.domain.windows import RECENT_S, WindowKey
from services.monitoring.store.readings import first_packet, latest_of_packets, series_of_packets, starts_of_packets
from services.monitoring.store.tables import LAST_SEEN, VALUE
from shared.eventlog.codec import encode
from shared.sql import NULL_IN_COPY, WORTH_COPYING, Lookup, copied_text, copy_new_text, embedded, write_many

_COLUMNS = "mn, period, start_s, factor, micro, zs_micro, mark, source, rank, received_at_s, extras"
_WINS = """ON CONFLICT (mn, period, start_s, factor) DO UPDATE SET micro = excluded.micro,
 zs_micro = excluded.zs_micro, mark = excluded.mark, source = excluded.source, rank = excluded.rank,
 received_at_s = excluded.received_at_s, extras = excluded.extras WHERE excluded.rank > value.rank"""
_SQLITE = f"INSERT INTO value ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?) {_WINS}"
_TYPES = ["text", "bigint", "text", "bigint", "bigint", "text", "text", "text", "bigint", "text"]
_ARRAYS = ", ".join(f"%s::{kind}[]" for kind in ("text", *_TYPES))
_POSTGRES = f"INSERT INTO value ({_COLUMNS}) SELECT * FROM unnest({_ARRAYS}) {_WINS}"
_LAST_SEEN = """INSERT INTO last_seen (mn, at_s) {} ON CONFLICT (mn) DO UPDATE SET at_s = excluded.at_s
 WHERE excluded.at_s > last_seen.at_s"""
_LAST_SEEN_OF = Lookup({"mn": "text"}, "last_seen.mn, last_seen.at_s", "last_seen", "last_seen.mn = k.mn")
_OF_WINDOWS = Lookup(
    {"mn": "text", "period": "text", "start_s": "bigint"},
    ", ".join(
        f"value.{name}" for name in ("mn", "period", "start_s", "factor", "micro", "zs_micro", "mark", "received_at_s")
    ),
    "value",
    "value.mn = k.mn AND value.period = k.period AND value.start_s = k.start_s"
    " AND value.start_s >= :least_start_s AND value.start_s <= :greatest_start_s",
    among="value.factor",
)
_STORED = Lookup(
    {"mn": "text", "period": "text", "start_s": "bigint"},
    f"{_OF_WINDOWS.columns}, value.rank",
    "value",
    _OF_WINDOWS.where,
)
FACTORS = 8  # of a usual report


@cache
def _newest_hours(size: int) -> Lookup:
    hours = "v.mn = k.mn AND v.period = 'hour' AND v.start_s >= k.since_s AND v.start_s >= :least_since_s"
    last = (
        f"(SELECT DISTINCT v.start_s FROM value AS v WHERE {hours} ORDER BY v.start_s DESC LIMIT 1 OFFSET {size - 1})"
    )
    return Lookup(
        {"mn": "text", "since_s": "bigint"},
        "value.mn, value.start_s, max(value.received_at_s) AS received_s",
        "value",
        f"value.mn = k.mn AND value.period = 'hour' AND value.start_s >= coalesce({last}, k.since_s) "
        "AND value.start_s >= :least_since_s GROUP BY value.mn, value.start_s",
        order="ORDER BY start_s DESC",
    )


def stored_values(session: Session, windows: Collection[WindowKey]) -> dict[WindowKey, dict[str, StoredValue]]:
    """What is stored of these windows, by factor; a window of which nothing is, is not in it."""
    found: dict[WindowKey, dict[str, StoredValue]] = {}
    for mn, period, start, factor, micro, zs_micro, mark, received_at_s, rank in _STORED.rows(session, windows):
        value = StoredValue(Value(micro, zs_micro, mark, received_at_s), rank)
        found.setdefault(WindowKey(mn, period, start), {})[factor] = value
    return found


def write_values(session: Session, reports: NewReports) -> None:
    """Insert what is new, replace what is of lesser rank. What somebody else stored meanwhile stays if its rank is greater."""
    new, written = reports.new, reports.greater
    if embedded(session) or len(new) * FACTORS < WORTH_COPYING or not _copied(session, new):
        written = [*new, *written]
    write_many(session, _SQLITE, _POSTGRES, [row for report in written for row in _rows(report)])


def _copied(session: Session, reports: Sequence[WindowReport]) -> bool:
    return copy_new_text(session, "value", _COLUMNS, "".join([line for one in reports for line in _lines(one)]))


def _lines(report: WindowReport) -> Iterator[str]:
    """Its rows as COPY reads them: most of a row is the same for all factors of a packet."""
    (mn, period, start), rank, source, received_at_s, readings = report
    head, end = f"{mn}\t{period}\t{start}\t", f"\t{copied_text(source)}\t{rank}\t{received_at_s}\t"
    for factor, (micro, zs_micro, mark, extras) in readings.items():
        if zs_micro is None and micro is not None and not extras and mark in MARKS:
            yield f"{head}{factor}\t{micro}\t\\N\t{mark}{end}\\N\n"
            continue
        more = copied_text(encode(extras).decode()) if extras else NULL_IN_COPY
        yield f"{head}{factor}\t{_number(micro)}\t{_number(zs_micro)}\t{copied_text(mark)}{end}{more}\n"


def _number(value: int | None) -> str:
    return NULL_IN_COPY if value is None else str(value)


def _rows(report: WindowReport) -> Iterator[tuple[object, ...]]:
    (mn, period, start), rank, source, received_at_s, readings = report
    for factor, (micro, zs_micro, mark, extras) in readings.items():
        more = encode(extras).decode() if extras else None
        yield mn, period, start, factor, micro, zs_micro, mark, source, rank, received_at_s, more


def write_last_seen(session: Session, seen: Mapping[str, int]) -> None:
    """Move each point's last-seen time on, never back."""
    arrays = _LAST_SEEN.format("SELECT * FROM unnest(%s::text[], %s::bigint[])")
    write_many(session, _LAST_SEEN.format("VALUES (?,?)"), arrays, list(seen.items()))


def values_of(
    session: Session, keys: Collection[WindowKey], factors: Collection[str]
) -> dict[WindowKey, dict[str, Value]]:
    """What was reported of these factors in these windows, by factor."""
    found: dict[WindowKey, dict[str, Value]] = {}
    for mn, period, start, factor, micro, zs_micro, mark, received_at_s in _OF_WINDOWS.rows(session, keys, factors):
        found.setdefault(WindowKey(mn, period, start), {})[factor] = Value(micro, zs_micro, mark, received_at_s)
    return found


def windows_between(session: Session, mn: str, period: str, low_s: int, high_s: int) -> list[int]:
    """Starts of the windows that have a reported value in [low, high)."""
    if period in PACKET_PERIODS:
        return starts_of_packets(session, mn, period, low_s, high_s)
    v = VALUE.c
    wanted = select(v.start_s).where(v.mn == mn, v.period == period, v.start_s >= low_s, v.start_s < high_s).distinct()
    return list(session.connection().execute(wanted).scalars())


def newest_hours(session: Session, mns: Collection[str], size: int, now_s: int) -> dict[str, list[HourReport]]:
    """The newest reported hours of each point, newest first, each as its last value was received."""
    found = _hours_since(session, mns, size, now_s - RECENT_S)
    few = [mn for mn in mns if len(found.get(mn, ())) < size]
    return found | _hours_since(session, few, size, 0)


def _hours_since(session: Session, mns: Collection[str], size: int, since_s: int) -> dict[str, list[HourReport]]:
    found: dict[str, list[HourReport]] = {}
    for mn, start, received_s in _newest_hours(size).rows(session, [(mn, since_s) for mn in mns]):
        found.setdefault(mn, []).append(HourReport(start, received_s - start))
    return found


def first_window(session: Session, mn: str, low_s: int) -> int | None:
    """The earliest reported value of the point from `low_s` on, whatever its period."""
    v = VALUE.c
    found = [
        session.connection()
        .execute(select(func.min(v.start_s)).where(v.mn == mn, v.period == period, v.start_s >= low_s))
        .scalar_one()
        for period in ("hour", "day")
    ]
    found.append(first_packet(session, mn, low_s))
    return min((start for start in found if start is not None), default=None)


def series(
    session: Session, mn: str, factor: str, period: str, *, low_s: int, high_s: int, limit: int
) -> list[PeriodValue]:
    """Values of one factor in order of time, from `low_s` on, before `high_s`."""
    if period in PACKET_PERIODS:
        return series_of_packets(session, mn, factor, period, low_s=low_s, high_s=high_s, limit=limit)
    v = VALUE.c
    wanted = (
        select(VALUE)
        .where(v.mn == mn, v.period == period, v.factor == factor, v.start_s >= low_s, v.start_s < high_s)
        .order_by(v.start_s)
        .limit(limit)
    )
    return [_read(row) for row in session.connection().execute(wanted)]


def latest(session: Session, mn: str) -> list[PeriodValue]:
    """The newest value of each factor and period."""
    v = VALUE.c
    newest = (
        select(v.period, v.factor, func.max(v.start_s).label("start_s"))
        .where(v.mn == mn)
        .group_by(v.period, v.factor)
        .subquery()
    )
    wanted = (
        select(VALUE)
        .join(newest, (v.period == newest.c.period) & (v.factor == newest.c.factor) & (v.start_s == newest.c.start_s))
        .where(v.mn == mn)
    )
    found = [_read(row) for row in session.connection().execute(wanted)]
    return sorted([*found, *latest_of_packets(session, mn)], key=lambda one: (one.factor, one.period))


def _read(row: Row[object]) -> PeriodValue:
    return PeriodValue(
        row.mn,
        row.period,
        row.start_s,
        row.factor,
        row.micro,
        row.zs_micro,
        row.mark,
        row.source,
        row.rank,
        row.received_at_s,
        row.extras,
    )


def last_seen(session: Session, mns: Collection[str]) -> dict[str, int]:
    """MN → when it was last seen, of these points."""
    return {row.mn: row.at_s for row in _LAST_SEEN_OF.rows(session, [(mn,) for mn in mns])}


def last_seen_until(session: Session, at_s: int) -> dict[str, int]:
    """MN → when it was last seen, of the points that were last seen at `at_s` or earlier."""
    wanted = select(LAST_SEEN.c.mn, LAST_SEEN.c.at_s).where(LAST_SEEN.c.at_s <= at_s)
    return {row.mn: row.at_s for row in session.connection().execute(wanted)}
