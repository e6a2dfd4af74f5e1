"""Alerts and their history as rows, and the outbox rows of their events with the owner beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, insert, or_, select, update
from sqlmodel import Session

from services.alerts.domain import alert as states
from services.alerts.domain.alert import Alert, Change, Status, Step
from services.alerts.domain.catalogue import Audience, Level, Stage
from services.alerts.domain.decision import Decision
from services.alerts.store.paging import Position, older_than
from services.alerts.store.sql_types import SqlRow, StoredDocument
from services.alerts.store.tables import ALERT, HISTORY, OUTBOX
from shared.access import Caller, Columns, Role, visible
from shared.database import outbox_written
from shared.domain.errors import no_such
from shared.domain.events import ALERTS, Event
from shared.domain.json import JsonObject
from shared.domain.risk import Risk
from shared.eventlog.codec import encode_event
from shared.sql import chunks

# built once: a statement with its values inside is compiled anew for every row
_NEW_ALERT, _NEW_STEP, _NEW_EVENT = insert(ALERT), insert(HISTORY), insert(OUTBOX)
_OLD_ALERT = update(ALERT).where(ALERT.c.id == bindparam("which"))


UNVERIFIED = [status.value for status in states.UNVERIFIED]
UNANSWERED = [Status.OPEN.value, Status.ACKNOWLEDGED.value]
SEEN = Columns(ALERT.c.credit_code, ALERT.c.region, ALERT.c.kind, ALERT.c.hidden_from_enterprise)


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """An alert in a list."""

    opened_at: datetime
    id: str
    document: StoredDocument


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What happened to an alert. `push` and `reason`: what was decided about it, None when nothing was."""

    revision: int
    at: datetime
    what: str
    who: str
    text: str
    status: str
    push: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Filters of the list; None: any. `mine`: the caller's side has something to do."""

    status: str | None = None
    kind: str | None = None
    level: str | None = None
    stage: str | None = None
    credit_code: str | None = None
    region: str | None = None
    outlet: str | None = None
    factor: str | None = None
    since: datetime | None = None
    objected: bool = False
    overdue: bool = False
    mine: bool = False

    def clauses(self, caller: Caller, now: datetime) -> Iterable[ColumnElement[bool]]:
        for name in ("status", "kind", "level", "stage", "credit_code", "outlet", "factor"):
            value = getattr(self, name)
            if value is not None:
                yield ALERT.c[name] == value
        if self.region is not None:
            yield ALERT.c.region.startswith(self.region, autoescape=True)
        if self.since is not None:
            yield ALERT.c.opened_at >= self.since
        if self.objected:
            yield objected()
        if self.overdue:
            yield overdue(now)
        if self.mine:
            yield to_do(caller, now)


class AlertStore:
    """Every method works inside the caller's session."""

    def latest_of(self, session: Session, risk_ids: Sequence[str]) -> dict[str, Alert]:
        """The last alert of each risk, locked for change."""
        found: dict[str, Alert] = {}
        for some in chunks(risk_ids):
            query = select(ALERT).where(ALERT.c.risk_id.in_(some)).order_by(ALERT.c.number)
            for row in session.connection().execute(query.with_for_update()):
                found[row.risk_id] = _alert(row)
        return found

    def load(self, session: Session, alert_id: str) -> Alert:
        """The alert, locked for change; raises NotFound."""
        row = session.connection().execute(select(ALERT).where(ALERT.c.id == alert_id).with_for_update()).one_or_none()
        if row is None:
            raise no_such("alert", alert_id)
        return _alert(row)

    def save(self, session: Session, alert: Alert, document: JsonObject, *, new: bool) -> None:
        values = {**_values(alert), "document": document}
        if new:
            session.connection().execute(_NEW_ALERT, values)
        else:
            session.connection().execute(_OLD_ALERT, {**values, "which": alert.id})

    def append(self, session: Session, alert: Alert, step: Step, decision: Decision | None) -> None:
        """One more history entry."""
        session.connection().execute(
            _NEW_STEP,
            {
                "alert_id": alert.id,
                "revision": step.revision,
                "at": step.at,
                "what": step.what.value,
                "who": step.who,
                "text": step.text,
                "status": step.status.value,
                "push": decision.push.value if decision else None,
                "reason": decision.reason.value if decision else None,
            },
        )

    def publish(self, session: Session, alert: Alert, event: Event, *, wall_now: datetime) -> None:
        """The event into the outbox, with whose it is."""
        risk = alert.risk
        session.connection().execute(
            _NEW_EVENT,
            {
                "topic": ALERTS,
                "key": risk.credit_code or risk.region,
                "event_id": event.id,
                "value": encode_event(event),
                "headers": {},
                "created_at": wall_now,
                "credit_code": None if alert.hidden_from_enterprise else risk.credit_code,
                "region": risk.region,
                "kind": risk.kind,
            },
        )
        outbox_written(session)

    def document(self, session: Session, alert_id: str, caller: Caller) -> StoredDocument:
        """The alert as its callers see it; raises NotFound outside the caller's scope."""
        query = select(ALERT.c.document).where(ALERT.c.id == alert_id, visible(caller, SEEN))
        found = session.connection().execute(query).scalar()
        if found is None:
            raise no_such("alert", alert_id)
        return dict(found)

    def history(self, session: Session, alert_id: str) -> list[HistoryEntry]:
        """What happened to the alert, in order."""
        h = HISTORY.c
        query = select(h.revision, h.at, h.what, h.who, h.text, h.status, h.push, h.reason)
        query = query.where(h.alert_id == alert_id).order_by(h.revision, h.id)
        return [HistoryEntry(*row) for row in session.connection().execute(query)]

    def page(
        self,
        session: Session,
        caller: Caller,
        filter: AlertFilter,
        *,
        behind: Position | None,
        limit: int,
        now: datetime,
    ) -> list[ListedAlert]:
        """Newest first, those behind the position; `now` by the field clock, which due times are of."""
        a = ALERT.c
        query = select(a.opened_at, a.id, a.document).where(visible(caller, SEEN), *filter.clauses(caller, now))
        query = query.where(older_than(behind, a.opened_at, a.id)).order_by(a.opened_at.desc(), a.id.desc())
        return [ListedAlert(*row) for row in session.connection().execute(query.limit(limit))]


