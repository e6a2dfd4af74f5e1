"""Peer notices and drafts as rows, with their recipients; and the event of a notice, the same for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, insert, or_, select
from sqlmodel import Session

from services.alerts.domain.peer import ONE_A_TOPIC, Decision, Former, Outcome, Topic
from services.alerts.domain.wants import Wants
from services.alerts.store.paging import Position, older_than
from services.alerts.store.peer_tables import NOTICE, RECIPIENT
from services.alerts.store.sql_types import StoredDocument
from services.alerts.store.tables import ENDPOINT, OUTBOX
from shared.access import Caller, Columns, Role, divisions_above, of_own_enterprises, visible
from shared.database import outbox_written
from shared.domain.errors import no_such
from shared.domain.events import ALERTS, PEER_NOTICE_ISSUED
from shared.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice or a draft. `reason`, `affected` (credit codes) and `crowd` are a draft's and for officers alone."""

    slot: datetime
    id: str
    document: StoredDocument
    reason: str
    affected: list[str]
    crowd: int


class NoticeStore:
    """Every method works inside the caller's session."""

    def former(self, session: Session, kind: str, family: str, now: datetime) -> dict[Outcome, list[Former]]:
        """Notices and drafts of this kind and family that may still take a topic."""
        found: dict[Outcome, list[Former]] = {Outcome.NOTICE: [], Outcome.DRAFT: []}
        query = select(NOTICE.c.outcome, NOTICE.c.industry, NOTICE.c.area, NOTICE.c.slot).where(
            NOTICE.c.kind == kind, NOTICE.c.family == family, NOTICE.c.slot > now - ONE_A_TOPIC
        )
        for row in session.connection().execute(query):
            found[Outcome(row.outcome)].append(Former(Topic(row.industry, kind, family), row.area, row.slot))
        return found

    def add(
        self,
        session: Session,
        notice_id: str,
        decision: Decision,
        slot: datetime,
        document: JsonObject,
    ) -> None:
        """A notice with its recipients, or a draft with what an officer has to see."""
        topic, draft = decision.topic, decision.outcome is Outcome.DRAFT
        assert topic is not None
        values = {
            "id": notice_id,
            "outcome": decision.outcome.value,
            "reason": decision.reason.value,
            "industry": topic.industry,
            "kind": topic.kind,
            "family": topic.family,
            "area": decision.area,
            "slot": slot,
            "document": dict(document),
            "affected": list(decision.affected) if draft else [],
            "crowd": decision.crowd if draft else 0,
        }
        session.connection().execute(insert(NOTICE).values(values))
        if draft:
            return
        to = [{"notice_id": notice_id, "credit_code": code} for code in decision.recipients]
        session.connection().execute(insert(RECIPIENT), to)

    def publish(self, session: Session, notice_id: str, area: str, body: bytes, *, wall_now: datetime) -> None:
        """The event into the outbox: nobody's own, but the recipients'."""
        values = {
            "topic": ALERTS,
            "key": notice_id,
            "event_id": notice_id,
            "value": body,
            "headers": {},
            "created_at": wall_now,
            "region": area,
            "notice_id": notice_id,
        }
        session.connection().execute(insert(OUTBOX).values(values))
        outbox_written(session)

    def endpoints(self, session: Session, notice_id: str) -> list[str]:
        """Active endpoints of the recipients, as far as they want peer notices."""
        owners = select(RECIPIENT.c.credit_code).where(RECIPIENT.c.notice_id == notice_id)
        query = select(ENDPOINT.c.id, ENDPOINT.c.events).where(
            ENDPOINT.c.credit_code.in_(owners), ENDPOINT.c.state == "active"
        )
        rows = session.connection().execute(query.order_by(ENDPOINT.c.id))
        return [row.id for row in rows if Wants(tuple(row.events or ())).takes(PEER_NOTICE_ISSUED)]

    def page(
        self, session: Session, caller: Caller, outcome: Outcome, *, behind: Position | None, limit: int
    ) -> list[Notice]:
        """Newest first, those behind the position."""
        n = NOTICE.c
        query = select(n.slot, n.id, n.document, n.reason, n.affected, n.crowd)
        query = query.where(n.outcome == outcome.value, _visible(caller, outcome), older_than(behind, n.slot, n.id))
        rows = session.connection().execute(query.order_by(n.slot.desc(), n.id.desc()).limit(limit))
        return [Notice(*row) for row in rows]

    def document(self, session: Session, notice_id: str, caller: Caller) -> StoredDocument:
        """A notice as its recipients see it; raises NotFound outside the caller's scope."""
        query = select(NOTICE.c.document).where(
            NOTICE.c.id == notice_id,
            NOTICE.c.outcome == Outcome.NOTICE.value,
            _visible(caller, Outcome.NOTICE),
        )
        found = session.connection().execute(query).scalar()
        if found is None:
            raise no_such("peer notice", notice_id)
        return dict(found)


def received(caller: Caller) -> ScalarSelect[str]:
    """Ids of the notices that went to the caller's enterprises."""
    mine = of_own_enterprises(caller, RECIPIENT.c.credit_code)
    return select(RECIPIENT.c.notice_id).where(mine).scalar_subquery()


def _visible(caller: Caller, outcome: Outcome) -> ColumnElement[bool]:
    """A notice: its recipients, and officers whose division meets its area. A draft: officers whose division holds it."""
    mine = NOTICE.c.id.in_(received(caller)) if outcome is Outcome.NOTICE else None
    inside = visible(caller, Columns(None, NOTICE.c.area, received=mine))
    if caller.role is Role.OFFICER and outcome is Outcome.NOTICE:
        return or_(inside, NOTICE.c.area.in_(divisions_above(caller)))
    return inside
