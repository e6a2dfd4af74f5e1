"""Verdict rows: of windows of points, and of outlets' windows around a change; always of many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache

from sqlalchemy import select
from sqlmodel import Session

from services.monitoring.domain.fault import newest_of_each_factor
from services.monitoring.domain.verdict import Doubt, NoVerdict, Status, ValueKind
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.domain.windows import RECENT_S, SpanOfWindows, WindowBounds, WindowKey
from services.monitoring.store.tables import DECISION
from shared.sql import Lookup, SqlRow, copy_or_write_many, write_many

AVERAGINGS = ("hour", "day")
FIELDS = tuple(column.name for column in DECISION.columns)
_NAMES = ", ".join(f'"{name}"' for name in FIELDS)
_COLUMNS = ", ".join(f'decision."{name}"' for name in FIELDS)
_KEYS = tuple(column.name for column in DECISION.primary_key)
_NUMBERS = ("start_s", "decided", "measured", "first_seen_s", "decided_at_s", "doubted")
_ARRAYS = ", ".join(f"%s::{'bigint' if name in _NUMBERS else 'text'}[]" for name in FIELDS)
_CHANGED = ", ".join(f'"{name}" = excluded."{name}"' for name in FIELDS if name not in _KEYS)
_WRITE = f"INSERT INTO decision ({_NAMES}) {{}} ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET {_CHANGED}"
_SQLITE = _WRITE.format(f"VALUES ({','.join('?' * len(FIELDS))})")
_POSTGRES = _WRITE.format(f"SELECT * FROM unnest({_ARRAYS})")

_WINDOW = {"mn": "text", "averaging": "text", "start_s": "bigint"}
_OUTLET = {"permit": "text", "outlet": "text", "factor": "text", "averaging": "text"}
_OF_OUTLET = " AND ".join(f"decision.{name} = k.{name}" for name in _OUTLET)
_SINCE = "decision.start_s >= k.since_s AND decision.start_s >= :least_since_s"
_OF_WINDOWS = Lookup(
    _WINDOW,
    _COLUMNS,
    "decision",
    " AND ".join(f"decision.{name} = k.{name}" for name in _WINDOW)
    + " AND decision.start_s >= :least_start_s AND decision.start_s <= :greatest_start_s",
)
_BETWEEN = Lookup(
    {**_OUTLET, "low_s": "bigint", "high_s": "bigint"},
    _COLUMNS,
    "decision",
    f"{_OF_OUTLET} AND decision.start_s >= k.low_s AND decision.start_s <= k.high_s"
    " AND decision.start_s >= :least_low_s AND decision.start_s <= :greatest_high_s",
    order="ORDER BY start_s, mn",
)
_DECIDED_SINCE = Lookup(
    {**_OUTLET, "since_s": "bigint"},
    _COLUMNS,
    "decision",
    f"{_OF_OUTLET} AND decision.decided IS NOT NULL AND {_SINCE}",
    order="ORDER BY start_s DESC, mn",
)
_BOUNDS = Lookup(
    _OUTLET,
    f"""k.permit, k.outlet, k.factor, k.averaging,
      (SELECT min(decision.start_s) FROM decision WHERE {_OF_OUTLET}) AS first_s,
      (SELECT max(decision.start_s) FROM decision WHERE {_OF_OUTLET}) AS last_s""",
    "(SELECT 1) AS one",
    "true",
)
_OF_POINTS = Lookup(
    {"mn": "text", "averaging": "text", "since_s": "bigint"},
    _COLUMNS,
    "decision",
    f"decision.mn = k.mn AND decision.averaging = k.averaging AND {_SINCE}",
)
_STATUS = {one.value: one for one in Status}
_REASONS: Mapping[str | None, NoVerdict | None] = {None: None, **{one.value: one for one in NoVerdict}}
_KINDS: Mapping[str | None, ValueKind | None] = {None: None, **{one.value: one for one in ValueKind}}
_DOUBTS: Mapping[str | None, Doubt | None] = {None: None, **{one.value: one for one in Doubt}}


@cache
def _newest_decided(size: int) -> Lookup:
    """The window of the `size`-th row comes whole: no window is cut."""
    decided = f"{_OF_OUTLET} AND decision.decided IS NOT NULL"
    last = f"""SELECT d.start_s FROM decision AS d WHERE {f"{decided} AND {_SINCE}".replace("decision.", "d.")}
      ORDER BY d.start_s DESC LIMIT 1 OFFSET {size - 1}"""
    newest = f"""{decided} AND decision.start_s >= coalesce(({last}), k.since_s)
      AND decision.start_s >= :least_since_s"""
    return Lookup({**_OUTLET, "since_s": "bigint"}, _COLUMNS, "decision", newest, order="ORDER BY start_s DESC, mn")


def read_row(row: SqlRow) -> VerdictRow:
    """From a row of the table's columns, in the table's order."""
    return VerdictRow(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        _STATUS[row[7]],
        _REASONS[row[8]],
        _KINDS[row[9]],
        row[10],
        row[11],
        row[12],
        row[13],
        row[14],
        row[15],
        row[16],
        row[17],
        _DOUBTS[row[18]],
        row[19],
    )


def write_verdicts(session: Session, new: Sequence[VerdictRow], changed: Sequence[VerdictRow]) -> None:
    """Upsert; no window and factor may be there twice. `new`: those that there is no row of, as far as is known."""
    copy_or_write_many(session, "decision", _NAMES, new, sqlite=_SQLITE, postgres=_POSTGRES)
    write_many(session, _SQLITE, _POSTGRES, changed)


def verdicts_of(session: Session, windows: Collection[WindowKey]) -> dict[WindowKey, dict[str, VerdictRow]]:
    """The verdict rows of these windows, by factor."""
    found: dict[WindowKey, dict[str, VerdictRow]] = {}
    for row in map(read_row, _OF_WINDOWS.rows(session, windows)):
        found.setdefault(row.window, {})[row.factor] = row
    return found


def verdicts_between(session: Session, spans: Mapping[OutletKey, SpanOfWindows]) -> dict[OutletKey, list[VerdictRow]]:
    """All verdict rows of each outlet's windows in its span, in order."""
    keys = [(*key, span.low_s, span.high_s) for key, span in spans.items()]
    return _by_outlet(_BETWEEN.rows(session, keys))


