"""Risk rows: each risk's last published state with its revision. A risk that equals its row is not published again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Row, func, or_, select
from sqlmodel import Session

from services.monitoring.domain.risk_row import RiskExtent, RiskRow, RiskSpan
from services.monitoring.domain.windows import instant, seconds
from services.monitoring.store.tables import RISK
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED, RISKS, Event
from shared.domain.json import JsonObject
from shared.domain.risk import Cleared, Risk, RiskState
from shared.eventlog.outbox import Outbox
from shared.runtime.metrics import Metrics
from shared.sql import chunks, upsert

SOURCE = "/monitoring"
_NOT_STATE = ("revision", "changed_at", "why")


class RiskRepository:
    """Saves risks and publishes what changed of them."""

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox = outbox
        self._published = metrics.risks_published

    @contextmanager
    def batch(self, session: Session, wall_now: datetime) -> Iterator[RiskBatch]:
        """A batch to collect many risks; at its end all of it is written and published at once."""
        batch = RiskBatch()
        yield batch
        upsert(session, RISK, batch.rows)
        keyed = [(str(event.data["credit_code"] or event.data["region"]), event) for event in batch.events]
        self._outbox.publish_all(session, RISKS, keyed, wall_now=wall_now)
        for event in batch.events:
            self._published.labels(event.data["kind"], event.type.split(".")[2]).inc()


class RiskBatch:
    """Rows and events of one transaction; no risk is in it twice."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.events: list[Event] = []

    def put(self, before: RiskRow | None, risk: Risk, *, subject: str, span: RiskSpan) -> None:
        """Add `risk` unless its open row `before` is the same already; it keeps that row's id and time of opening."""
        risk = replace(risk, opened_at=instant(seconds(risk.opened_at)))  # as the row stores it: whole seconds
        if before is not None:
            risk = replace(risk, id=before.id, revision=before.revision + 1, opened_at=instant(before.opened_at_s))
        document: JsonObject = risk.document()
        unchanged = before is not None and _state(document) == _state(before.document)
        revision = risk.revision
        if before is not None and unchanged:  # at most its windows moved
            if before.span == span:
                return
            document, revision = before.document, before.revision
        self.rows.append(_columns(risk, document, revision, subject, span))
        if not unchanged:
            self.events.append(Event(_type(risk), SOURCE, risk.id, risk.revision, risk.changed_at, dict(document)))


def _state(document: JsonObject) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in _NOT_STATE}


def _type(risk: Risk) -> str:
    if risk.revision == 1:
        return RISK_OPENED
    return RISK_CHANGED if risk.state is RiskState.OPEN else RISK_CLEARED


def _columns(risk: Risk, document: JsonObject, revision: int, subject: str, span: RiskSpan) -> dict[str, object]:
    return {
        "id": risk.id,
        "subject": subject,
        "kind": risk.kind,
        "condition": risk.condition,
        "state": risk.state.value,
        "revision": revision,
        "credit_code": risk.credit_code,
        "region": risk.region,
        "outlet": risk.outlet,
        "factor": risk.factor,
        "mn": risk.mn,
        "first_window_s": span.first_window_s,
        "start_s": span.start_s,
        "last_s": span.last_s,
        "opened_at_s": seconds(risk.opened_at),
        "cleared": risk.cleared.value if risk.cleared else None,
        "document": document,
    }


def _read(row: Row[object]) -> RiskRow:
    return RiskRow(
        id=row.id,
        subject=row.subject,
        kind=row.kind,
        condition=row.condition,
        state=RiskState(row.state),
        revision=row.revision,
        mn=row.mn,
        first_window_s=row.first_window_s,
        start_s=row.start_s,
        last_s=row.last_s,
        opened_at_s=row.opened_at_s,
        cleared=Cleared(row.cleared) if row.cleared else None,
        document=row.document,
    )


def risks_between(session: Session, kind: str, subject: str, low_s: int, high_s: int) -> list[RiskRow]:
    """Rows of a subject whose span touches [low, high], in order of creation."""
    r = RISK.c
    wanted = select(RISK).where(r.subject == subject, r.kind == kind, r.last_s >= low_s, r.start_s <= high_s)
    ordered = wanted.order_by(r.opened_at_s, r.first_window_s, r.id)
    return [_read(row) for row in session.connection().execute(ordered)]


def open_risks(session: Session, kind: str, subjects: Collection[str] | None = None) -> dict[str, RiskRow]:
    """The open row of each subject, of all or of these."""
    r = RISK.c
    wanted = select(RISK).where(r.kind == kind, r.state == RiskState.OPEN.value)
    if subjects is None:
        return {row.subject: _read(row) for row in session.connection().execute(wanted)}
    found: dict[str, RiskRow] = {}
    for part in chunks(subjects):
        rows = session.connection().execute(wanted.where(r.subject.in_(part)))
        found.update((row.subject, _read(row)) for row in rows)
    return found


def open_risks_of_points(session: Session, kind: str, mns: Collection[str]) -> list[RiskRow]:
    """Open rows that name one of these points."""
    r = RISK.c
    wanted = select(RISK).where(r.kind == kind, r.state == RiskState.OPEN.value)
    return [_read(row) for part in chunks(mns) for row in session.connection().execute(wanted.where(r.mn.in_(part)))]


def extents(session: Session, kind: str, subjects: Collection[str], since_s: int) -> dict[str, list[RiskExtent]]:
    """Where the risks of these subjects reach that end at `since_s` or later, or are open."""
    r = RISK.c
    found: dict[str, list[RiskExtent]] = {}
    is_open = r.state == RiskState.OPEN.value
    for part in chunks(subjects):
        wanted = select(r.subject, r.start_s, r.last_s, is_open).where(
            r.subject.in_(part), r.kind == kind, or_(r.last_s >= since_s, is_open)
        )
        for subject, start, last, still_open in session.connection().execute(wanted):
            found.setdefault(subject, []).append(RiskExtent(start, last, bool(still_open)))
    return found


def issued_counts(session: Session, kind: str, subjects: Collection[str]) -> dict[str, int]:
    """How many risks each subject ever had: makes the next one's id its own. A subject without any is not in it."""
    r = RISK.c
    counted = select(r.subject, func.count()).where(r.kind == kind).group_by(r.subject)
    found: dict[str, int] = {}
    for part in chunks(subjects):
        rows = session.connection().execute(counted.where(r.subject.in_(part)))
        found.update((subject, count) for subject, count in rows)
    return found
