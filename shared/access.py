"""Who calls, and the one rule of who may see what: as a predicate over one object, and as SQL over rows.

An enterprise sees what is its own and not hidden from it; an officer what lies in the own division, and kinds of risk that
are bound to a scope only with that scope; `ops` what is for operators; `admin` everything; a device nothing of this. What a
role may *do* stands beside each route (`runtime/auth.allow`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, false, or_, true
from sqlalchemy.sql.elements import SQLCoreOperations

from shared.domain.errors import no_such, unknown_value
from shared.domain.risk import FOR_OPERATORS, SCOPE_OF_KIND

Column = SQLCoreOperations[str]  # a column of a table, or of a mapped class


class Role(StrEnum):
    ENTERPRISE = "enterprise"
    OFFICER = "officer"
    DEVICE = "device"
    OPS = "ops"
    ADMIN = "admin"


WRITE_REGISTER = "register"  # what an officer needs to change the register
SCOPES = frozenset({WRITE_REGISTER, *SCOPE_OF_KIND.values()})


def known_scope(text: str) -> str:
    """A scope that a token may name; raises Invalid with the nearest one."""
    if text not in SCOPES:
        raise unknown_value("scope", text, SCOPES, field="scopes")
    return text


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `region` is a division prefix (15, 1501, 150102) for officers; empty tuples mean none. `token_id`: of the
    token that says so, empty for who came without one; whoever it is, it is the same caller."""

    role: Role
    subject: str
    credit_codes: tuple[str, ...] = ()
    region: str | None = None
    scopes: tuple[str, ...] = ()
    mns: tuple[str, ...] = ()
    token_id: str = field(default="", compare=False)

    @property
    def hidden_kinds(self) -> frozenset[str]:
        """Kinds of risk that the caller never sees, wherever they are."""
        if self.role is Role.ADMIN:
            return frozenset()
        held = self.scopes if self.role is Role.OFFICER else ()
        return frozenset(kind for kind, scope in SCOPE_OF_KIND.items() if scope not in held)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an object is about. `kind`: of risk, None when it is about none; `hidden`: not for the enterprise; `recipients`:
    enterprises that it was sent to, whoever it is about."""

    credit_code: str | None
    region: str | None
    kind: str | None = None
    hidden: bool = False
    recipients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Columns:
    """The same of a table's rows. Without `kind` the rows are about no risk. `received`: the row was sent to an enterprise of
    the caller's. `state_only`: rows that show the state of the platform's work and nothing of an enterprise's data."""

    credit_code: Column | None
    region: Column | None
    kind: Column | None = None
    hidden: ColumnElement[bool] | None = None
    received: ColumnElement[bool] | None = None
    state_only: bool = False


def sees(caller: Caller, subject: Subject) -> bool:
    """Whether the caller may see an object about `subject`."""
    if caller.role is Role.ADMIN:
        return True
    if caller.role is Role.OPS:
        return subject.kind in FOR_OPERATORS
    if subject.kind in caller.hidden_kinds:
        return False
    if caller.role is Role.ENTERPRISE:
        own = subject.credit_code is not None and subject.credit_code in caller.credit_codes and not subject.hidden
        return own or not subject.recipients.isdisjoint(caller.credit_codes)
    return caller.role is Role.OFFICER and in_region(caller, subject.region)


def must_see(caller: Caller, what: str, name: str, subject: Subject) -> None:
    """Raises NotFound when `what`, which is called `name`, is outside the caller's scope."""
    if not sees(caller, subject):
        raise no_such(what, name)


def in_region(caller: Caller, region: str | None) -> bool:
    """Whether the division lies inside the officer's own."""
    return bool(caller.region) and (region or "").startswith(caller.region or "-")


def own_division(caller: Caller) -> str | None:
    """The division prefix that the caller acts for; None for who has none."""
    return caller.region or None


def own_enterprise(caller: Caller) -> str | None:
    """The only enterprise that the caller acts for; None when the token names none or several."""
    return caller.credit_codes[0] if len(caller.credit_codes) == 1 else None


def acts_for(caller: Caller, credit_code: str) -> bool:
    """Whether the enterprise is one of the caller's own."""
    return credit_code in caller.credit_codes


def of_own_enterprises(caller: Caller, credit_code: Column) -> ColumnElement[bool]:
    """Rows whose column names one of the caller's own enterprises: `acts_for` in SQL."""
    return credit_code.in_(caller.credit_codes)


def divisions_above(caller: Caller) -> tuple[str, ...]:
    """The officer's own division and those that hold it: province, city, county."""
    return tuple(dict.fromkeys((caller.region or "")[:digits] for digits in (2, 4, 6))) if caller.region else ()


def visible(caller: Caller, columns: Columns) -> ColumnElement[bool]:
    """The condition that keeps rows inside the caller's scope: `sees` in SQL."""
    if caller.role is Role.ADMIN:
        return true()
    if caller.role is Role.OPS:
        if columns.state_only:
            return true()
        return columns.kind.in_(FOR_OPERATORS) if columns.kind is not None else false()
    shown = _not_of(columns.kind, caller.hidden_kinds)
    if caller.role is Role.ENTERPRISE:
        return and_(shown, _own(caller, columns))
    if caller.role is Role.OFFICER and caller.region and columns.region is not None:
        return and_(shown, columns.region.startswith(caller.region, autoescape=True))
    return false()


def _own(caller: Caller, columns: Columns) -> ColumnElement[bool]:
    """Rows of the caller's enterprises, and those that were sent to one of them."""
    own: ColumnElement[bool] = false() if columns.credit_code is None else columns.credit_code.in_(caller.credit_codes)
    if columns.hidden is not None:
        own = and_(own, ~columns.hidden)
    return own if columns.received is None else or_(own, columns.received)


def _not_of(kind: Column | None, hidden: Iterable[str]) -> ColumnElement[bool]:
    names = sorted(hidden)
    if kind is None or not names:
        return true()
    return or_(kind.is_(None), kind.not_in(names))
