"""Monitoring points: registered alone or with a permit, taken out of service, shown. Passwords go in and never out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from services.permits.domain import point as rules
from services.permits.domain.document import Findings, point_units
from services.permits.domain.permit import PermitHistory
from services.permits.domain.point import PointWish, Registration
from services.permits.handlers.coverage_gaps import look_at_points
from services.permits.handlers.publishing import Registrar, Written, must_govern, must_hold_scope
from services.permits.store import register as store
from shared.access import Caller, Subject, must_see
from shared.domain import identity
from shared.domain.clock import rfc3339
from shared.domain.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point registered alone is to stand; None: as it was, or where its outlet leads."""

    credit_code: str | None
    outlet: str | None
    permit: str | None


def put_point(registrar: Registrar, session: Session, caller: Caller, *, wish: PointWish, place: Place) -> Written:
    """Register a point by itself, or change it; settings that are not said go to their defaults, the password stays."""
    must_hold_scope(caller)
    identity.mn(wish.mn)
    findings = Findings()
    units = point_units(wish.settings.get("units", {}), "units", findings)
    findings.refuse()
    wish = replace(wish, settings={**wish.settings, "units": units})
    former = store.find_points(session, [wish.mn], registrar.sealer).get(wish.mn)
    code = place.credit_code or (former.credit_code if former else None)
    _must_have_enterprise(session, caller, code)
    assert code is not None
    former = store.find_points(session, [wish.mn], registrar.sealer, lock=True).get(wish.mn)
    must_be_free(session, former, credit_code=code, permit=None, path="mn")
    outlet, permit = _stand(session, former, place, code)
    wanted = rules.register(
        former, wish, credit_code=code, outlet=outlet, permit=permit, now=registrar.now(), afresh=True
    )
    kept, changed = keep_point(registrar, session, former, wanted)
    look_at_points(registrar, session, code, [kept])
    return Written({**point_view(kept), "notes": findings.notes}, created=former is None, changed=changed)


def _must_have_enterprise(session: Session, caller: Caller, code: str | None) -> None:
    owner = store.find_enterprise(session, code, lock=True) if code else None
    if owner is None:
        raise Invalid(
            f"enterprise {code!r} is not registered",
            field="credit_code",
            value=code,
            rule="its enterprise first: PUT /permits/v1/enterprises/{credit_code}",
        )
    must_govern(caller, owner.region, "enterprise")


def _stand(session: Session, former: Registration | None, place: Place, code: str) -> tuple[str | None, str | None]:
    """Outlet and permit of a point registered alone. What a permit says of its points is changed in the permit."""
    holder = store.find_permit(session, former.permit) if former and former.permit else None
    if former is not None and holder is not None and lists(holder, former.mn):
        if place.outlet not in (None, former.outlet) or place.permit not in (None, former.permit):
            raise Conflict(
                f"permit {holder.number} lists {former.mn} at outlet {former.outlet}; change the permit",
                code="listed-by-permit",
            )
        return former.outlet, former.permit
    return place.outlet, _permit_with(session, place, code)


def _permit_with(session: Session, place: Place, code: str) -> str | None:
    """The permit said, or the only one of the enterprise that has the outlet; None while there is none."""
    if place.permit is None and place.outlet is None:
        return None
    fitting = [one for one in store.permits_of(session, code) if place.outlet is None or place.outlet in outlets(one)]
    numbers = [one.number for one in fitting]
    if place.permit is not None and place.permit not in numbers:
        raise Invalid(
            f"permit {place.permit!r} does not have that outlet",
            field="permit",
            value=place.permit,
            rule="a permit of this enterprise that has the outlet",
        )
    if place.permit is None and len(numbers) > 1:
        raise Invalid(
            f"outlet {place.outlet!r} stands in several permits",
            field="permit",
            value=None,
            rule=f"one of {', '.join(numbers)}",
        )
    return place.permit or (numbers[0] if numbers else None)


def outlets(history: PermitHistory) -> set[str]:
    """Codes of the outlets in a permit's newest version."""
    newest = history.newest
    return {outlet["code"] for outlet in (newest.document.get("outlets") or ())} if newest else set()


def lists(history: PermitHistory, mn: str) -> bool:
    """Whether a permit's newest version has the point."""
    rows = (history.newest.document.get("outlets") or ()) if history.newest else ()
    return any(point["mn"] == mn for outlet in rows for point in outlet.get("points") or ())


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
    registrar: Registrar, session: Session, former: Registration | None, wanted: Registration
) -> tuple[Registration, bool]:
    """Save and say the point if it changed."""
    if wanted == former:
        return wanted, False
    kept = replace(wanted, revision=wanted.revision + 1)
    sealed = store.save_point(session, kept, registrar.sealer)
    facts = {"document": _document(kept), "sealed_password": sealed}
    registrar.say(session, "point", kept.mn, revision=kept.revision, facts=facts)
    return kept, True


def remove_point(registrar: Registrar, session: Session, caller: Caller, mn: str) -> Written:
    """Take a point out of service: it is known no more at the doors, its history stays."""
    must_hold_scope(caller)
    former = point(registrar, session, caller, mn, lock=True)
    kept, changed = keep_point(registrar, session, former, replace(former, active=False))
    look_at_points(registrar, session, kept.credit_code, [kept])
    return Written(point_view(kept), created=False, changed=changed)


def point(registrar: Registrar, session: Session, caller: Caller, mn: str, *, lock: bool = False) -> Registration:
    """The point; raises NotFound, also outside the caller's scope."""
    found = store.find_points(session, [mn], registrar.sealer, lock=lock).get(mn)
    owner = store.find_enterprise(session, found.credit_code) if found else None
    if found is None or owner is None:
        raise NotFound("no such point")
    must_see(caller, "point", Subject(owner.credit_code, owner.region))
    return found


def _document(one: Registration) -> dict[str, Any]:
    facts: Mapping[str, Any] = {
        "mn": one.mn,
        **one.settings,
        "credit_code": one.credit_code,
        "outlet": one.outlet,
        "permit": one.permit,
        "password_set": one.password is not None,
        "active": one.active,
        "registered_at": rfc3339(one.registered_at),
    }
    return dict(facts)


def point_view(one: Registration) -> dict[str, Any]:
    return {**_document(one), "revision": one.revision}
