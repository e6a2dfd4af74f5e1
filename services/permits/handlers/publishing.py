"""What every handler of the register needs: how an object is published on `registry`, and who may change what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from sqlmodel import Session

from shared.access import WRITE_REGISTER, Caller, Role, Subject, must_see
from shared.domain.clock import Clock, shanghai_day
from shared.domain.errors import Forbidden
from shared.domain.events import REGISTERED, REGISTRY, Event
from shared.domain.json import JsonObject
from shared.eventlog.outbox import Outbox
from shared.runtime.secrets import Sealer

SOURCE = "/permits"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Written(Generic[Value]):
    """What a write came to; `value` as it is afterwards; `notes`: what was respelled or left as it was."""

    value: Value
    created: bool
    changed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegisteredObject:
    """One object with its whole history, as one record of `registry` carries it."""

    kind: str
    id: str
    revision: int
    facts: JsonObject

    @property
    def subject(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Registrar:
    """What the handlers of the register share: pending events, the seal of passwords, the clock."""

    outbox: Outbox
    sealer: Sealer
    clock: Clock

    def now(self) -> datetime:
        return self.clock.field_now()

    def today(self) -> date:
        return shanghai_day(self.now())

    def publish(self, session: Session, registered: RegisteredObject) -> None:
        self.publish_all(session, [registered])

    def publish_all(self, session: Session, registered: Iterable[RegisteredObject]) -> None:
        now = self.now()
        events = [
            (
                one.subject,
                Event(
                    REGISTERED, SOURCE, one.subject, one.revision, now, {"kind": one.kind, "id": one.id, **one.facts}
                ),
            )
            for one in registered
        ]
        self.outbox.publish_all(session, REGISTRY, events, wall_now=self.clock.wall_now())


def must_hold_scope(caller: Caller) -> None:
    """An officer writes only with the scope `register`; raises Forbidden."""
    if caller.role is Role.OFFICER and WRITE_REGISTER not in caller.scopes:
        raise Forbidden(f"an officer needs the scope `{WRITE_REGISTER}` for this", code="scope-missing")


def must_govern(caller: Caller, region: str, what: str, name: str) -> None:
    """Whether the caller may change an object of this division; raises NotFound outside an officer's region."""
    must_see(caller, what, name, Subject(None, region))
