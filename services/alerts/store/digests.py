"""What waits to go out in a digest, as rows: each alert once for each endpoint and cadence, whatever restarts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session

from services.alerts.domain.catalogue import Level
from services.alerts.domain.digest import Cadence, Line, Span, Waiting
from services.alerts.store.tables import ALERT, DIGEST_ITEM, ENDPOINT
from shared.sql import insert_new

MOST = 500  # alerts in one digest: about 200 kB; what is more follows in the next


@dataclass(frozen=True, slots=True)
class DigestEndpoint:
    """An endpoint that gets digests, and how often."""

    endpoint_id: str
    cadence: Cadence


@dataclass(frozen=True, slots=True)
class Item:
    """An alert of a digest, with its headline as it reads now."""

    row_id: int
    line: Line


class DigestStore:
    """Every method works inside the caller's session."""

    def collect(self, session: Session, alert_id: str, to: Iterable[DigestEndpoint], *, now: datetime) -> None:
        """The alert waits for these endpoints; where it waits or went already, nothing changes."""
        endpoints = sorted(set(to), key=lambda one: (one.endpoint_id, one.cadence))
        rows = [
            {"endpoint_id": one.endpoint_id, "cadence": one.cadence.value, "alert_id": alert_id, "added_at": now}
            for one in endpoints
        ]
        insert_new(session, DIGEST_ITEM, rows)

    def waiting(self, session: Session) -> list[Waiting]:
        """What waits for each active endpoint."""
        d = DIGEST_ITEM
        query = (
            select(
                d.c.endpoint_id,
                d.c.cadence,
                func.min(d.c.added_at).label("first"),
                func.max(d.c.added_at).label("last"),
            )
            .join(ENDPOINT, ENDPOINT.c.id == d.c.endpoint_id)
            .where(d.c.digest_id.is_(None), ENDPOINT.c.state == "active")
            .group_by(d.c.endpoint_id, d.c.cadence)
            .order_by(d.c.endpoint_id, d.c.cadence)
        )
        rows = session.connection().execute(query)
        return [Waiting(row.endpoint_id, Cadence(row.cadence), row.first, row.last) for row in rows]

    def take(self, session: Session, endpoint_id: str, cadence: Cadence, span: Span) -> list[Item]:
        """What waits of the span, locked, in the order in which it came; a second taker waits and finds the rest."""
        d = DIGEST_ITEM
        mine = (d.c.endpoint_id == endpoint_id, d.c.cadence == cadence.value, d.c.digest_id.is_(None))
        query = select(d.c.id, d.c.alert_id).where(*mine, d.c.added_at < span.end).order_by(d.c.id).limit(MOST)
        rows = session.connection().execute(query.with_for_update()).all()
        lines = self._lines(session, [row.alert_id for row in rows])
        return [Item(row.id, lines[row.alert_id]) for row in rows]

    def sent(self, session: Session, items: Iterable[Item], digest_id: str) -> None:
        """The items went out in this digest."""
        ids = [item.row_id for item in items]
        session.connection().execute(update(DIGEST_ITEM).where(DIGEST_ITEM.c.id.in_(ids)).values(digest_id=digest_id))

    def _lines(self, session: Session, alert_ids: list[str]) -> Mapping[str, Line]:
        a = ALERT.c
        query = select(a.id, a.kind, a.level, a.document).where(a.id.in_(alert_ids))
        rows = session.connection().execute(query)
        return {row.id: Line(row.id, row.document["headline"], row.kind, Level(row.level)) for row in rows}
