"""Monitoring points: registered alone or with a permit, taken out of service, shown. Passwords go in and never out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlmodel import Session

from services.permits.domain import point as rules
from services.permits.domain.document import Examination, point_units
from services.permits.domain.encoding import encode
from services.permits.domain.permit import PermitHistory
from services.permits.domain.point import PERIOD_STAMP, PointWish, Position, Registration
from services.permits.handlers.coverage_gaps import evaluate_points
from services.permits.handlers.publishing import RegisteredObject, Registrar, Written, must_govern, must_hold_scope
from services.permits.store import register as store
from shared.access import Caller, Subject, must_see
from shared.domain import identity
from shared.domain.clock import rfc3339
from shared.domain.errors import Conflict, Invalid, no_such
from shared.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class WishedPosition:
    """Where a point registered alone is to stand; None: as it was, or where its outlet leads."""

    credit_code: str | None
    outlet: str | None
    permit: str | None


@dataclass(frozen=True, slots=True)
class KeptPoint:
    """A point after a registration, and whether that changed it."""

    point: Registration
    changed: bool


def put_point(
    registrar: Registrar, session: Session, caller: Caller, *, wish: PointWish, wished: WishedPosition
) -> Written[Registration]:
    """Register a point by itself, or change it; settings that are not given go to their defaults, the password stays."""
    must_hold_scope(caller)
    identity.mn(wish.mn)
    examination = Examination()
    units = point_units(wish.settings.units or {}, "units", examination)
    examination.refuse()
    wish = replace(wish, settings=replace(wish.settings, units=units))
    former = store.find_points(session, [wish.mn], registrar.sealer).get(wish.mn)
    code = wished.credit_code or (former.credit_code if former else None)
    _must_have_enterprise(session, caller, code)
    assert code is not None
    former = store.find_points(session, [wish.mn], registrar.sealer, lock=True).get(wish.mn)
    must_be_free(session, former, credit_code=code, permit=None, path="mn")
    position = _position(session, former, wished, code)
    registration = rules.register(former, wish, credit_code=code, position=position, now=registrar.now(), afresh=True)
    kept = keep_point(registrar, session, former, registration)
    evaluate_points(registrar, session, code, [kept.point])
    return Written(kept.point, created=former is None, changed=kept.changed, notes=tuple(examination.notes))


def _must_have_enterprise(session: Session, caller: Caller, code: str | None) -> None:
    owner = store.find_enterprise(session, code, lock=True) if code else None
    if owner is None:
        raise Invalid(
            f"enterprise {code!r} is not registered",
            field="credit_code",
            value=code,
            rule="its enterprise first: PUT /permits/v1/enterprises/{credit_code}",
        )
    must_govern(caller, owner.region, "enterprise", owner.credit_code)


def _position(session: Session, former: Registration | None, wished: WishedPosition, code: str) -> Position:
    """Outlet and permit of a point registered alone. What a permit lists is changed in the permit."""
    holder = store.find_permit(session, former.permit) if former and former.permit else None
    if former is not None and holder is not None and lists(holder, former.mn):
        if wished.outlet not in (None, former.outlet) or wished.permit not in (None, former.permit):
            raise Conflict(
                f"permit {holder.number} lists {former.mn} at outlet {former.outlet}; change the permit",
                code="listed-by-permit",
            )
        return Position(former.outlet, former.permit)
    return Position(wished.outlet, _permit_with(session, wished, code))


def _permit_with(session: Session, wished: WishedPosition, code: str) -> str | None:
    """The permit given, or the only one of the enterprise that has the outlet; None while there is none."""
    if wished.permit is None and wished.outlet is None:
        return None
    fitting = [one for one in store.permits_of(session, code) if wished.outlet is None or wished.outlet in outlets(one)]
    numbers = [one.number for one in fitting]
    if wished.permit is not None and wished.permit not in numbers:
        raise Invalid(
            f"permit {wished.permit!r} does not have that outlet",
            field="permit",
            value=wished.permit,
            rule="a permit of this enterprise that has the outlet",
        )
    if wished.permit is None and len(numbers) > 1:
        raise Invalid(
            f"outlet {wished.outlet!r} stands in several permits",
            field="permit",
            value=None,
            rule=f"one of {', '.join(numbers)}",
        )
    return wished.permit or (numbers[0] if numbers else None)


def outlets(history: PermitHistory) -> frozenset[str]:
    """Codes of the outlets in a permit's newest version."""
    newest = history.newest
    return newest.document.outlet_codes if newest else frozenset()


def lists(history: PermitHistory, mn: str) -> bool:
    """Whether a permit's newest version has the point."""
    return history.newest is not None and mn in history.newest.document.mns


def must_be_free(
    session: Session, former: Registration | None, *, credit_code: str, permit: str | None, path: str
) -> None:
    """Whether the MN may be registered so; raises Conflict when another enterprise or permit has it."""
    if former is None or not former.active:
        return
    if former.credit_code != credit_code:
        raise Conflict(f"{path}: MN {former.mn} belongs to another enterprise", code="mn-taken")
    if permit is None or former.permit in (None, permit):
        return
    holder = store.find_permit(session, former.permit or "")
    if holder is not None and lists(holder, former.mn):
        raise Conflict(f"{path}: MN {former.mn} belongs to permit {holder.number}", code="mn-taken")


def keep_point(
    registrar: Registrar, session: Session, former: Registration | None, registration: Registration
) -> KeptPoint:
    """Save and publish the point if it changed."""
    if registration == former:
        return KeptPoint(registration, changed=False)
    kept = replace(registration, revision=registration.revision + 1)
    sealed = store.save_point(session, kept, registrar.sealer)
    facts = {"document": _published(kept), "sealed_password": sealed}
    registrar.publish(session, RegisteredObject("point", kept.mn, kept.revision, facts))
    return KeptPoint(kept, changed=True)


def remove_point(registrar: Registrar, session: Session, caller: Caller, mn: str) -> Written[Registration]:
    """Take a point out of service: the gateway knows it no more, its history stays."""
    must_hold_scope(caller)
    former = point(registrar, session, caller, mn, lock=True)
    kept = keep_point(registrar, session, former, replace(former, active=False))
    evaluate_points(registrar, session, kept.point.credit_code, [kept.point])
    return Written(kept.point, created=False, changed=kept.changed)


def point(registrar: Registrar, session: Session, caller: Caller, mn: str, *, lock: bool = False) -> Registration:
    """The point; raises NotFound, also outside the caller's scope."""
    found = store.find_points(session, [mn], registrar.sealer, lock=lock).get(mn)
    owner = store.find_enterprise(session, found.credit_code) if found else None
    if found is None or owner is None:
        raise no_such("point", mn)
    must_see(caller, "point", mn, Subject(owner.credit_code, owner.region))
    return found


def _published(point: Registration) -> JsonObject:
    """The point as `registry` has it; how it stamps a period only where that is not the standard's way."""
    settings = dict(encode(point.settings))
    if settings["period_stamp"] == PERIOD_STAMP:
        del settings["period_stamp"]
    return {
        "mn": point.mn,
        **settings,
        "credit_code": point.credit_code,
        "outlet": point.outlet,
        "permit": point.permit,
        "password_set": point.password is not None,
        "active": point.active,
        "registered_at": rfc3339(point.registered_at),
    }
