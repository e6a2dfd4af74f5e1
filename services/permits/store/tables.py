"""The register's tables. A logger's password is sealed in its row; tokens themselves are never kept."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, MetaData
from sqlmodel import Field, SQLModel

from shared.database import UtcDateTime
from shared.eventlog.outbox import LeaseColumns, OutboxColumns
from shared.eventlog.progress import ProgressColumns

SERIAL = BigInteger().with_variant(Integer, "sqlite")


class PermitsTable(SQLModel):
    """The tables of this service, apart from every other's."""

    metadata = MetaData()


class EnterpriseRow(PermitsTable, table=True):
    __tablename__ = "enterprise"
    credit_code: str = Field(primary_key=True)
    region: str = Field(index=True)
    industry: str = Field(index=True)
    document: dict[str, Any] = Field(sa_type=JSON)
    versions: list[dict[str, Any]] = Field(sa_type=JSON)  # [{recorded_at, document}], the oldest first
    revision: int


class PermitRow(PermitsTable, table=True):
    __tablename__ = "permit"
    number: str = Field(primary_key=True)
    credit_code: str = Field(index=True, foreign_key="enterprise.credit_code")
    valid_to: date = Field(index=True)  # of the newest version
    revision: int


class PermitVersionRow(PermitsTable, table=True):
    __tablename__ = "permit_version"
    id: int | None = Field(default=None, primary_key=True, sa_type=SERIAL)
    number: str = Field(index=True, foreign_key="permit.number")
    effective_from: date
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    correction: bool
    reason: str | None = None
    document: dict[str, Any] = Field(sa_type=JSON)


class PointRow(PermitsTable, table=True):
    __tablename__ = "point"
    mn: str = Field(primary_key=True)
    credit_code: str = Field(index=True, foreign_key="enterprise.credit_code")
    permit: str | None = Field(default=None, index=True)
    outlet: str | None = None
    settings: dict[str, Any] = Field(sa_type=JSON)
    sealed_password: str | None = None
    active: bool
    registered_at: datetime = Field(sa_type=UtcDateTime)
    revision: int


class RegionRow(PermitsTable, table=True):
    __tablename__ = "region"
    code: str = Field(primary_key=True)
    register_complete: bool
    revision: int


class TokenIssuanceRow(PermitsTable, table=True):
    """Who was given a token; never the token."""

    __tablename__ = "token_issuance"
    jti: str = Field(primary_key=True)
    role: str
    subject: str
    issued_by: str
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class RevocationRow(PermitsTable, table=True):
    __tablename__ = "revocation"
    jti: str = Field(primary_key=True)
    until: datetime = Field(sa_type=UtcDateTime)
    revoked_by: str
    revoked_at: datetime = Field(sa_type=UtcDateTime)


class PublicKeyRow(PermitsTable, table=True):
    __tablename__ = "public_key"
    kid: str = Field(primary_key=True)
    public: str
    published_at: datetime = Field(sa_type=UtcDateTime)


class PermitsOutbox(OutboxColumns, PermitsTable, table=True):
    __tablename__ = "outbox"


class PermitsProgress(ProgressColumns, PermitsTable, table=True):
    __tablename__ = "progress"


class PermitsLease(LeaseColumns, PermitsTable, table=True):
    __tablename__ = "lease"
