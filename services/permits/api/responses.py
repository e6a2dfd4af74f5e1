"""What callers see; a secret never does."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, Field


class EnterpriseVersion(BaseModel):
    recorded_at: str
    document: dict[str, Any]


class EnterpriseOut(BaseModel):
    credit_code: str
    name: str
    industry: str
    region: str
    longitude: float | None
    latitude: float | None
    positive_list_until: date | None
    group: str | None
    revision: int
    versions: list[EnterpriseVersion]


class EnterpriseWritten(EnterpriseOut):
    changed: bool


class PointOut(BaseModel):
    mn: str
    system: str
    strict: bool
    interval_s: int
    units: dict[str, str]
    dialect: str
    credit_code: str
    outlet: str | None
    permit: str | None
    password_set: bool
    active: bool
    registered_at: str
    revision: int


class PointWritten(PointOut):
    changed: bool
    notes: list[str] = []


class PermitVersionOut(BaseModel):
    effective_from: date
    recorded_at: str
    correction: bool
    reason: str | None
    document: dict[str, Any]


class Gap(BaseModel):
    """Days that no period of validity covers, both included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class PermitOut(BaseModel):
    """The document in force `on` a day (before the first version's day: that version, `in_force` false)."""

    number: str
    credit_code: str
    category: str | None
    valid_from: date
    valid_to: date
    authority: str | None
    renewal_applied_on: date | None
    renewal_accepted_on: date | None
    outlets: list[dict[str, Any]] | None
    reports: list[dict[str, Any]] | None
    on: date
    in_force: bool
    effective_from: date
    incomplete: list[str]
    gaps: list[Gap]
    revision: int
    versions: list[PermitVersionOut]


class PermitWritten(PermitOut):
    changed: bool
    change: str
    notes: list[str]


class RegionOut(BaseModel):
    code: str
    name: str
    register_complete: bool
    revision: int


class RegionWritten(RegionOut):
    changed: bool


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
