"""What a caller may see of monitoring: points, windows and quarantined packets of its enterprises or its division."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, true
from sqlmodel import Session

from services.monitoring.store.register import StoredRecord, find_enterprise, find_point
from services.monitoring.store.tables import ENTERPRISE, POINT
from shared.access import Caller, Columns, Role, Subject, must_see, visible
from shared.domain.errors import no_such
from shared.register import read_enterprise


def point_seen(session: Session, caller: Caller, mn: str) -> StoredRecord:
    """The point; raises NotFound when there is none or it is outside the caller's scope."""
    point = find_point(session, mn)
    if point is None or (caller.role is Role.DEVICE and mn not in caller.mns):
        raise no_such("point", mn)
    if caller.role is not Role.DEVICE:
        enterprise = find_enterprise(session, point.credit_code)
        region = read_enterprise(enterprise.data).region if enterprise is not None else None
        must_see(caller, "point", mn, Subject(point.credit_code, region))
    return point


def enterprises_seen(caller: Caller, credit_code: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that keeps a column of credit codes inside the caller's scope."""
    if caller.role is Role.ADMIN:
        return true()
    own = Columns(ENTERPRISE.c.credit_code, ENTERPRISE.c.region)
    return credit_code.in_(select(ENTERPRISE.c.credit_code).where(visible(caller, own)))


def sees_quarantined(caller: Caller) -> bool:
    """Whether the caller sees what was quarantined under the MN of a point that it sees: nothing has proven whose it is."""
    return caller.role in (Role.ADMIN, Role.OFFICER)


def quarantine_seen(caller: Caller, mn: ColumnElement[str]) -> ColumnElement[bool]:
    """The same for quarantined packets by MN; one of an unknown device is seen by `ops` and `admin` only."""
    if caller.role in (Role.ADMIN, Role.OPS):
        return true()
    return mn.in_(select(POINT.c.mn).where(enterprises_seen(caller, POINT.c.credit_code)))
