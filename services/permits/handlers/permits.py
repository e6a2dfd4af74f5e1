"""Permits: a PUT adds a version and registers its points; GET shows the document in force on a day and all versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlmodel import Session

from services.permits.domain import permit as rules
from services.permits.domain import point as point_rules
from services.permits.domain.document import Findings, examine, incomplete, point_units
from services.permits.domain.permit import Change, Outcome, PermitHistory, Wish
from services.permits.domain.point import PointWish, Registration
from services.permits.handlers.coverage_gaps import look_at_gaps
from services.permits.handlers.points import keep_point, must_be_free, outlets
from services.permits.handlers.publishing import Registrar, Written, must_govern, must_hold_scope
from services.permits.handlers.renewals import look_at_permit
from services.permits.store import register as store
from shared.access import Caller, Subject, must_see
from shared.domain import identity
from shared.domain.clock import rfc3339
from shared.domain.errors import Invalid, NotFound

SETTINGS = ("system", "strict", "interval_s", "units", "dialect")


@dataclass(frozen=True, slots=True)
class Placed:
    """A point at an outlet of the document; `path` is where it stands there."""

    path: str
    outlet: str
    wish: PointWish


def put_permit(
    registrar: Registrar, session: Session, caller: Caller, *, number: str, wish: Wish, placed: Sequence[Placed]
) -> Written:
    """Add a version (first, change, renewal, correction) and register its points; nothing new changes nothing."""
    must_hold_scope(caller)
    identity.permit_number(number)
    code = number[:18]
    _must_have_enterprise(session, caller, code)
    findings = Findings()
    wish, placed = _examined(wish, placed, number, findings)
    former = store.find_permit(session, number, lock=True) or PermitHistory(number, code)
    outcome = rules.put(former, wish, today=registrar.today(), now=registrar.now())
    points_before = _points(registrar, session, outcome.history)
    moved = _register_points(registrar, session, outcome, placed, findings)
    history = _keep(registrar, session, former, outcome, points_before)
    if outcome.change is not Change.NONE:
        look_at_permit(registrar, session, history)
        look_at_gaps(registrar, session, code)
    changed = moved or outcome.change is not Change.NONE
    on = max(registrar.today(), outcome.version.effective_from)
    view = permit_view(history, _points(registrar, session, history), on)
    view |= {"change": outcome.change.value, "notes": findings.notes}
    return Written(view, created=not former.versions, changed=changed)


def _must_have_enterprise(session: Session, caller: Caller, code: str) -> None:
    owner = store.find_enterprise(session, code, lock=True)
    if owner is None:
        raise Invalid(
            f"enterprise {code} is not registered",
            field="credit_code",
            value=code,
            rule="its enterprise first: PUT /permits/v1/enterprises/{credit_code}",
        )
    must_govern(caller, owner.region, "enterprise")


def _examined(wish: Wish, placed: Sequence[Placed], number: str, findings: Findings) -> tuple[Wish, list[Placed]]:
    """Document and points in the spelling they are kept in; raises Invalid with everything that is wrong."""
    for name, expected in (("number", number), ("credit_code", number[:18])):
        if wish.document.get(name) not in (None, expected):
            findings.wrong(name, wish.document[name], f"{expected}, as the address begins")
    document = examine({**wish.document, "number": number, "credit_code": number[:18]}, findings)
    spelled = [_spelled(one, findings) for one in placed]
    findings.refuse()
    return replace(wish, document=document), spelled


def _spelled(one: Placed, findings: Findings) -> Placed:
    settings = dict(one.wish.settings)
    if "units" in settings:
        settings["units"] = point_units(settings["units"], f"{one.path}.units", findings)
    return replace(one, wish=replace(one.wish, settings=settings))


def _register_points(
    registrar: Registrar, session: Session, outcome: Outcome, placed: Sequence[Placed], findings: Findings
) -> bool:
    """The points follow the newest version; an older one only brings in points nobody knows yet."""
    history = outcome.history
    newest = outcome.version == history.newest
    known = store.find_points(session, [one.wish.mn for one in placed], registrar.sealer, lock=True)
    moved = False
    for one in placed:
        former = known.get(one.wish.mn)
        must_be_free(session, former, credit_code=history.credit_code, permit=history.number, path=f"{one.path}.mn")
        if former is not None and not newest:
            findings.note(f"{one.path}: a later version governs this point; its registration stays as it is")
            continue
        wanted = _wanted(registrar, history, former, one.outlet, one.wish)
        moved |= keep_point(registrar, session, former, wanted)[1]
    return _adopt(registrar, session, history) or moved


def _adopt(registrar: Registrar, session: Session, history: PermitHistory) -> bool:
    """Points registered before their permit find it by their outlet."""
    moved = False
    for loose in store.loose_points(session, history.credit_code, registrar.sealer):
        if loose.outlet in outlets(history):
            moved |= keep_point(registrar, session, loose, replace(loose, permit=history.number))[1]
    return moved


def _wanted(
    registrar: Registrar, history: PermitHistory, former: Registration | None, outlet: str, wish: PointWish
) -> Registration:
    return point_rules.register(
        former, wish, credit_code=history.credit_code, outlet=outlet, permit=history.number, now=registrar.now()
    )


def _keep(
    registrar: Registrar,
    session: Session,
    former: PermitHistory,
    outcome: Outcome,
    points_before: Mapping[str, Registration],
) -> PermitHistory:
    """Save and say the permit if what is said of it changed."""
    points = _points(registrar, session, outcome.history)
    spoken = told_versions(outcome.history, points)
    if outcome.change is Change.NONE and spoken == told_versions(former, points_before):
        return former
    history = replace(outcome.history, revision=former.revision + 1)
    store.save_permit(session, history, former)
    facts = {"credit_code": history.credit_code, "versions": spoken}
    registrar.say(session, "permit", history.number, revision=history.revision, facts=facts)
    return history


def permit(session: Session, caller: Caller, number: str) -> PermitHistory:
    """The permit; raises NotFound, also outside the caller's scope."""
    history = store.find_permit(session, number)
    owner = store.find_enterprise(session, history.credit_code) if history else None
    if history is None or owner is None:
        raise NotFound("no such permit")
    must_see(caller, "permit", Subject(owner.credit_code, owner.region))
    return history