def objected() -> ColumnElement[bool]:
    """An objection stands: officers have neither verified the alert nor withdrawn it."""
    return and_(ALERT.c.objected_at.is_not(None), ALERT.c.status.in_(UNVERIFIED))


def overdue(now: datetime) -> ColumnElement[bool]:
    """The enterprise's answer was due before `now` and is not there."""
    return and_(ALERT.c.due_enterprise < now, ALERT.c.status.in_(UNANSWERED))


def to_do(caller: Caller, now: datetime) -> ColumnElement[bool]:
    """The enterprise has to acknowledge, or to answer where an answer is required; officers have to decide on an objection, to
    verify, to close, or to ask for an answer that is overdue."""
    a = ALERT.c
    if caller.role is Role.ENTERPRISE:
        unanswered = and_(a.status == Status.ACKNOWLEDGED.value, a.stage != Stage.BEFORE.value)
        return or_(a.status == Status.OPEN.value, unanswered)
    decided_next = a.status.in_((Status.ANSWERED.value, Status.VERIFIED.value))
    return or_(decided_next, objected(), overdue(now))


def _values(alert: Alert) -> Mapping[str, object]:
    risk = alert.risk
    return {
        "id": alert.id,
        "risk_id": risk.id,
        "number": alert.number,
        "revision": alert.revision,
        "kind": risk.kind,
        "condition": risk.condition,
        "stage": alert.stage.value,
        "level": alert.level.value,
        "status": alert.status.value,
        "rule": alert.rule,
        "credit_code": risk.credit_code,
        "region": risk.region,
        "outlet": risk.outlet,
        "factor": risk.factor,
        "hidden_from_enterprise": alert.hidden_from_enterprise,
        "opened_at": risk.opened_at,
        "changed_at": alert.changed_at,
        "cleared_at": risk.cleared_at,
        "change": alert.change.value,
        "previous": alert.previous,
        "announced_stage": alert.announced_stage.value if alert.announced_stage else None,
        "announced_level": alert.announced_level.value if alert.announced_level else None,
        "due_enterprise": alert.due_enterprise,
        "due_authority": alert.due_authority,
        "objected_at": alert.objected_at,
        "audience": [one.value for one in alert.audience],
        "risk": risk.document(),
    }


def _alert(row: SqlRow) -> Alert:
    return Alert(
        id=row.id,
        number=row.number,
        revision=row.revision,
        status=Status(row.status),
        stage=Stage(row.stage),
        level=Level(row.level),
        rule=row.rule,
        audience=tuple(Audience(one) for one in row.audience),
        hidden_from_enterprise=row.hidden_from_enterprise,
        risk=Risk.read(row.risk),
        change=Change(row.change),
        changed_at=row.changed_at,
        previous=row.previous,
        announced_stage=Stage(row.announced_stage) if row.announced_stage else None,
        announced_level=Level(row.announced_level) if row.announced_level else None,
        due_enterprise=row.due_enterprise,
        due_authority=row.due_authority,
        objected_at=row.objected_at,
    )
