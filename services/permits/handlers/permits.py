"""Permits: a PUT adds a version and registers its points; GET shows the document in force on a day and all versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlmodel import Session

from services.permits.domain import permit as rules
from services.permits.domain import point as point_rules
from services.permits.domain.document import Examination, examine, point_units
from services.permits.domain.encoding import encode
from services.permits.domain.permit import Change, PermitHistory, PutOutcome, Version, Wish
from services.permits.domain.permit_document import PermitDocument, PermitOutlet
from services.permits.domain.point import PointWish, Position, Registration
from services.permits.handlers.coverage_gaps import evaluate_gaps
from services.permits.handlers.points import keep_point, must_be_free, outlets
from services.permits.handlers.publishing import RegisteredObject, Registrar, Written, must_govern, must_hold_scope
from services.permits.handlers.renewals import evaluate_permit
from services.permits.store import register as store
from shared.access import Caller, Subject, must_see
from shared.domain import identity
from shared.domain.clock import rfc3339
from shared.domain.errors import Invalid, no_such
from shared.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class OutletWish:
    """A point to be registered at an outlet of the document; `path` is where it stands there."""

    path: str
    outlet: str
    wish: PointWish


@dataclass(frozen=True, slots=True)
class ExaminedWish:
    """Document and points in the spelling they are kept in."""

    wish: Wish
    points: tuple[OutletWish, ...]


@dataclass(frozen=True, slots=True)
class PermitView:
    """A permit with the registrations of its points by MN, as seen on a day; `change`: what a PUT came to."""

    history: PermitHistory
    points: Mapping[str, Registration]
    on: date
    change: Change | None = None

    @property
    def in_force(self) -> bool:
        return self.history.in_force(self.on) is not None

    @property
    def version(self) -> Version:
        """The version that governs; before the first one's day that version."""
        return self.history.in_force(self.on) or self.history.versions[0]


def put_permit(
    registrar: Registrar, session: Session, caller: Caller, *, number: str, wish: Wish, points: Sequence[OutletWish]
) -> Written[PermitView]:
    """Add a version (first, change, renewal, correction) and register its points; nothing new changes nothing."""
    must_hold_scope(caller)
    identity.parse_permit_number(number)  # its enterprise is registered, so its credit code was accepted as it is
    code = number[:18]
    _must_have_enterprise(session, caller, code)
    examination = Examination()
    examined = _examined(wish, points, number, examination)
    former = store.find_permit(session, number, lock=True) or PermitHistory(number, code)
    outcome = rules.put(former, examined.wish, today=registrar.today(), now=registrar.now())
    points_before = _points(registrar, session, outcome.history)
    moved = _register_points(registrar, session, outcome, examined.points, examination)
    history = _keep(registrar, session, former, outcome, points_before)
    if outcome.change is not Change.NONE:
        evaluate_permit(registrar, session, history)
        evaluate_gaps(registrar, session, code)
    changed = moved or outcome.change is not Change.NONE
    on = max(registrar.today(), outcome.version.effective_from)
    view = PermitView(history, _points(registrar, session, history), on, outcome.change)
    return Written(view, created=not former.versions, changed=changed, notes=tuple(examination.notes))


def _must_have_enterprise(session: Session, caller: Caller, code: str) -> None:
    owner = store.find_enterprise(session, code, lock=True)
    if owner is None:
        raise Invalid(
            f"enterprise {code} is not registered",
            field="credit_code",
            value=code,
            rule="its enterprise first: PUT /permits/v1/enterprises/{credit_code}",
        )
    must_govern(caller, owner.region, "enterprise", owner.credit_code)


def _examined(wish: Wish, points: Sequence[OutletWish], number: str, examination: Examination) -> ExaminedWish:
    """Raises Invalid with everything that is wrong."""
    if wish.document.number != number:
        examination.wrong("number", wish.document.number, f"{number}, as the address begins")
    if wish.document.credit_code != number[:18]:
        examination.wrong("credit_code", wish.document.credit_code, f"{number[:18]}, as the address begins")
    document = examine(wish.document, examination)
    spelled = tuple(_spelled(one, examination) for one in points)
    examination.refuse()
    return ExaminedWish(replace(wish, document=document), spelled)


def _spelled(point: OutletWish, examination: Examination) -> OutletWish:
    settings = point.wish.settings
    if settings.units is None:
        return point
    units = point_units(settings.units, f"{point.path}.units", examination)
    return replace(point, wish=replace(point.wish, settings=replace(settings, units=units)))


