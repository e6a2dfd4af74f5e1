"""What is due when: windows in their time of grace, running means, re-decisions; and the service's own down-time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import insert, select
from sqlmodel import Session

from services.monitoring.domain.due_work import DueKey
from services.monitoring.domain.silence import Downtime
from services.monitoring.store.tables import ALIVE, DOWNTIME, DUE
from shared.sql import Lookup, upsert, write_many

ALIVE_NAME = "monitoring"
_MARK = "INSERT INTO due_window (mn, kind, start_s, due_at_s) {} ON CONFLICT DO NOTHING"
_PUT = """INSERT INTO due_window (mn, kind, start_s, due_at_s) {} ON CONFLICT (mn, kind, start_s) DO UPDATE SET
 due_at_s = excluded.due_at_s"""
_DONE = "DELETE FROM due_window WHERE {}"
_KEYS = "unnest(%s::text[], %s::text[], %s::bigint[]) AS k(mn, kind, start_s)"
_DONE_OF_ARRAYS = f"""DELETE FROM due_window AS d USING {_KEYS}
 WHERE d.mn = k.mn AND d.kind = k.kind AND d.start_s = k.start_s"""
_DUE_TIMES = Lookup(
    {"mn": "text", "kind": "text", "start_s": "bigint"},
    "due_window.mn, due_window.kind, due_window.start_s, due_window.due_at_s",
    "due_window",
    "due_window.mn = k.mn AND due_window.kind = k.kind AND due_window.start_s = k.start_s",
)
_ARRAYS = "%s::text[], %s::text[], %s::bigint[], %s::bigint[]"
GAP_S = 120  # jobs tick every 15 s; a longer gap was down-time


def mark_due(session: Session, due: Mapping[DueKey, int]) -> None:
    """Put on the list what is not there; what is there keeps its time."""
    rows = [(*key, at) for key, at in due.items()]
    write_many(session, _MARK.format("VALUES (?,?,?,?)"), _MARK.format(f"SELECT * FROM unnest({_ARRAYS})"), rows)


def due_times(session: Session, keys: Collection[DueKey]) -> dict[DueKey, int]:
    """Those of these keys that are on the list, with the time at which each is due."""
    return {DueKey(mn, kind, start): at for mn, kind, start, at in _DUE_TIMES.rows(session, keys)}


def put_due(session: Session, due: Mapping[DueKey, int]) -> None:
    """Put on the list, with this time even if it was there."""
    rows = [(*key, at) for key, at in due.items()]
    write_many(session, _PUT.format("VALUES (?,?,?,?)"), _PUT.format(f"SELECT * FROM unnest({_ARRAYS})"), rows)


def due_by(session: Session, now_s: int, limit: int) -> Sequence[DueKey]:
    """The first of what is due, in order of time."""
    d = DUE.c
    wanted = select(d.mn, d.kind, d.start_s).where(d.due_at_s <= now_s).order_by(d.due_at_s, d.start_s).limit(limit)
    return [DueKey(mn, kind, start) for mn, kind, start in session.connection().execute(wanted)]


def all_due(session: Session, kind: str, now_s: int) -> Sequence[DueKey]:
    """Everything of this kind that is due."""
    d = DUE.c
    wanted = select(d.mn, d.kind, d.start_s).where(d.due_at_s <= now_s, d.kind == kind).order_by(d.due_at_s, d.mn)
    return [DueKey(mn, kind, start) for mn, kind, start in session.connection().execute(wanted)]


def still_due(session: Session, keys: Collection[DueKey]) -> set[DueKey]:
    """Those still on the list (another may have done them before the points were locked)."""
    return set(due_times(session, keys))


def done(session: Session, keys: Collection[DueKey]) -> None:
    """Take these off the list."""
    write_many(session, _DONE.format("mn = ? AND kind = ? AND start_s = ?"), _DONE_OF_ARRAYS, list(keys))


def note_alive(session: Session, now_s: int) -> None:
    """Packets can be received at `now_s`; a gap since the last time is recorded as down-time."""
    last = session.connection().execute(select(ALIVE.c.at_s).where(ALIVE.c.name == ALIVE_NAME)).scalar_one_or_none()
    if last is not None and now_s - last > GAP_S:
        record_downtime(session, last, now_s)
    if last is None or now_s > last:
        upsert(session, ALIVE, [{"name": ALIVE_NAME, "at_s": now_s}])


def record_downtime(session: Session, start_s: int, end_s: int) -> None:
    session.connection().execute(insert(DOWNTIME).values(start_s=start_s, end_s=end_s))


def downtimes_since(session: Session, since_s: int) -> list[Downtime]:
    """Down-times that ended after `since_s`."""
    t = DOWNTIME.c
    rows = session.connection().execute(select(t.start_s, t.end_s).where(t.end_s > since_s))
    return [Downtime(start, end) for start, end in rows]
