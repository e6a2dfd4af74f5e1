"""Records of the register become rows; windows are decided anew, packets of points that were unknown are put back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import structlog
from sqlmodel import Session

from services.monitoring.domain.due_work import REDO, DueKey
from services.monitoring.domain.windows import date_start_s, day_start_s, seconds
from services.monitoring.handlers.quarantine import PutBack
from services.monitoring.handlers.verdicts import REDECIDE_S
from services.monitoring.store import quarantine
from services.monitoring.store.due import put_due
from services.monitoring.store.register import (
    StoredRecord,
    find_enterprise,
    find_permit,
    find_point,
    points_of_permit,
    save_enterprise,
    save_permit,
    save_point,
)
from services.monitoring.store.register_changes import register_changed
from services.monitoring.store.values import first_window
from shared.domain.clock import Clock
from shared.domain.events import HEARTBEAT, Event
from shared.domain.json import JsonObject, read_objects, read_text
from shared.eventlog.codec import decode_event, encode
from shared.ports import Record
from shared.register import read_enterprise, read_permit, read_point

log = structlog.get_logger(__name__)
_MOVES = (
    "units",
    "period_stamp",
    "outlet",
    "permit",
    "credit_code",
    "active",
)  # of a point: what its verdicts are made by
NOTHING: frozenset[str] = frozenset()


class RegisterHandler:
    """`registry` into rows, in its order; a revision that is known changes nothing."""

    def __init__(self, *, clock: Clock, put_back: PutBack) -> None:
        self._clock = clock
        self._put_back = put_back

    def take(self, session: Session, records: Sequence[Record]) -> None:
        changed: set[str] = set()  # credit codes
        for record in records:
            if record.value is None:
                continue
            event = decode_event(record.value)
            if event.type == HEARTBEAT:
                continue
            changed |= self._save(session, event)
        if changed:
            register_changed(session, changed)

    def _save(self, session: Session, event: Event) -> frozenset[str]:
        """The enterprises that the record changes something of."""
        kind, data = event.data["kind"], event.data
        now = self._clock.field_now()
        if kind == "enterprise":
            return self._enterprise(session, event)
        if kind == "permit":
            return self._permit(session, event, now)
        if kind == "point":
            return self._point(session, event, now)
        log.debug("not for monitoring", kind=kind, id=data.get("id"))
        return NOTHING

    def _enterprise(self, session: Session, event: Event) -> frozenset[str]:
        enterprise = read_enterprise(event.data)
        if _is_known(find_enterprise(session, enterprise.credit_code), event):
            return NOTHING
        save_enterprise(session, enterprise, StoredRecord(enterprise.credit_code, event.revision, event.data))
        return frozenset([enterprise.credit_code])

    def _permit(self, session: Session, event: Event, now: datetime) -> frozenset[str]:
        permit = read_permit(event.data)
        before = find_permit(session, permit.number)
        if _is_known(before, event):
            return NOTHING
        save_permit(session, permit, StoredRecord(permit.credit_code, event.revision, event.data))
        since = changed_since(before.data if before is not None else None, event.data)
        if since is not None:
            self._redo(session, points_of_permit(session, permit.credit_code), date_start_s(since), now)
        return _holders(before, permit.credit_code)

    def _point(self, session: Session, event: Event, now: datetime) -> frozenset[str]:
        point = read_point(event.data)
        before = find_point(session, point.mn)
        if _is_known(before, event):
            return NOTHING
        record = StoredRecord(point.credit_code, event.revision, event.data)
        save_point(session, point, record)
        old = before.document if before is not None else {}
        if any(old.get(name) != record.document.get(name) for name in _MOVES):
            self._redo(session, [point.mn], day_start_s(seconds(now)), now)
        if point.active:
            for item in quarantine.waiting_for(session, point.mn, now):
                self._put_back.if_it_fits(session, item, point)
        return _holders(before, point.credit_code)

    def _redo(self, session: Session, mns: Sequence[str], since_s: int, now: datetime) -> None:
        """Have the windows since then decided anew, at most 35 days back."""
        now_s = seconds(now)
        if since_s > now_s:
            return
        start = day_start_s(max(since_s, now_s - REDECIDE_S))
        due: dict[DueKey, int] = {}
        for mn in mns:
            first = first_window(session, mn, start)
            if first is not None:
                due[DueKey(mn, REDO, day_start_s(first))] = now_s
        put_due(session, due)


def _is_known(before: StoredRecord | None, event: Event) -> bool:
    return before is not None and before.revision >= event.revision


def _holders(before: StoredRecord | None, credit_code: str) -> frozenset[str]:
    """The enterprise that has it, and the one that had it."""
    return frozenset([credit_code] if before is None else [credit_code, before.credit_code])


def changed_since(before: JsonObject | None, after: JsonObject) -> date | None:
    """The first day on which another version, or another text of it, governs."""

    def versions(data: JsonObject | None) -> set[tuple[str, bytes]]:
        listed = read_objects(data, "versions") if data else ()
        return {(read_text(v, "effective_from"), encode([v["recorded_at"], v["document"]])) for v in listed}

    different = versions(before) ^ versions(after)
    return date.fromisoformat(min(day for day, _ in different)) if different else None