def show_permit(registrar: Registrar, session: Session, history: PermitHistory, on: date | None) -> dict[str, Any]:
    """The document in force on a day, today by default, with all versions."""
    return permit_view(history, _points(registrar, session, history), on or registrar.today())


def permit_view(history: PermitHistory, points: Mapping[str, Registration], on: date) -> dict[str, Any]:
    """Before the first version's day that version is shown, not in force."""
    governing = history.in_force(on)
    version = governing or history.versions[0]
    return {
        **_shown(version.document, points, SETTINGS),
        "on": on.isoformat(),
        "in_force": governing is not None,
        "effective_from": version.effective_from.isoformat(),
        "incomplete": incomplete(version.document),
        "gaps": [{"from": gap.first.isoformat(), "to": gap.last.isoformat()} for gap in history.gaps()],
        "revision": history.revision,
        "versions": told_versions(history, points),
    }


def told_versions(history: PermitHistory, points: Mapping[str, Registration]) -> list[dict[str, Any]]:
    """All versions as `registry` and callers are told them."""
    return [
        {
            "effective_from": version.effective_from.isoformat(),
            "recorded_at": rfc3339(version.recorded_at),
            "correction": version.correction,
            "reason": version.reason,
            "document": _shown(version.document, points, ()),
        }
        for version in history.versions
    ]


def _shown(document: Mapping[str, Any], points: Mapping[str, Registration], settings: Sequence[str]) -> dict[str, Any]:
    """The document with what its points' own registrations say beside each: the settings named, and whether a password
    is set."""
    if document.get("outlets") is None:
        return dict(document)
    shown = []
    for outlet in document["outlets"]:
        rows = outlet.get("points")
        shown.append({**outlet, "points": None if rows is None else [_beside(row, points, settings) for row in rows]})
    return {**document, "outlets": shown}


def _beside(row: Mapping[str, Any], points: Mapping[str, Registration], settings: Sequence[str]) -> dict[str, Any]:
    known = points.get(row["mn"])
    if known is None:
        return {**row, "password_set": False}
    said = {name: known.settings[name] for name in settings}
    return {**row, **said, "password_set": known.password is not None}


def _points(registrar: Registrar, session: Session, history: PermitHistory) -> dict[str, Registration]:
    """The registrations of all points that its versions name."""
    mns = {
        point["mn"]
        for version in history.versions
        for outlet in version.document.get("outlets") or ()
        for point in outlet.get("points") or ()
    }
    return store.find_points(session, mns, registrar.sealer)
