"""Offices by division as rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session

from services.alerts.domain.office import Office, prefixes
from services.alerts.store.tables import OFFICE
from shared.domain.errors import no_such


class OfficeStore:
    """Every method works inside the caller's session."""

    def nearest(self, session: Session, region: str) -> Office | None:
        """The office of the division, else of the nearest one above it that has one."""
        o = OFFICE.c
        query = select(o.division, o.name, o.phone).where(o.division.in_(prefixes(region)))
        row = session.connection().execute(query.order_by(func.length(o.division).desc()).limit(1)).one_or_none()
        return Office(*row) if row else None

    def all(self, session: Session) -> list[Office]:
        """In order of division."""
        o = OFFICE.c
        query = select(o.division, o.name, o.phone).order_by(o.division)
        return [Office(*row) for row in session.connection().execute(query)]

    def put(self, session: Session, office: Office, *, by: str, wall_now: datetime) -> None:
        """The division's office from now on."""
        values = {"name": office.name, "phone": office.phone, "changed_at": wall_now, "changed_by": by}
        mine = OFFICE.c.division == office.division
        if session.connection().execute(update(OFFICE).where(mine).values(values)).rowcount == 0:
            session.connection().execute(insert(OFFICE).values(values | {"division": office.division}))

    def delete(self, session: Session, division: str) -> None:
        """The division has none any more; raises NotFound."""
        if session.connection().execute(delete(OFFICE).where(OFFICE.c.division == division)).rowcount == 0:
            raise no_such("office", division)