def bounds_of(session: Session, keys: Collection[OutletKey]) -> dict[OutletKey, WindowBounds]:
    """The first and the last window of each outlet; an outlet without any is not in it."""
    rows = _BOUNDS.rows(session, keys)
    return {
        OutletKey(permit, outlet, factor, averaging): WindowBounds(first, last)
        for permit, outlet, factor, averaging, first, last in rows
        if first is not None
    }


def newest_decided(
    session: Session, keys: Collection[OutletKey], size: int, now_s: int
) -> dict[OutletKey, list[VerdictRow]]:
    """The newest `size` verdict rows of each outlet that have a decided value, newest first, and what stands in the window of
    the last of them."""
    since_s = now_s - RECENT_S
    found = _by_outlet(_newest_decided(size).rows(session, [(*key, since_s) for key in keys]))
    few = [(*key, 0) for key in keys if len(found.get(key, ())) < size]
    return found | _by_outlet(_newest_decided(size).rows(session, few))


def decided_since(session: Session, keys: Collection[OutletKey], since_s: int) -> dict[OutletKey, list[VerdictRow]]:
    """The verdict rows of these outlets from `since_s` on that have a decided value, newest first."""
    return _by_outlet(_DECIDED_SINCE.rows(session, [(*key, since_s) for key in keys]))


def newest_of_instruments(
    session: Session, mns: Collection[str], since_s: int
) -> Mapping[str, Mapping[str, VerdictRow]]:
    """Of each point and factor the newest window from `since_s` on that shows the state of the instrument."""
    keys = [(mn, averaging, since_s) for mn in mns for averaging in AVERAGINGS]
    return newest_of_each_factor(map(read_row, _OF_POINTS.rows(session, keys)))


def _by_outlet(rows: Iterable[SqlRow]) -> dict[OutletKey, list[VerdictRow]]:
    found: dict[OutletKey, list[VerdictRow]] = {}
    for row in map(read_row, rows):
        found.setdefault(row.outlet_key, []).append(row)
    return found


def windows_decided_between(session: Session, mn: str, averaging: str, low_s: int, high_s: int) -> list[int]:
    """Starts of the windows of a point that have a verdict row in [low, high)."""
    d = DECISION.c
    wanted = select(d.start_s).where(d.mn == mn, d.averaging == averaging, d.start_s >= low_s, d.start_s < high_s)
    return list(session.connection().execute(wanted.distinct()).scalars())
