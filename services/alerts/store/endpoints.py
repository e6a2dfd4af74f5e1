"""Endpoints as rows: registering, rotating, disabling. Secrets are sealed here; they leave to the sender and to their owner."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update
from sqlmodel import Session

from services.alerts.domain.audience import Owner, audience_of
from services.alerts.domain.contact import ContactPoint
from services.alerts.store.peer_tables import ENTERPRISE
from services.alerts.store.pushes import owned
from services.alerts.store.tables import ENDPOINT, ENDPOINT_HISTORY
from shared.access import Caller, Columns, Role, Subject, sees, visible
from shared.domain.errors import Conflict, Forbidden, NotFound
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
    """An endpoint that is notified, and as whom."""

    id: str
    audience: str


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """An endpoint's secret, and the one before it that signs beside it `previous_until`."""

    current: str | None
    previous: str | None
    previous_until: datetime | None

    def valid_at(self, now: datetime) -> Iterator[str]:
        """Those that sign now, newest first."""
        if self.current:
            yield self.current
        if self.previous and self.previous_until and self.previous_until > now:
            yield self.previous


class Step(StrEnum):
    """What a person did to an endpoint."""

    ROTATED = "rotated"
    DISABLED = "disabled"
    ENABLED = "enabled"


def new_secret() -> str:
    """Standard Webhooks: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


class EndpointStore:
    """Every method works inside the caller's session."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def add(self, session: Session, contact: ContactPoint, owner: Owner, *, by: str, wall_now: datetime) -> str:
        """A new active endpoint; its id."""
        endpoint_id = new_id("end")
        session.connection().execute(
            insert(ENDPOINT).values(
                id=endpoint_id,
                kind=contact.kind,
                address=contact.address,
                credit_code=owner.credit_code,
                region=owner.region,
                operators=owner.operators,
                state=EndpointState.ACTIVE.value,
                state_at=wall_now,
                sealed_secret=self._sealer.seal(contact.secret, PURPOSE) if contact.secret else None,
                created_at=wall_now,
                created_by=by,
            )
        )
        return endpoint_id

    def load(self, session: Session, endpoint_id: str, caller: Caller) -> Row[Any]:
        """The endpoint, locked for change; raises NotFound outside the caller's scope."""
        return self._load(session, endpoint_id, owned(caller))

    def _load(self, session: Session, endpoint_id: str, condition: ColumnElement[bool]) -> Row[Any]:
        asked = select(ENDPOINT).where(
            ENDPOINT.c.id == endpoint_id, ENDPOINT.c.state != EndpointState.DELETED.value, condition
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
        """A new secret; the old one signs beside it for 24 h.

        Raises: NotFound outside the caller's scope; Forbidden for anybody but the owner."""
        row, secret = self.load(session, endpoint_id, caller), new_secret()
        if not is_owner(caller, owner_of_row(row)):
            raise Forbidden("only its owner may renew an endpoint's secret", code="not-the-owner")
        self._set(
            session,
            endpoint_id,
            sealed_secret=self._sealer.seal(secret, PURPOSE),
            sealed_previous=row.sealed_secret,
            previous_until=wall_now + OVERLAP,
        )
        self._record(session, endpoint_id, Step.ROTATED, caller, "", wall_now)
        return secret

    def disable(self, session: Session, endpoint_id: str, caller: Caller, *, text: str, wall_now: datetime) -> Row[Any]:
        """Pushes wait from now on; `text`: why. Returns the endpoint as it was.

        Raises: NotFound for an endpoint that the caller does not supervise; Conflict when it is disabled."""
        row = self._load(session, endpoint_id, supervised(caller))
        if row.state != EndpointState.ACTIVE.value:
            raise Conflict("the endpoint is disabled", code="endpoint-not-active")
        reason = f"by_{caller.role.value}"
        self._set(session, endpoint_id, state=EndpointState.DISABLED.value, state_reason=reason, state_at=wall_now)
        self._record(session, endpoint_id, Step.DISABLED, caller, text, wall_now)
        return row

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
        self._record(session, endpoint_id, Step.ENABLED, caller, "", wall_now)

    def history(self, session: Session, endpoint_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
        """What people did to each of the endpoints, in order."""
        found: dict[str, list[Row[Any]]] = {}
        query = select(ENDPOINT_HISTORY).where(ENDPOINT_HISTORY.c.endpoint_id.in_(endpoint_ids))
        for row in session.connection().execute(query.order_by(ENDPOINT_HISTORY.c.id)):
            found.setdefault(row.endpoint_id, []).append(row)
        return found

    def delete(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> None:
        """Its deliveries stay readable, its secrets go."""
        self.load(session, endpoint_id, caller)
        state = EndpointState.DELETED.value
        self._set(session, endpoint_id, state=state, state_at=wall_now, sealed_secret=None, sealed_previous=None)

    def recipients(self, session: Session, owners: Sequence[Owner]) -> list[Recipient]:
        """Active endpoints of these owners."""
        if not owners:
            return []
        mine = or_(*(_owned_by(owner) for owner in owners))
        return self._recipients(session, mine)

    def active(self, session: Session, endpoint_ids: Sequence[str]) -> list[Recipient]:
        """Those of the endpoints that are active."""
        return self._recipients(session, ENDPOINT.c.id.in_(endpoint_ids)) if endpoint_ids else []

    def secrets(self, sealed: SealedSecrets, now: datetime) -> tuple[str, ...]:
        """The secrets that sign now, newest first; raises Invalid for one that our key does not open."""
        return tuple(self._sealer.open(one, PURPOSE) for one in sealed.valid_at(now))

    def count(self, session: Session) -> dict[str, int]:
        """How many endpoints are in each state."""
        asked = select(ENDPOINT.c.state, func.count()).group_by(ENDPOINT.c.state)
        return {row[0]: row[1] for row in session.connection().execute(asked)}

    def _recipients(self, session: Session, which: Any) -> list[Recipient]:
        asked = select(ENDPOINT).where(which, ENDPOINT.c.state == EndpointState.ACTIVE.value).order_by(ENDPOINT.c.id)
        found = []
        for row in session.connection().execute(asked):
            audience = audience_of(owner_of_row(row))
            if audience is not None:
                found.append(Recipient(row.id, audience.value))
        return found

    def _set(self, session: Session, endpoint_id: str, **values: Any) -> None:
        session.connection().execute(update(ENDPOINT).where(ENDPOINT.c.id == endpoint_id).values(**values))

    def _record(
        self, session: Session, endpoint_id: str, step: Step, caller: Caller, text: str, wall_now: datetime
    ) -> None:
        who = f"{caller.role.value}:{caller.subject}"
        entry = {"endpoint_id": endpoint_id, "at": wall_now, "what": step.value, "who": who, "text": text}
        session.connection().execute(insert(ENDPOINT_HISTORY).values(entry))


def sealed_secrets(row: Row[Any]) -> SealedSecrets:
    """Of an endpoint's row."""
    return SealedSecrets(row.sealed_secret, row.sealed_previous, row.previous_until)


def owner_of_row(row: Row[Any]) -> Owner:
    """Whose the endpoint is."""
    return Owner(row.credit_code, row.region, row.operators)


def is_owner(caller: Caller, owner: Owner) -> bool:
    """Whether an endpoint of `owner` is the caller's own: nobody else is shown its secret. Officers own the endpoints of
    divisions inside their own."""
    if caller.role is Role.ADMIN:
        return False
    if caller.role is Role.OPS:
        return owner.operators
    return sees(caller, Subject(owner.credit_code, owner.region))


def supervised(caller: Caller) -> ColumnElement[bool]:
    """Endpoints that the caller may stop: those in its scope, and of the enterprises that are registered in its division."""
    inside = visible(caller, Columns(ENTERPRISE.c.credit_code, ENTERPRISE.c.region))
    return or_(owned(caller), ENDPOINT.c.credit_code.in_(select(ENTERPRISE.c.credit_code).where(inside)))


def _owned_by(owner: Owner) -> Any:
    if owner.credit_code is not None:
        return ENDPOINT.c.credit_code == owner.credit_code
    if owner.operators:
        return ENDPOINT.c.operators.is_(True)
    return ENDPOINT.c.region == owner.region


def endpoint(row: Row[Any], history: Sequence[Row[Any]]) -> dict[str, Any]:
    """An endpoint as its owner sees it; never a secret."""
    owner: dict[str, Any] = {"operators": True}
    if row.credit_code is not None:
        owner = {"credit_code": row.credit_code}
    elif row.region is not None:
        owner = {"region": row.region}
    return {
        "id": row.id,
        "url": row.address,
        "owner": owner,
        "state": row.state,
        "state_reason": row.state_reason,
        "state_at": row.state_at,
        "secret_set": bool(row.sealed_secret),
        "created_at": row.created_at,
        "failing_since": row.failing_since,
        "last_success_at": row.last_success_at,
        "history": [{"at": step.at, "what": step.what, "who": step.who, "why": step.text} for step in history],
    }
