"""Risk rows: what was said last, with its revision. A wanted state that equals the row is not said again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import Session

from services.monitoring.domain.episode import Known
from services.monitoring.domain.windows import instant, seconds
from services.monitoring.store.tables import RISK
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED, RISKS, Event
from shared.domain.risk import Cleared, Risk, RiskState
from shared.eventlog.outbox import Outbox
from shared.runtime.metrics import Metrics
from shared.sql import chunks, upsert

SOURCE = "/monitoring"
_NOT_STATE = ("revision", "changed_at", "why")


class RiskBook:
    """Where the found is written down and said."""

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox = outbox
        self._said = metrics.risks_published

    @contextmanager
    def page(self, session: Session, wall_now: datetime) -> Iterator[Page]:
        """A page to tell many risks on; at its end all of it is written at once."""
        page = Page()
        yield page
        upsert(session, RISK, page.rows)
        said = [(event.data["credit_code"] or event.data["region"], event) for event in page.events]
        self._outbox.publish_all(session, RISKS, said, wall_now=wall_now)
        for event in page.events:
            self._said.labels(event.data["kind"], event.type.split(".")[2]).inc()

    def tell(
        self, session: Session, row: Any, risk: Risk, *, subject: str, span: tuple[int, int, int], wall_now: datetime
    ) -> None:
        """Save and say one risk; see `Page.tell`."""
        with self.page(session, wall_now) as page:
            page.tell(row, risk, subject=subject, span=span)


class Page:
    """Rows and events of one transaction; no risk stands on it twice."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.events: list[Event] = []

    def tell(self, row: Any, risk: Risk, *, subject: str, span: tuple[int, int, int]) -> None:
        """Note `risk` unless its open row says the same; `span`: first-seen, first and last window."""
        risk = replace(risk, opened_at=instant(seconds(risk.opened_at)))  # as the row keeps it: whole seconds
        if row is not None:
            risk = replace(risk, id=row.id, revision=row.revision + 1, opened_at=instant(row.opened_at_s))
        document = risk.document()
        quiet = row is not None and _state(document) == _state(row.document)
        if quiet and (row.first_window_s, row.start_s, row.last_s) == span:
            return
        if quiet:  # only its windows moved
            document = row.document
        self.rows.append(_row(risk, document, row.revision if quiet else risk.revision, subject, span))
        if not quiet:
            self.events.append(Event(_type(risk), SOURCE, risk.id, risk.revision, risk.changed_at, document))


def _state(document: Any) -> Any:
    return {name: value for name, value in document.items() if name not in _NOT_STATE}


def _type(risk: Risk) -> str:
    if risk.revision == 1:
        return RISK_OPENED
    return RISK_CHANGED if risk.state is RiskState.OPEN else RISK_CLEARED


def _row(risk: Risk, document: Any, revision: int, subject: str, span: tuple[int, int, int]) -> dict[str, Any]:
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
        "first_window_s": span[0],
        "start_s": span[1],
        "last_s": span[2],
        "opened_at_s": seconds(risk.opened_at),
        "cleared": risk.cleared.value if risk.cleared else None,
        "document": document,
    }


def risks_of(session: Session, kind: str, subject: str, low_s: int, high_s: int) -> list[Any]:
    """Rows of a subject whose span touches [low, high]."""
    r = RISK.c
    wanted = select(RISK).where(r.subject == subject, r.kind == kind, r.last_s >= low_s, r.start_s <= high_s)
    return list(session.connection().execute(wanted.order_by(r.opened_at_s, r.first_window_s, r.id)))


def open_risks(session: Session, kind: str, subjects: Collection[str] | None = None) -> dict[str, Any]:
    """The open row of each subject."""
    r = RISK.c
    wanted = select(RISK).where(r.kind == kind, r.state == RiskState.OPEN.value)
    if subjects is None:
        return {row.subject: row for row in session.connection().execute(wanted)}
    found: dict[str, Any] = {}
    for part in chunks(subjects):
        rows = session.connection().execute(wanted.where(r.subject.in_(part)))
        found.update((row.subject, row) for row in rows)
    return found


def open_risks_of_point(session: Session, kind: str, mn: str) -> list[Any]:
    """Open rows whose worst window is this point's, or whose outlet's others are; few by nature."""
    r = RISK.c
    wanted = select(RISK).where(r.kind == kind, r.state == RiskState.OPEN.value, r.mn == mn)
    return list(session.connection().execute(wanted))


def open_risks_of_points(session: Session, kind: str, mns: Collection[str]) -> list[Any]:
    """Open rows that name one of these points."""
    r = RISK.c
    wanted = select(RISK).where(r.kind == kind, r.state == RiskState.OPEN.value)
    return [row for part in chunks(mns) for row in session.connection().execute(wanted.where(r.mn.in_(part)))]


def spans_of(
    session: Session, kind: str, subjects: Collection[str], low_s: int
) -> dict[str, list[tuple[int, int, bool]]]:
    """(first, last, open) of the risks of these subjects that reach `low_s` or later, or are open."""
    r = RISK.c
    found: dict[str, list[tuple[int, int, bool]]] = {}
    standing = r.state == RiskState.OPEN.value
    for part in chunks(subjects):
        wanted = select(r.subject, r.start_s, r.last_s, standing).where(
            r.subject.in_(part), r.kind == kind, or_(r.last_s >= low_s, standing)
        )
        for subject, start, last, is_open in session.connection().execute(wanted):
            found.setdefault(subject, []).append((start, last, bool(is_open)))
    return found


def minted(session: Session, kind: str, subject: str) -> int:
    """How many risks of the subject there ever were: makes the next one's id its own."""
    return minted_of(session, kind, [subject]).get(subject, 0)


def minted_of(session: Session, kind: str, subjects: Collection[str]) -> dict[str, int]:
    """The same of many subjects; one that is not there never had any."""
    r = RISK.c
    counted = select(r.subject, func.count()).where(r.kind == kind).group_by(r.subject)
    found: dict[str, int] = {}
    for part in chunks(subjects):
        rows = session.connection().execute(counted.where(r.subject.in_(part)))
        found.update((subject, count) for subject, count in rows)
    return found


def known(row: Any) -> Known:
    return Known(
        id=row.id,
        first_window=row.first_window_s,
        start=row.start_s,
        last=row.last_s,
        born=(row.opened_at_s, f"{row.first_window_s:012d}{row.id}"),
        state=RiskState(row.state),
        cleared=Cleared(row.cleared) if row.cleared else None,
    )
