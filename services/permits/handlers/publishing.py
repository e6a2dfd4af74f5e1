"""What every handler of the register stands on: how it is said on `registry`, who may change what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from shared.access import Caller, Role, Subject, must_see
from shared.domain.clock import Clock, shanghai_day
from shared.domain.errors import Forbidden
from shared.domain.events import REGISTERED, REGISTRY, Event
from shared.eventlog.outbox import Outbox
from shared.runtime.secrets import Sealer

SCOPE = "register"
SOURCE = "/permits"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write came to; `view` is what the caller is shown."""

    view: Mapping[str, Any]
    created: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Registrar:
    """The hands of the register."""

    outbox: Outbox
    sealer: Sealer
    clock: Clock

    def now(self) -> datetime:
        return self.clock.field_now()

    def today(self) -> date:
        return shanghai_day(self.now())

    def say(self, session: Session, kind: str, name: str, *, revision: int, facts: Mapping[str, Any]) -> None:
        """The whole history of one object, as one record of `registry`."""
        subject = f"{kind}:{name}"
        event = Event(REGISTERED, SOURCE, subject, revision, self.now(), {"kind": kind, "id": name, **facts})
        self.outbox.publish(session, REGISTRY, subject, event, wall_now=self.clock.wall_now())


def must_hold_scope(caller: Caller) -> None:
    """An officer writes only with the scope `register`; raises Forbidden."""
    if caller.role is Role.OFFICER and SCOPE not in caller.scopes:
        raise Forbidden(f"an officer needs the scope `{SCOPE}` for this", code="scope-missing")


def must_govern(caller: Caller, region: str, what: str) -> None:
    """Whether the caller may change an object of this division; raises NotFound outside an officer's region."""
    must_see(caller, what, Subject(None, region))
