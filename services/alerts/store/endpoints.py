"""Endpoints as rows: registering, rotating, disabling. Secrets are sealed here; they leave to the sender and to their owner."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, insert, null, or_, select, update
from sqlmodel import Session

from services.alerts.domain.audience import Owner, audience_of
from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.endpoint_state import EndpointState
from services.alerts.domain.wants import ALL, Wants
from services.alerts.store.endpoint_states import in_state
from services.alerts.store.paging import Position, newer_than
from services.alerts.store.peer_tables import ENTERPRISE
from services.alerts.store.pushes import owned
from services.alerts.store.sql_types import SqlRow
from services.alerts.store.tables import ENDPOINT, ENDPOINT_HISTORY
from shared.access import Caller, Columns, Role, Subject, sees, visible
from shared.domain.errors import Conflict, Forbidden, no_such
from shared.domain.identity import new_id
from shared.runtime.secrets import Sealer

PURPOSE = "endpoint-secret"
OVERLAP = timedelta(hours=24)  # the old secret signs too for so long after a rotation


@dataclass(frozen=True, slots=True)
class Recipient:
    """An endpoint that is notified, and as whom. `wants`: of what."""

    id: str
    audience: str
    wants: Wants = ALL


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
    PAUSED = "paused"
    RESUMED = "resumed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class EndpointStep:
    """One entry of an endpoint's history. `what`: a `Step`; `text`: why."""

    at: datetime
    what: str
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as its row holds it; the secrets are sealed."""

    id: str
    kind: str
    address: str
    owner: Owner
    state: str
    state_reason: str | None
    state_at: datetime
    sealed: SealedSecrets
    created_at: datetime
    name: str | None
    wants: Wants
    failing_since: datetime | None
    last_success_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What an endpoint is to be like."""

    address: str
    name: str | None
    wants: Wants


