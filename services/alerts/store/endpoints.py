"""Endpoints as rows: registering, rotating, disabling. Secrets are sealed here and leave only to the sender."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlmodel import Session

from services.alerts.domain.audience import Owner, audience_of
from services.alerts.store.pushes import owned
from services.alerts.store.tables import ENDPOINT
from shared.access import Caller
from shared.domain.errors import Conflict, NotFound
from shared.domain.identity import new_id
from shared.runtime.secrets import Sealer

PURPOSE = "endpoint-secret"
OVERLAP = timedelta(hours=24)  # the old secret signs too for so long after a rotation


class EndpointState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Recipient:
    """An endpoint to tell, and as whom."""

    id: str
    audience: str


def new_secret() -> str:
    """Standard Webhooks: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


class EndpointStore:
    """Every method works inside the caller's session."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def add(self, session: Session, url: str, owner: Owner, *, by: str, wall_now: datetime) -> tuple[str, str]:
        """A new active endpoint: its id and its secret, which is shown this once."""
        endpoint_id, secret = new_id("end"), new_secret()
        session.connection().execute(
            insert(ENDPOINT).values(
                id=endpoint_id,
                url=url,
                credit_code=owner.credit_code,
                region=owner.region,
                operators=owner.operators,
                state=EndpointState.ACTIVE.value,
                state_at=wall_now,
                sealed_secret=self._sealer.seal(secret, PURPOSE),
                created_at=wall_now,
                created_by=by,
            )
        )
        return endpoint_id, secret

    def load(self, session: Session, endpoint_id: str, caller: Caller) -> Row[Any]:
        """The endpoint, locked for change; raises NotFound outside the caller's scope."""
        asked = select(ENDPOINT).where(
            ENDPOINT.c.id == endpoint_id, ENDPOINT.c.state != EndpointState.DELETED.value, owned(caller)
        )
        row = session.connection().execute(asked.with_for_update()).one_or_none()
        if row is None:
            raise NotFound("no such endpoint")
        return row

    def page(
        self, session: Session, caller: Caller, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Row[Any]]:
        """In order of creation, standing behind `after`."""
        asked = select(ENDPOINT).where(ENDPOINT.c.state != EndpointState.DELETED.value, owned(caller))
        if after is not None:
            at, last = after
            asked = asked.where(
                or_(ENDPOINT.c.created_at > at, and_(ENDPOINT.c.created_at == at, ENDPOINT.c.id > last))
            )
        asked = asked.order_by(ENDPOINT.c.created_at, ENDPOINT.c.id).limit(limit)
        return list(session.connection().execute(asked))

    def rotate(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> str:
        """A new secret; the old one signs beside it for 24 h."""
        row, secret = self.load(session, endpoint_id, caller), new_secret()
        self._set(
            session,
            endpoint_id,
            sealed_secret=self._sealer.seal(secret, PURPOSE),
            sealed_previous=row.sealed_secret,
            previous_until=wall_now + OVERLAP,
        )
        return secret

    def enable(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> None:
        """What waited for it goes out; raises Conflict when it is active."""
        if self.load(session, endpoint_id, caller).state == EndpointState.ACTIVE.value:
            raise Conflict("the endpoint is active", code="endpoint-active")
        self._set(
            session,
            endpoint_id,
            state=EndpointState.ACTIVE.value,
            state_reason=None,
            state_at=wall_now,
            failing_since=None,
            last_failure_at=None,
        )

    def delete(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> None:
        """Its deliveries stay readable, its secrets go."""
        self.load(session, endpoint_id, caller)
        state = EndpointState.DELETED.value
        self._set(session, endpoint_id, state=state, state_at=wall_now, sealed_secret="", sealed_previous=None)

    def recipients(self, session: Session, owners: Sequence[Owner]) -> list[Recipient]:
        """Active endpoints of these owners."""
        if not owners:
            return []
        mine = or_(*(_owned_by(owner) for owner in owners))
        return self._recipients(session, mine)

    def still_there(self, session: Session, endpoint_ids: Sequence[str]) -> list[Recipient]:
        """Those of the endpoints that are active."""
        return self._recipients(session, ENDPOINT.c.id.in_(endpoint_ids)) if endpoint_ids else []

    def secrets(self, row: Row[Any], now: datetime) -> list[str]:
        """The secrets that sign now, newest first."""
        sealed = [row.sealed_secret]
        if row.sealed_previous and row.previous_until and row.previous_until > now:
            sealed.append(row.sealed_previous)
        return [self._sealer.open(one, PURPOSE) for one in sealed]

    def count(self, session: Session) -> dict[str, int]:
        """How many endpoints are in each state."""
        asked = select(ENDPOINT.c.state, func.count()).group_by(ENDPOINT.c.state)
        return {row[0]: row[1] for row in session.connection().execute(asked)}

    def _recipients(self, session: Session, which: Any) -> list[Recipient]:
        asked = select(ENDPOINT).where(which, ENDPOINT.c.state == EndpointState.ACTIVE.value).order_by(ENDPOINT.c.id)
        found = []
        for row in session.connection().execute(asked):
            audience = audience_of(Owner(row.credit_code, row.region, row.operators))
            if audience is not None:
                found.append(Recipient(row.id, audience.value))
        return found

    def _set(self, session: Session, endpoint_id: str, **values: Any) -> None:
        session.connection().execute(update(ENDPOINT).where(ENDPOINT.c.id == endpoint_id).values(**values))


def _owned_by(owner: Owner) -> Any:
    if owner.credit_code is not None:
        return ENDPOINT.c.credit_code == owner.credit_code
    if owner.operators:
        return ENDPOINT.c.operators.is_(True)
    return ENDPOINT.c.region == owner.region


def endpoint(row: Row[Any]) -> dict[str, Any]:
    """An endpoint as its owner sees it; never a secret."""
    owner: dict[str, Any] = {"operators": True}
    if row.credit_code is not None:
        owner = {"credit_code": row.credit_code}
    elif row.region is not None:
        owner = {"region": row.region}
    return {
        "id": row.id,
        "url": row.url,
        "owner": owner,
        "state": row.state,
        "state_reason": row.state_reason,
        "state_at": row.state_at,
        "secret_set": bool(row.sealed_secret),
        "created_at": row.created_at,
        "failing_since": row.failing_since,
        "last_success_at": row.last_success_at,
    }
