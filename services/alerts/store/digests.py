"""What waits to go out in a digest, as rows: each alert once for each endpoint and cadence, whatever restarts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session

from services.alerts.domain.digest import Cadence, Span, Waiting
from services.alerts.store.tables import ALERT, DIGEST_ITEM, ENDPOINT

MOST = 500  # alerts in one digest: about 200 kB; what is more follows in the next


@dataclass(frozen=True, slots=True)
class Item:
    """An alert of a digest, with its headline as it reads now."""

    row_id: int
    alert_id: str
    headline: Mapping[str, str]


class DigestStore:
    """Every method works inside the caller's session."""

    def collect(self, session: Session, alert_id: str, to: Iterable[tuple[str, Cadence]], *, now: datetime) -> None:
        """The alert waits for these endpoints; where it waits or went already, nothing changes."""
        rows = [
            {"endpoint_id": endpoint, "cadence": cadence.value, "alert_id": alert_id, "added_at": now}
            for endpoint, cadence in sorted(set(to))
        ]
        if not rows:
            return
        connection = session.connection()
        new = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
        connection.execute(new(DIGEST_ITEM).values(rows).on_conflict_do_nothing())

    def waiting(self, session: Session) -> list[tuple[str, Waiting]]:
        """Active endpoints, with what waits for each."""
        d = DIGEST_ITEM
        asked = (
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
        return [
            (row.endpoint_id, Waiting(Cadence(row.cadence), row.first, row.last))
            for row in session.connection().execute(asked)
        ]

    def take(self, session: Session, endpoint_id: str, cadence: Cadence, span: Span) -> list[Item]:
        """What waits of the span, locked, in the order in which it came; a second taker waits and finds the rest."""
        d = DIGEST_ITEM
        mine = (d.c.endpoint_id == endpoint_id, d.c.cadence == cadence.value, d.c.digest_id.is_(None))
        asked = select(d.c.id, d.c.alert_id).where(*mine, d.c.added_at < span.end).order_by(d.c.id).limit(MOST)
        rows = session.connection().execute(asked.with_for_update()).all()
        documents = self._headlines(session, [row.alert_id for row in rows])
        return [Item(row.id, row.alert_id, documents.get(row.alert_id, {})) for row in rows]

    def sent(self, session: Session, items: Iterable[Item], digest_id: str) -> None:
        ids = [item.row_id for item in items]
        session.connection().execute(update(DIGEST_ITEM).where(DIGEST_ITEM.c.id.in_(ids)).values(digest_id=digest_id))

    def _headlines(self, session: Session, alert_ids: list[str]) -> dict[str, Any]:
        asked = select(ALERT.c.id, ALERT.c.document).where(ALERT.c.id.in_(alert_ids))
        return {row.id: row.document["headline"] for row in session.connection().execute(asked)}
