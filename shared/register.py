"""The documents of `registry`, decoded: enterprises, permits with all their versions, points; what was in force on a day.

Key of a record: `kind:id`. The value is a CloudEvent `yujing.registered.v1` whose data carries `kind`, `id` and the whole
history. Everyone reads the register from here; only permits writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from shared.domain.clock import parse_rfc3339
from shared.domain.errors import Invalid
from shared.domain.json import JsonObject, read_object, read_objects, read_optional_text, read_text

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Enterprise:
    """`region`: 6-digit division; `industry`: GB/T 4754 code with its section letter, e.g. D4411."""

    credit_code: str
    name: str
    industry: str
    region: str
    longitude: float | None = None
    latitude: float | None = None
    positive_list_until: date | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A permitted concentration. `reference_o2_pct` None: no conversion. `averaging`: hour or day."""

    factor: str
    averaging: str
    limit: Decimal
    unit: str
    reference_o2_pct: Decimal | None = None
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class Outlet:
    code: str
    medium: str | None
    name: str | None
    points: tuple[str, ...]  # MNs
    limits: tuple[Limit, ...]

    def limits_for(self, factor: str) -> tuple[Limit, ...]:
        return tuple(limit for limit in self.limits if limit.factor == factor)


@dataclass(frozen=True, slots=True)
class PermitVersion:
    """One version; it governs from `effective_from` until the next version's day."""

    effective_from: date
    valid_from: date
    valid_to: date
    recorded_at: datetime
    outlets: tuple[Outlet, ...]
    document: JsonObject

    def outlet(self, code: str) -> Outlet | None:
        return next((outlet for outlet in self.outlets if outlet.code == code), None)


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit with its versions in order of `effective_from`; of two of one day the later recorded stands last."""

    number: str
    credit_code: str
    versions: tuple[PermitVersion, ...]

    def in_force(self, day: date) -> PermitVersion | None:
        """The version that governs on `day`: the last one whose `effective_from` is not after it.

        An expired permit's limits go on binding whoever still discharges (管理条例 Art. 33, 34); callers who need
        validity compare `valid_to`.
        """
        governing = [version for version in self.versions if version.effective_from <= day]
        return governing[-1] if governing else None


@dataclass(frozen=True, slots=True)
class Point:
    """A monitoring point. `units`: factor → unit the device sends; `strict`: frames without CRLF are refused;
    `period_stamp`: whether DataTime of a mean is the `start` of its period (HJ 212-2017 table 4) or its `end`."""

    mn: str
    system: str
    credit_code: str
    outlet: str | None = None
    permit: str | None = None
    strict: bool = False
    interval_s: int = 60
    units: Mapping[str, str] = field(default_factory=dict)
    dialect: str = "hj212"
    period_stamp: Literal["start", "end"] = "start"
    sealed_password: str | None = None
    active: bool = True


def read_enterprise(data: JsonObject) -> Enterprise:
    """From the data of an `enterprise` record; raises Invalid when a field is missing or of another type."""
    return _converted(data, Enterprise)


def read_permit(data: JsonObject) -> Permit:
    """From the data of a `permit` record: `versions` = [{effective_from, recorded_at, document}]."""
    versions = sorted(
        (_version(version) for version in read_objects(data, "versions")),
        key=lambda v: (v.effective_from, v.recorded_at),
    )
    return Permit(read_text(data, "id"), read_text(data, "credit_code"), tuple(versions))


def _version(data: JsonObject) -> PermitVersion:
    document = read_object(data, "document")
    return PermitVersion(
        effective_from=date.fromisoformat(read_text(data, "effective_from")),
        valid_from=date.fromisoformat(read_text(document, "valid_from")),
        valid_to=date.fromisoformat(read_text(document, "valid_to")),
        recorded_at=parse_rfc3339(read_text(data, "recorded_at")),
        outlets=tuple(_outlet(outlet) for outlet in read_objects(document, "outlets")),
        document=document,
    )


def _outlet(data: JsonObject) -> Outlet:
    return Outlet(
        code=read_text(data, "code"),
        medium=read_optional_text(data, "medium"),
        name=read_optional_text(data, "name"),
        points=tuple(read_text(point, "mn") for point in read_objects(data, "points")),
        limits=tuple(_limits(read_objects(data, "limits"))),
    )


def _limits(rows: Iterable[JsonObject]) -> Iterable[Limit]:
    for row in rows:
        reference = read_optional_text(row, "reference_o2_pct")
        yield Limit(
            factor=read_text(row, "factor"),
            averaging=read_text(row, "averaging"),
            limit=Decimal(read_text(row, "limit")),
            unit=read_text(row, "unit"),
            reference_o2_pct=Decimal(reference) if reference is not None else None,
            basis=read_optional_text(row, "basis"),
        )


def read_point(data: JsonObject) -> Point:
    """From the data of a `point` record; the password stays sealed. Raises Invalid when a field is missing or of another
    type."""
    return replace(_converted(data, Point), sealed_password=read_optional_text(data, "sealed_password"))


def _converted(data: JsonObject, kind: type[Kind]) -> Kind:
    """The document of a record as `kind`; what stands there as null has the default."""
    document = read_object(data, "document")
    try:
        return msgspec.convert({name: value for name, value in document.items() if value is not None}, kind)
    except (msgspec.ValidationError, RecursionError) as wrong:
        rule = f"the fields of {kind.__name__}"
        raise Invalid(
            f"a record of the register is no {kind.__name__}: {wrong}", field="document", rule=rule
        ) from wrong
