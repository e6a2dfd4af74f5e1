"""The tables of alerts; those of peer notices are `peer_tables`. Rows are never domain objects: the modules beside turn
one into the other."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index, MetaData, Table, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from services.alerts.store.sql_types import StoredDocument
from shared.database import UtcDateTime, WideInteger
from shared.eventlog.outbox import LeaseColumns, OutboxColumns
from shared.eventlog.progress import ProgressColumns
from shared.runtime.sealing_key import SealingKeyColumns


class AlertsTable(SQLModel):
    metadata = MetaData()


class AlertsOutbox(OutboxColumns, AlertsTable, table=True):
    """`credit_code`, `region`, `kind`: whose event it is and of which risk, so that event lists filter in SQL. A hidden one
    has no code; a peer notice has recipients instead (`peer_notice_recipient`); one without region is for services only."""

    __tablename__ = "outbox"
    credit_code: str | None = Field(default=None, index=True)
    region: str | None = Field(default=None, index=True)
    notice_id: str | None = Field(default=None, index=True)
    kind: str | None = None


class AlertsProgress(ProgressColumns, AlertsTable, table=True):
    __tablename__ = "progress"


class AlertsLease(LeaseColumns, AlertsTable, table=True):
    __tablename__ = "lease"


class AlertsSealingKey(SealingKeyColumns, AlertsTable, table=True):
    __tablename__ = "sealing_key"


class AlertRow(AlertsTable, table=True):
    """`risk` and `document` are whole JSON states; the other columns are what decides or is searched by."""

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("risk_id", "number", name="uq_alert_risk_id_number"),
        Index("ix_alert_opened_at_id", "opened_at", "id"),
        Index("ix_alert_credit_code_opened_at", "credit_code", "opened_at"),
        Index("ix_alert_region_opened_at", "region", "opened_at"),
        Index("ix_alert_status_opened_at", "status", "opened_at"),
        Index(
            "ix_alert_objected_at",
            "objected_at",
            sqlite_where=text("objected_at IS NOT NULL"),
            postgresql_where=text("objected_at IS NOT NULL"),
        ),
        Index("ix_alert_due_enterprise", "due_enterprise"),
    )
    id: str = Field(primary_key=True)
    risk_id: str
    number: int
    revision: int
    kind: str
    condition: str
    stage: str
    level: str
    status: str
    rule: str
    credit_code: str | None = None
    region: str
    outlet: str | None = None
    factor: str | None = None
    hidden_from_enterprise: bool = False
    opened_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    change: str
    previous: str | None = None
    announced_stage: str | None = None
    announced_level: str | None = None
    due_enterprise: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_authority: datetime | None = Field(default=None, sa_type=UtcDateTime)
    objected_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    audience: list[str] = Field(default_factory=list, sa_type=JSON)
    risk: StoredDocument = Field(default_factory=dict, sa_type=JSON)
    document: StoredDocument = Field(default_factory=dict, sa_type=JSON)


class HistoryRow(AlertsTable, table=True):
    """Rows are only ever added."""

    __tablename__ = "alert_history"
    id: int | None = Field(default=None, primary_key=True, sa_type=WideInteger)
    alert_id: str = Field(index=True)
    revision: int
    at: datetime = Field(sa_type=UtcDateTime)
    what: str
    who: str
    text: str
    status: str
    push: str | None = None
    reason: str | None = None


class EndpointRow(AlertsTable, table=True):
    """A contact point (`kind`, `address`, a secret where the channel signs) with exactly one owner.
    `events` and `kinds`: what it wants, None for all. Secrets are sealed.
    A deleted endpoint stays as a row: deliveries name it."""

    __tablename__ = "endpoint"
    id: str = Field(primary_key=True)
    kind: str
    address: str
    credit_code: str | None = Field(default=None, index=True)
    region: str | None = Field(default=None, index=True)
    operators: bool = False
    state: str = Field(default="active", index=True)
    state_reason: str | None = None
    state_at: datetime = Field(sa_type=UtcDateTime)
    sealed_secret: str | None = None
    sealed_previous: str | None = None
    previous_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    name: str | None = None
    events: list[str] | None = Field(default=None, sa_type=JSON)
    kinds: list[str] | None = Field(default=None, sa_type=JSON)
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_failure_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_success_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class EndpointHistoryRow(AlertsTable, table=True):
    """What people did to an endpoint. Rows are only ever added."""

    __tablename__ = "endpoint_history"
    id: int | None = Field(default=None, primary_key=True, sa_type=WideInteger)
    endpoint_id: str = Field(index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    what: str
    who: str
    text: str


class PushRow(AlertsTable, table=True):
    """One notification for one endpoint: its channel renders it. `id` is the webhook-id of all its attempts.
    `lease_until` and `fence`: a sender
    that died or was overtaken marks nothing."""

    __tablename__ = "push"
    __table_args__ = (
        Index("ix_push_state_due_at", "state", "due_at"),
        Index("ix_push_endpoint_id_created_at", "endpoint_id", "created_at"),
        Index("ix_push_created_at_id", "created_at", "id"),
        Index("ix_push_event_id", "event_id"),
    )
    id: str = Field(primary_key=True)
    endpoint_id: str
    alert_id: str | None = Field(default=None, index=True)
    alert_revision: int | None = None
    audience: str
    reason: str
    event_id: str
    notification: StoredDocument = Field(sa_type=JSON)
    schedule_s: list[float] = Field(default_factory=list, sa_type=JSON)
    step: int = 0
    attempts: int = 0
    state: str = "due"
    state_reason: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fence: int = 0
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AttemptRow(AlertsTable, table=True):
    __tablename__ = "attempt"
    id: int | None = Field(default=None, primary_key=True, sa_type=WideInteger)
    push_id: str = Field(index=True)
    number: int
    at: datetime = Field(sa_type=UtcDateTime)
    outcome: str
    reason: str
    status: int | None = None
    latency_ms: int
    snippet: str


class EndpointCountRow(AlertsTable, table=True):
    """How many active endpoints an enterprise has and how many of them fail, as it was last published. `revision`: how often
    it was."""

    __tablename__ = "endpoint_count"
    credit_code: str = Field(primary_key=True)
    endpoints: int
    failing: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    revision: int


class SubscriptionRow(AlertsTable, table=True):
    """`region`: the division prefix that it never reaches beyond, empty for the whole country."""

    __tablename__ = "subscription"
    __table_args__ = (Index("ix_subscription_created_at_id", "created_at", "id"),)
    id: str = Field(primary_key=True)
    name: str
    region: str = Field(index=True)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    filter: StoredDocument = Field(default_factory=dict, sa_type=JSON)
    endpoint_id: str = Field(index=True)
    digest: str | None = None
    quiet_from: str | None = None
    quiet_to: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str


class OfficeRow(AlertsTable, table=True):
    """Whom to call in a division. `division`: its prefix."""

    __tablename__ = "office"
    division: str = Field(primary_key=True)
    name: str
    phone: str
    changed_at: datetime = Field(sa_type=UtcDateTime)
    changed_by: str


class DigestItemRow(AlertsTable, table=True):
    """An alert that waits for, or went out in, one digest to one endpoint. `digest_id` None: it waits."""

    __tablename__ = "digest_item"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "cadence", "alert_id", name="uq_digest_item_recipient_alert"),
        Index("ix_digest_item_digest_id", "digest_id", "endpoint_id", "cadence"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=WideInteger)
    endpoint_id: str
    cadence: str
    alert_id: str
    added_at: datetime = Field(sa_type=UtcDateTime)
    digest_id: str | None = None


def _table(name: str) -> Table:
    return AlertsTable.metadata.tables[name]


OUTBOX, PROGRESS, LEASE = _table("outbox"), _table("progress"), _table("lease")
SEALING_KEY = _table("sealing_key")
ALERT, HISTORY, ENDPOINT = _table("alert"), _table("alert_history"), _table("endpoint")
ENDPOINT_HISTORY = _table("endpoint_history")
PUSH, ATTEMPT, ENDPOINT_COUNT = _table("push"), _table("attempt"), _table("endpoint_count")
SUBSCRIPTION, DIGEST_ITEM, OFFICE = _table("subscription"), _table("digest_item"), _table("office")
