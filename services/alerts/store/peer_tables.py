"""The tables of peer notices: facts and exposure of enterprises, notices and drafts with their recipients."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index
from sqlmodel import Field

from services.alerts.store.sql_types import StoredDocument
from services.alerts.store.tables import AlertsTable
from shared.database import UtcDateTime


class PeerFactRow(AlertsTable, table=True):
    """One risk that counts, or counted until it was taken back. `slot`: when it is to be judged; `at`: first seen."""

    __tablename__ = "peer_fact"
    __table_args__ = (
        Index("ix_peer_fact_topic", "province", "industry_group", "kind", "family", "at"),
        Index("ix_peer_fact_judged_slot", "judged", "slot"),
    )
    risk_id: str = Field(primary_key=True)
    credit_code: str
    party: str | None = None
    industry: str
    industry_group: str
    region: str
    province: str
    kind: str
    family: str
    at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    slot: datetime = Field(sa_type=UtcDateTime)
    counted: bool = True
    judged: bool = False


class PeerEnterpriseRow(AlertsTable, table=True):
    """What the register says of an enterprise, as far as peers need it. `party`: its corporate group."""

    __tablename__ = "peer_enterprise"
    __table_args__ = (Index("ix_peer_enterprise_place", "province", "industry_group"),)
    credit_code: str = Field(primary_key=True)
    industry: str
    industry_group: str
    region: str
    province: str
    party: str | None = None


class PeerPermitRow(AlertsTable, table=True):
    """`versions`: [{"from", "valid_to", "families"}] in order of the day from which each governs."""

    __tablename__ = "peer_permit"
    number: str = Field(primary_key=True)
    credit_code: str = Field(index=True)
    versions: list[StoredDocument] = Field(default_factory=list, sa_type=JSON)


class NoticeRow(AlertsTable, table=True):
    """A notice or a draft. A notice's row names no source; a draft's `affected` and `crowd` are for officers."""

    __tablename__ = "peer_notice"
    __table_args__ = (
        Index("ix_peer_notice_topic", "kind", "family", "slot"),
        Index("ix_peer_notice_outcome_slot", "outcome", "slot", "id"),
    )
    id: str = Field(primary_key=True)
    outcome: str
    reason: str
    industry: str
    kind: str
    family: str
    area: str
    slot: datetime = Field(sa_type=UtcDateTime)
    document: StoredDocument = Field(default_factory=dict, sa_type=JSON)
    affected: list[str] = Field(default_factory=list, sa_type=JSON)
    crowd: int = 0


class NoticeRecipientRow(AlertsTable, table=True):
    """Whom a notice was for, as it stood at the slot."""

    __tablename__ = "peer_notice_recipient"
    notice_id: str = Field(primary_key=True)
    credit_code: str = Field(primary_key=True, index=True)


FACT, ENTERPRISE, PERMIT, NOTICE, RECIPIENT = (
    AlertsTable.metadata.tables[name]
    for name in ("peer_fact", "peer_enterprise", "peer_permit", "peer_notice", "peer_notice_recipient")
)
