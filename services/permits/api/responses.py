"""What callers see; a secret never does."""

from __future__ import annotations

from datetime import date
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from services.permits.domain.document import incomplete
from services.permits.domain.enterprise import Enterprise
from services.permits.domain.permit_document import OutletPoint, PermitOutlet
from services.permits.domain.point import Registration
from services.permits.handlers.permits import PermitView, published_versions
from services.permits.handlers.publishing import Written
from services.permits.store.register import RegionEntry
from shared.domain.clock import rfc3339
from shared.domain.region import region

Shown = TypeVar("Shown", bound=BaseModel)


class Read(BaseModel):
    """A shape that is read from the fields of a value of the domain."""

    model_config = ConfigDict(from_attributes=True)


class EnterpriseDocumentOut(Read):
    """What an enterprise was registered as."""

    credit_code: str
    name: str
    industry: str
    region: str
    longitude: float | None
    latitude: float | None
    positive_list_until: date | None
    group: str | None


class EnterpriseVersionOut(BaseModel):
    recorded_at: str
    document: EnterpriseDocumentOut


class EnterpriseOut(EnterpriseDocumentOut):
    revision: int
    check_character_doubtful: bool = Field(
        description="the check character of the credit code does not fit, and no officer has accepted the code"
    )
    versions: list[EnterpriseVersionOut]

    @classmethod
    def of(cls, enterprise: Enterprise) -> EnterpriseOut:
        versions = [
            EnterpriseVersionOut(
                recorded_at=rfc3339(version.recorded_at),
                document=EnterpriseDocumentOut.model_validate(version.document),
            )
            for version in enterprise.versions
        ]
        document = EnterpriseDocumentOut.model_validate(enterprise.document)
        return EnterpriseOut(
            **dict(document),
            revision=enterprise.revision,
            check_character_doubtful=enterprise.check_character_doubtful,
            versions=versions,
        )


class EnterpriseWritten(EnterpriseOut):
    changed: bool

    @classmethod
    def after(cls, written: Written[Enterprise]) -> Self:
        return _with(cls, EnterpriseOut.of(written.value), changed=written.changed)


class PointOut(BaseModel):
    mn: str
    system: str
    strict: bool
    interval_s: int
    units: dict[str, str]
    dialect: str
    period_stamp: str
    credit_code: str
    outlet: str | None
    permit: str | None
    password_set: bool
    active: bool
    registered_at: str
    revision: int

    @classmethod
    def of(cls, point: Registration) -> PointOut:
        settings = point.settings
        return PointOut(
            mn=point.mn,
            system=settings.system,
            strict=settings.strict,
            interval_s=settings.interval_s,
            units=dict(settings.units),
            dialect=settings.dialect,
            period_stamp=settings.period_stamp,
            credit_code=point.credit_code,
            outlet=point.outlet,
            permit=point.permit,
            password_set=point.password is not None,
            active=point.active,
            registered_at=rfc3339(point.registered_at),
            revision=point.revision,
        )


class PointWritten(PointOut):
    changed: bool
    notes: list[str] = []

    @classmethod
    def after(cls, written: Written[Registration]) -> Self:
        return _with(cls, PointOut.of(written.value), changed=written.changed, notes=list(written.notes))


class OutletPointOut(BaseModel):
    mn: str
    system: str
    password_set: bool


class RegisteredPointOut(OutletPointOut):
    """A point at an outlet, with the settings it is registered with; null: it is not registered."""

    strict: bool | None = None
    interval_s: int | None = None
    units: dict[str, str] | None = None
    dialect: str | None = None
    period_stamp: str | None = None

    @classmethod
    def of(cls, point: OutletPoint, registered: Registration | None) -> RegisteredPointOut:
        if registered is None:
            return RegisteredPointOut(mn=point.mn, system=point.system, password_set=False)
        settings = registered.settings
        return RegisteredPointOut(
            mn=point.mn,
            system=settings.system,
            password_set=registered.password is not None,
            strict=settings.strict,
            interval_s=settings.interval_s,
            units=dict(settings.units),
            dialect=settings.dialect,
            period_stamp=settings.period_stamp,
        )


class LimitOut(Read):
    factor: str
    averaging: str
    limit: str
    unit: str
    reference_o2_pct: str | None
    basis: str | None


class AnnualAmountOut(Read):
    factor: str
    year: int
    tonnes: str


class ReportOut(Read):
    kind: str
    due: str