def _register_points(
    registrar: Registrar, session: Session, outcome: PutOutcome, points: Sequence[OutletWish], examination: Examination
) -> bool:
    """The points follow the newest version; an older one only brings in points nobody knows yet."""
    history = outcome.history
    newest = outcome.version == history.newest
    known = store.find_points(session, [one.wish.mn for one in points], registrar.sealer, lock=True)
    moved = False
    for one in points:
        former = known.get(one.wish.mn)
        must_be_free(session, former, credit_code=history.credit_code, permit=history.number, path=f"{one.path}.mn")
        if former is not None and not newest:
            examination.note(f"{one.path}: a later version governs this point; its registration stays as it is")
            continue
        position = Position(one.outlet, history.number)
        registration = point_rules.register(
            former, one.wish, credit_code=history.credit_code, position=position, now=registrar.now()
        )
        moved |= keep_point(registrar, session, former, registration).changed
    return _adopt(registrar, session, history) or moved


def _adopt(registrar: Registrar, session: Session, history: PermitHistory) -> bool:
    """Points registered before their permit find it by their outlet."""
    moved = False
    for loose in store.loose_points(session, history.credit_code, registrar.sealer):
        if loose.outlet in outlets(history):
            moved |= keep_point(registrar, session, loose, replace(loose, permit=history.number)).changed
    return moved


def _keep(
    registrar: Registrar,
    session: Session,
    former: PermitHistory,
    outcome: PutOutcome,
    points_before: Mapping[str, Registration],
) -> PermitHistory:
    """Save and publish the permit if what is published of it changed."""
    points = _points(registrar, session, outcome.history)
    if outcome.change is Change.NONE and published_versions(outcome.history, points) == published_versions(
        former, points_before
    ):
        return former
    history = replace(outcome.history, revision=former.revision + 1)
    store.save_permit(session, history, former)
    registrar.publish(session, published_permit(history, points))
    return history


def permit(session: Session, caller: Caller, number: str) -> PermitHistory:
    """The permit; raises NotFound, also outside the caller's scope."""
    history = store.find_permit(session, number)
    owner = store.find_enterprise(session, history.credit_code) if history else None
    if history is None or owner is None:
        raise no_such("permit", number)
    must_see(caller, "permit", number, Subject(owner.credit_code, owner.region))
    return history


def show_permit(registrar: Registrar, session: Session, history: PermitHistory, on: date | None) -> PermitView:
    """The permit as seen on a day, today by default."""
    return PermitView(history, _points(registrar, session, history), on or registrar.today())


def published_permit(history: PermitHistory, points: Mapping[str, Registration]) -> RegisteredObject:
    """The permit as `registry` has it."""
    facts: JsonObject = {"credit_code": history.credit_code, "versions": published_versions(history, points)}
    return RegisteredObject("permit", history.number, history.revision, facts)


def published_versions(history: PermitHistory, points: Mapping[str, Registration]) -> list[JsonObject]:
    """All versions as `registry` and callers have them: beside each point whether its password is set."""
    return [
        {
            "effective_from": version.effective_from.isoformat(),
            "recorded_at": rfc3339(version.recorded_at),
            "correction": version.correction,
            "reason": version.reason,
            "document": _published_document(version.document, points),
        }
        for version in history.versions
    ]


def _published_document(document: PermitDocument, points: Mapping[str, Registration]) -> JsonObject:
    published = dict(encode(document))
    if document.renewal_refused_on is None:
        del published["renewal_refused_on"]  # a permit without it is published as before the field was known
    if document.outlets is not None:
        published["outlets"] = [_published_outlet(outlet, points) for outlet in document.outlets]
    return published


def _published_outlet(outlet: PermitOutlet, points: Mapping[str, Registration]) -> JsonObject:
    if outlet.points is None:
        return encode(outlet)
    published = [{**encode(point), "password_set": _password_set(points.get(point.mn))} for point in outlet.points]
    return {**encode(outlet), "points": published}


def _password_set(point: Registration | None) -> bool:
    return point is not None and point.password is not None


def _points(registrar: Registrar, session: Session, history: PermitHistory) -> dict[str, Registration]:
    """The registrations of all points that its versions name."""
    mns = {mn for version in history.versions for mn in version.document.mns}
    return store.find_points(session, mns, registrar.sealer)
