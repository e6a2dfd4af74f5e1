"""The register's tables. A logger's password is sealed in its row; tokens themselves are never kept."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, Integer, LargeBinary, MetaData, Table
from sqlmodel import Field, SQLModel

from shared.database import UtcDateTime
from shared.domain.json import JsonObject
from shared.eventlog.outbox import LeaseColumns, OutboxColumns
from shared.eventlog.progress import ProgressColumns
from shared.runtime.sealing_key import SealingKeyColumns

SERIAL = BigInteger().with_variant(Integer, "sqlite")


class PermitsTable(SQLModel):
    """The tables of this service, apart from every other's."""

    metadata = MetaData()


def table_of(model: type[SQLModel]) -> Table:
    """The table of a row class."""
    return PermitsTable.metadata.tables[str(model.__tablename__)]


class EnterpriseRow(PermitsTable, table=True):
    __tablename__ = "enterprise"
    credit_code: str = Field(primary_key=True)
    region: str = Field(index=True)
    industry: str = Field(index=True)
    document: JsonObject = Field(sa_type=JSON)
    versions: list[JsonObject] = Field(sa_type=JSON)  # [{recorded_at, document}], the oldest first
    revision: int
    check_character_doubtful: bool = Field(default=False, index=True)


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
    document: JsonObject = Field(sa_type=JSON)


class PointRow(PermitsTable, table=True):
    __tablename__ = "point"
    mn: str = Field(primary_key=True)
    credit_code: str = Field(index=True, foreign_key="enterprise.credit_code")
    permit: str | None = Field(default=None, index=True)
    outlet: str | None = None
    settings: JsonObject = Field(sa_type=JSON)
    sealed_password: str | None = None
    active: bool
    registered_at: datetime = Field(sa_type=UtcDateTime)
    revision: int


class RegionRow(PermitsTable, table=True):
    __tablename__ = "region"
    code: str = Field(primary_key=True)
    register_complete: bool
    revision: int


class RenewalRow(PermitsTable, table=True):
    """What a permit's versions have of its end, and what was published of it; beside the permit so that a sweep reads no
    documents."""

    __tablename__ = "renewal"
    number: str = Field(primary_key=True, foreign_key="permit.number")
    credit_code: str
    valid_to: date = Field(index=True)  # the end that counted at the last evaluation
    next_check_on: date | None = Field(default=None, index=True)
    discharged_on: date | None = None
    line: list[list[str | None]] = Field(sa_type=JSON)  # a filing each: its days in the order of `Filing`
    published: dict[str, dict[str, JsonObject]] = Field(sa_type=JSON)  # kind → expiry date → risk


class GapRow(PermitsTable, table=True):
    """A point that no permit covers or covered, and what was published of it."""

    __tablename__ = "gap"
    mn: str = Field(primary_key=True, foreign_key="point.mn")
    credit_code: str = Field(index=True)
    next_check_on: date | None = Field(default=None, index=True)
    published: dict[str, JsonObject] = Field(sa_type=JSON)  # kind → risk


class CalendarYearRow(PermitsTable, table=True):
    """One year's notice of free days. `applied`: whether what stood on this year was decided again."""

    __tablename__ = "calendar_year"
    year: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    holidays: list[str] = Field(sa_type=JSON)
    workdays: list[str] = Field(sa_type=JSON)
    source: str
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    revision: int
    applied: bool = Field(index=True)


class EndpointCountRow(PermitsTable, table=True):
    """How many active endpoints an enterprise has and how many of them fail, as alerts published last; no foreign key: alerts
    may know it first."""

    __tablename__ = "reach"
    credit_code: str = Field(primary_key=True)
    endpoints: int
    failing: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    revision: int


class PeriodStampRow(PermitsTable, table=True):
    """Whether a point probably stamps the end of its periods, as monitoring published last; no foreign key: it may know it
    first."""

    __tablename__ = "period_stamp"
    mn: str = Field(primary_key=True)
    probably_end: bool
    changed_at: datetime = Field(sa_type=UtcDateTime)


class ImportRow(PermitsTable, table=True):
    """One import; `content` is dropped when it is done. `position`: rows already taken in; `begun`: attempts without end."""

    __tablename__ = "import"
    id: str = Field(primary_key=True)
    filename: str
    dry_run: bool
    state: str = Field(index=True)
    caller: JsonObject = Field(sa_type=JSON)
    content: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    total: int
    position: int
    counts: dict[str, int] = Field(sa_type=JSON)
    failure: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    begun: int = 0
    holder: str | None = None
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ImportFindingRow(PermitsTable, table=True):
    """Why a row was refused, or what was mended in it."""

    __tablename__ = "import_finding"
    id: int | None = Field(default=None, primary_key=True, sa_type=SERIAL)
    import_id: str = Field(index=True)
    line: int
    field: str
    value: str
    reason: str
    outcome: str


class TokenIssuanceRow(PermitsTable, table=True):
    """Who was given a token, for what and by which key; never the token. `kid` and `scope`: None of those before 0011."""

    __tablename__ = "token_issuance"
    jti: str = Field(primary_key=True)
    role: str
    subject: str
    issued_by: str
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    kid: str | None = None
    scope: dict[str, list[str]] | None = Field(default=None, sa_type=JSON(none_as_null=True))


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


class PermitsSealingKey(SealingKeyColumns, PermitsTable, table=True):
    __tablename__ = "sealing_key"