class OutletOut(Read):
    """An outlet (排放口). null: not known; an empty list: none."""

    code: str
    medium: str | None
    name: str | None
    points: list[OutletPointOut] | None
    limits: list[LimitOut] | None
    annual_amounts: list[AnnualAmountOut] | None


class RegisteredOutletOut(OutletOut):
    points: list[RegisteredPointOut] | None  # type: ignore[assignment]  # more than a version's points have

    @classmethod
    def of(cls, outlet: PermitOutlet, registered: PermitView) -> RegisteredOutletOut:
        points = outlet.points
        return RegisteredOutletOut(
            code=outlet.code,
            medium=outlet.medium,
            name=outlet.name,
            points=None
            if points is None
            else [RegisteredPointOut.of(point, registered.points.get(point.mn)) for point in points],
            limits=_list(LimitOut, outlet.limits),
            annual_amounts=_list(AnnualAmountOut, outlet.annual_amounts),
        )


class PermitFields(BaseModel):
    """What a permit's document has beside its outlets."""

    number: str
    credit_code: str
    category: str | None
    valid_from: date
    valid_to: date
    authority: str | None
    renewal_applied_on: date | None
    renewal_accepted_on: date | None
    renewal_refused_on: date | None = None


class PermitDocumentOut(PermitFields):
    outlets: list[OutletOut] | None
    reports: list[ReportOut] | None


class PermitVersionOut(BaseModel):
    effective_from: date
    recorded_at: str
    correction: bool
    reason: str | None
    document: PermitDocumentOut


class Gap(BaseModel):
    """Days that no period of validity covers, both included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class PermitOut(PermitFields):
    """The document in force `on` a day (before the first version's day: that version, `in_force` false)."""

    outlets: list[RegisteredOutletOut] | None
    reports: list[ReportOut] | None
    on: date
    in_force: bool
    effective_from: date
    incomplete: list[str]
    gaps: list[Gap]
    revision: int
    versions: list[PermitVersionOut]

    @classmethod
    def of(cls, view: PermitView) -> PermitOut:
        version, history = view.version, view.history
        document = version.document
        outlets = document.outlets
        return PermitOut(
            number=document.number,
            credit_code=document.credit_code,
            category=document.category,
            valid_from=document.valid_from,
            valid_to=document.valid_to,
            authority=document.authority,
            renewal_applied_on=document.renewal_applied_on,
            renewal_accepted_on=document.renewal_accepted_on,
            renewal_refused_on=document.renewal_refused_on,
            outlets=None if outlets is None else [RegisteredOutletOut.of(outlet, view) for outlet in outlets],
            reports=_list(ReportOut, document.reports),
            on=view.on,
            in_force=view.in_force,
            effective_from=version.effective_from,
            incomplete=incomplete(document),
            gaps=[Gap.model_validate({"from": gap.first, "to": gap.last}) for gap in history.gaps()],
            revision=history.revision,
            versions=[PermitVersionOut.model_validate(one) for one in published_versions(history, view.points)],
        )


class PermitWritten(PermitOut):
    changed: bool
    change: str
    notes: list[str]

    @classmethod
    def after(cls, written: Written[PermitView]) -> Self:
        change = written.value.change
        assert change is not None, "a PUT has come to something"
        return _with(
            cls,
            PermitOut.of(written.value),
            changed=written.changed,
            change=change.value,
            notes=list(written.notes),
        )


class RegionOut(BaseModel):
    code: str
    name: str
    register_complete: bool
    revision: int

    @classmethod
    def of(cls, entry: RegionEntry) -> RegionOut:
        return RegionOut(
            code=entry.code,
            name=region(entry.code).name,
            register_complete=entry.register_complete,
            revision=entry.revision,
        )


class RegionWritten(RegionOut):
    changed: bool

    @classmethod
    def after(cls, written: Written[RegionEntry]) -> Self:
        return _with(cls, RegionOut.of(written.value), changed=written.changed)


class KeyOut(BaseModel):
    """A token, shown once."""

    token: str
    jti: str
    role: str
    subject: str
    expires_at: str


class RevocationOut(BaseModel):
    jti: str
    until: str
    changed: bool


class PublicKeyOut(BaseModel):
    kid: str
    algorithm: str
    public: str
    published_at: str


def _with(kind: type[Shown], shown: BaseModel, **more: object) -> Shown:
    """The same with more fields."""
    return kind.model_validate({**dict(shown), **more})


def _list(kind: type[Shown], values: tuple[object, ...] | None) -> list[Shown] | None:
    return None if values is None else [kind.model_validate(value) for value in values]
