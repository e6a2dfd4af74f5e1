"""What a caller may see of monitoring: points, windows and kept packets of its enterprises or its division."""

from __future__ import annotations

from typing import Any

from sqlalchemy import false, select, true
from sqlmodel import Session

from services.monitoring.store.register import row_of
from services.monitoring.store.tables import ENTERPRISE, POINT
from shared.access import Caller, Role
from shared.domain.errors import NotFound


def point_seen(session: Session, caller: Caller, mn: str) -> Any:
    """The point's row; raises NotFound when there is none or it is outside the caller's scope."""
    row = row_of(session, POINT, mn)
    if row is None:
        raise NotFound(f"no such point {mn!r}")
    if caller.role is Role.DEVICE:
        if mn not in caller.mns:
            raise NotFound(f"no such point {mn!r}")
        return row
    enterprise = row_of(session, ENTERPRISE, row.credit_code)
    region = enterprise.region if enterprise is not None else None
    caller.must_see(f"point {mn!r}", credit_code=row.credit_code, region=region)
    return row


def enterprises_seen(caller: Caller, credit_code: Any) -> Any:
    """The condition that keeps a column of credit codes inside the caller's scope."""
    if caller.sees_all:
        return true()
    if caller.role is Role.ENTERPRISE:
        return credit_code.in_(caller.credit_codes)
    if caller.role is Role.OFFICER and caller.region:
        inside = select(ENTERPRISE.c.credit_code).where(ENTERPRISE.c.region.startswith(caller.region, autoescape=True))
        return credit_code.in_(inside)
    return false()


def points_seen(caller: Caller, mn: Any) -> Any:
    """The same for a column of MNs; a stranger's MN is seen by those who see all."""
    if caller.sees_all:
        return true()
    return mn.in_(select(POINT.c.mn).where(enterprises_seen(caller, POINT.c.credit_code)))