def new_secret() -> str:
    """Standard Webhooks: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


class EndpointStore:
    """Every method works inside the caller's session."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def add(
        self,
        session: Session,
        contact: ContactPoint,
        owner: Owner,
        *,
        by: str,
        wall_now: datetime,
        name: str | None = None,
        wants: Wants = ALL,
    ) -> str:
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
                name=name,
                **_wanted(wants),
            )
        )
        return endpoint_id

    def load(self, session: Session, endpoint_id: str, caller: Caller) -> Endpoint:
        """The endpoint, locked for change; raises NotFound outside the caller's scope."""
        return self._load(session, endpoint_id, owned(caller))

    def _load(self, session: Session, endpoint_id: str, condition: ColumnElement[bool]) -> Endpoint:
        query = select(ENDPOINT).where(
            ENDPOINT.c.id == endpoint_id, ENDPOINT.c.state != EndpointState.DELETED.value, condition
        )
        row = session.connection().execute(query.with_for_update()).one_or_none()
        if row is None:
            raise no_such("endpoint", endpoint_id)
        return _endpoint(row)

    def page(
        self,
        session: Session,
        caller: Caller,
        *,
        behind: Position | None,
        limit: int,
        state: EndpointState | None = None,
        now: datetime,
    ) -> list[Endpoint]:
        """In order of creation, those behind the position; `state`: only those in it at `now`."""
        e = ENDPOINT.c
        query = select(ENDPOINT).where(e.state != EndpointState.DELETED.value, owned(caller))
        if state is not None:
            query = query.where(in_state(state, now))
        query = query.where(newer_than(behind, e.created_at, e.id)).order_by(e.created_at, e.id)
        return [_endpoint(row) for row in session.connection().execute(query.limit(limit))]

    def rotate(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> str:
        """A new secret; the old one signs beside it for 24 h.

        Raises: NotFound outside the caller's scope; Forbidden for anybody but the owner."""
        before, secret = self.load(session, endpoint_id, caller), new_secret()
        if not is_owner(caller, before.owner):
            raise Forbidden("only its owner may renew an endpoint's secret", code="not-the-owner")
        self._set(
            session,
            endpoint_id,
            sealed_secret=self._sealer.seal(secret, PURPOSE),
            sealed_previous=before.sealed.current,
            previous_until=wall_now + OVERLAP,
        )
        self._record(session, endpoint_id, Step.ROTATED, caller, "", wall_now)
        return secret

    def disable(self, session: Session, endpoint_id: str, caller: Caller, *, text: str, wall_now: datetime) -> Endpoint:
        """Pushes wait from now on; `text`: why. Returns the endpoint as it was.

        Raises: NotFound for an endpoint that the caller does not supervise; Conflict when it is disabled."""
        before = self._load(session, endpoint_id, supervised(caller))
        if before.state == EndpointState.DISABLED.value:
            raise Conflict("the endpoint is disabled", code="endpoint-not-active")
        reason = f"by_{caller.role.value}"
        self._set(session, endpoint_id, state=EndpointState.DISABLED.value, state_reason=reason, state_at=wall_now)
        self._record(session, endpoint_id, Step.DISABLED, caller, text, wall_now)
        return before

    def enable(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> None:
        """What waited for it goes out; raises Conflict when active, Forbidden when the owner paused it and another calls."""
        before = self.load(session, endpoint_id, caller)
        if before.state == EndpointState.ACTIVE.value:
            raise Conflict("the endpoint is active", code="endpoint-active")
        if before.state == EndpointState.PAUSED.value:
            self._own(session, endpoint_id, caller)
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

    def change(
        self, session: Session, endpoint_id: str, caller: Caller, change: EndpointChange, *, wall_now: datetime
    ) -> None:
        """Its address, name and filter are to be so from now on; raises NotFound, and Forbidden for anybody but the owner."""
        before = self._own(session, endpoint_id, caller)
        values: dict[str, object] = {"name": change.name, **_wanted(change.wants)}
        if change.address != before.address:
            values |= {"address": change.address, "failing_since": None, "last_failure_at": None}
        self._set(session, endpoint_id, **values)
        self._record(session, endpoint_id, Step.CHANGED, caller, "", wall_now)

    def pause(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> Endpoint:
        """It gets nothing new, and what was due waits; raises Conflict when it is not active. Returns it as it was."""
        before = self._own(session, endpoint_id, caller)
        if before.state != EndpointState.ACTIVE.value:
            raise Conflict(f"the endpoint is {before.state}", code="endpoint-not-active")
        self._set(session, endpoint_id, state=EndpointState.PAUSED.value, state_reason="by_owner", state_at=wall_now)
        self._record(session, endpoint_id, Step.PAUSED, caller, "", wall_now)
        return before

    def resume(self, session: Session, endpoint_id: str, caller: Caller, *, wall_now: datetime) -> Endpoint:
        """What waited for it goes out; raises Conflict when it is not paused. Returns it as it was."""
        before = self._own(session, endpoint_id, caller)
        if before.state != EndpointState.PAUSED.value:
            raise Conflict(f"the endpoint is {before.state}", code="endpoint-not-paused")
        self._set(session, endpoint_id, state=EndpointState.ACTIVE.value, state_reason=None, state_at=wall_now)
        self._record(session, endpoint_id, Step.RESUMED, caller, "", wall_now)
        return before

    def _own(self, session: Session, endpoint_id: str, caller: Caller) -> Endpoint:
        """The caller's own endpoint, or any for an admin; raises NotFound, Forbidden."""
        found = self.load(session, endpoint_id, caller)
        if caller.role is not Role.ADMIN and not is_owner(caller, found.owner):
            raise Forbidden("only its owner may change an endpoint", code="not-the-owner")
        return found

    def history(self, session: Session, endpoint_ids: Sequence[str]) -> dict[str, list[EndpointStep]]:
        """What people did to each of the endpoints, in order; each of the ids is a key."""
        found: dict[str, list[EndpointStep]] = {one: [] for one in endpoint_ids}
        query = select(ENDPOINT_HISTORY).where(ENDPOINT_HISTORY.c.endpoint_id.in_(endpoint_ids))
        for row in session.connection().execute(query.order_by(ENDPOINT_HISTORY.c.id)):
            found[row.endpoint_id].append(EndpointStep(row.at, row.what, row.who, row.text))
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

    def _recipients(self, session: Session, which: ColumnElement[bool]) -> list[Recipient]:
        query = select(ENDPOINT).where(which, ENDPOINT.c.state == EndpointState.ACTIVE.value).order_by(ENDPOINT.c.id)
        found = []
        for row in session.connection().execute(query):
            audience = audience_of(_owner(row))
            if audience is not None:
                found.append(Recipient(row.id, audience.value, read_wants(row.events, row.kinds)))
        return found

    def _set(self, session: Session, endpoint_id: str, **values: object) -> None:
        session.connection().execute(update(ENDPOINT).where(ENDPOINT.c.id == endpoint_id).values(**values))

    def _record(
        self, session: Session, endpoint_id: str, step: Step, caller: Caller, text: str, wall_now: datetime
    ) -> None:
        who = f"{caller.role.value}:{caller.subject}"
        entry = {"endpoint_id": endpoint_id, "at": wall_now, "what": step.value, "who": who, "text": text}
        session.connection().execute(insert(ENDPOINT_HISTORY).values(entry))


def _wanted(wants: Wants) -> dict[str, object]:
    """The columns of what an endpoint wants."""
    return {"events": list(wants.events) or null(), "kinds": list(wants.kinds) or null()}


def read_wants(events: list[str] | None, kinds: list[str] | None) -> Wants:
    """What the columns say; None: all."""
    return Wants(tuple(events or ()), tuple(kinds or ()))


def sealed_secrets(row: SqlRow) -> SealedSecrets:
    """Of an endpoint's row."""
    return SealedSecrets(row.sealed_secret, row.sealed_previous, row.previous_until)


def _owner(row: SqlRow) -> Owner:
    return Owner(row.credit_code, row.region, row.operators)


def _endpoint(row: SqlRow) -> Endpoint:
    return Endpoint(
        id=row.id,
        kind=row.kind,
        address=row.address,
        owner=_owner(row),
        state=row.state,
        state_reason=row.state_reason,
        state_at=row.state_at,
        sealed=sealed_secrets(row),
        created_at=row.created_at,
        name=row.name,
        wants=read_wants(row.events, row.kinds),
        failing_since=row.failing_since,
        last_success_at=row.last_success_at,
    )


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


def _owned_by(owner: Owner) -> ColumnElement[bool]:
    if owner.credit_code is not None:
        return ENDPOINT.c.credit_code == owner.credit_code
    if owner.operators:
        return ENDPOINT.c.operators.is_(True)
    return ENDPOINT.c.region == owner.region
