"""The register's revision, and which enterprises each step of it concerned: so that processes forget only what changed.

The revision is one row that every change counts up; it stays locked until the change is committed, so that whoever reads a
revision finds all rows up to it.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, func, select
from sqlmodel import Session

from services.monitoring.store.tables import POINT, REGISTER_CHANGE, STATE
from shared.sql import insert_new

STATE_NAME = "register"
CHANGES_KEPT = 200  # revisions; a process that is further behind decodes everything anew


def register_revision(session: Session) -> int:
    """The revision, the same for the whole transaction."""
    revision = session.info.get(STATE_NAME)
    if not isinstance(revision, int):
        found = session.connection().execute(select(STATE.c.revision).where(STATE.c.name == STATE_NAME))
        revision = session.info[STATE_NAME] = int(found.scalar_one_or_none() or 0)
    return revision


def register_changed(session: Session, credit_codes: Collection[str]) -> None:
    """Count the revision up: what processes decoded of these enterprises, their permits and points is old."""
    connection, changes = session.connection(), REGISTER_CHANGE.c
    insert_new(session, STATE, [{"name": STATE_NAME, "revision": 0}])
    session.info.pop(STATE_NAME, None)
    raised = STATE.update().where(STATE.c.name == STATE_NAME).values(revision=STATE.c.revision + 1)
    revision = connection.execute(raised.returning(STATE.c.revision)).scalar_one()
    insert_new(session, REGISTER_CHANGE, [{"revision": revision, "credit_code": code} for code in sorted(credit_codes)])
    connection.execute(delete(REGISTER_CHANGE).where(changes.revision <= revision - CHANGES_KEPT))


def points_changed(session: Session, since: int, until: int) -> list[str] | None:
    """The MNs of the enterprises that changed in the revisions after `since`, up to `until` and perhaps later. None: not every
    one of these revisions says what it changed."""
    connection, changes = session.connection(), REGISTER_CHANGE.c
    known = select(func.count(changes.revision.distinct())).where(changes.revision > since, changes.revision <= until)
    if connection.execute(known).scalar_one() != until - since:
        return None
    codes = select(changes.credit_code).where(changes.revision > since)
    return list(connection.execute(select(POINT.c.mn).where(POINT.c.credit_code.in_(codes))).scalars())
