"""The tables of monitoring. Columns that end in `_s` are epoch seconds: the hot path counts, it makes no dates."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, MetaData, Table
from sqlmodel import Field, SQLModel

from shared.database import UtcDateTime, WideInteger
from shared.eventlog.outbox import LeaseColumns, OutboxColumns
from shared.eventlog.progress import ProgressColumns
from shared.runtime.sealing_key import SealingKeyColumns

NO_ROWID = {"sqlite_with_rowid": False}


class MonitoringTable(SQLModel):
    metadata = MetaData()


class ValueRow(MonitoringTable, table=True):
    """Truth: what a point reported of hours and days. The key's order puts the factors of one window side by side."""

    __tablename__ = "value"
    __table_args__ = (NO_ROWID,)
    mn: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    start_s: int = Field(primary_key=True, sa_type=BigInteger)
    factor: str = Field(primary_key=True)
    micro: int | None = Field(default=None, sa_type=BigInteger)
    zs_micro: int | None = Field(default=None, sa_type=BigInteger)
    mark: str
    source: str
    rank: str
    received_at_s: int = Field(sa_type=BigInteger)
    extras: str | None = None  # JSON: Min, Max, Cou


class StoredPacket(MonitoringTable, table=True):
    """Truth: the real-time or minute readings of one packet; `body` as in `domain/packet_row.py`. PostgreSQL has a partition
    of it for each Shanghai day, and `packet_default` for the rest."""

    __tablename__ = "packet"
    __table_args__ = (NO_ROWID,)
    mn: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    start_s: int = Field(primary_key=True, sa_type=BigInteger)
    rank: str
    source: str
    received_at_s: int = Field(sa_type=BigInteger)
    body: bytes = Field(sa_type=LargeBinary)


class ArchiveFileRow(MonitoringTable, table=True):
    """A file of packet rows of one day that left the database. `name` is within the archive's folder, wherever that is."""

    __tablename__ = "archive_file"
    __table_args__ = (Index("archive_file_day", "day", "state"), NO_ROWID)
    name: str = Field(primary_key=True)
    day: int = Field(sa_type=BigInteger)
    first_mn: str
    first_period: str
    first_start_s: int = Field(sa_type=BigInteger)
    last_mn: str
    last_period: str
    last_start_s: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)
    readings: int = Field(sa_type=BigInteger)
    bytes: int = Field(sa_type=BigInteger)
    sha256: str
    written_at_s: int = Field(sa_type=BigInteger)
    verified_at_s: int = Field(sa_type=BigInteger)
    state: str
    replaced_at_s: int | None = Field(default=None, sa_type=BigInteger)


class ArchivedNewestRow(MonitoringTable, table=True):
    """The newest archived reading of each series, so that the latest values of a point need no look into every file."""

    __tablename__ = "archived_newest"
    __table_args__ = (NO_ROWID,)
    mn: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    factor: str = Field(primary_key=True)
    start_s: int = Field(sa_type=BigInteger)
    micro: int | None = Field(default=None, sa_type=BigInteger)
    zs_micro: int | None = Field(default=None, sa_type=BigInteger)
    mark: str
    source: str
    rank: str
    received_at_s: int = Field(sa_type=BigInteger)
    extras: str | None = None


class FrameFileRow(MonitoringTable, table=True):
    """A file of records as they came, of a day of the log. `name` is within the archive's folder, wherever that is."""

    __tablename__ = "frame_file"
    __table_args__ = (Index("frame_file_day", "day", "state"), NO_ROWID)
    name: str = Field(primary_key=True)
    day: int = Field(sa_type=BigInteger)
    first_mn: str
    last_mn: str
    low_ms: int = Field(sa_type=BigInteger)
    high_ms: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)
    size: int = Field(sa_type=BigInteger)
    bytes: int = Field(sa_type=BigInteger)
    sha256: str
    written_at_s: int = Field(sa_type=BigInteger)
    verified_at_s: int = Field(sa_type=BigInteger)
    state: str
    replaced_at_s: int | None = Field(default=None, sa_type=BigInteger)


class FrameRunRow(MonitoringTable, table=True):
    """One row: when frames were last taken from the log, and up to when all of them stand in files."""

    __tablename__ = "frame_run"
    name: str = Field(primary_key=True)
    ended_s: int = Field(sa_type=BigInteger)
    complete_to_s: int | None = Field(default=None, sa_type=BigInteger)


class ItemNoteRow(MonitoringTable, table=True):
    """What was wrong with one item of a packet. `at_s`: start of its window, or when it came."""

    __tablename__ = "item_note"
    __table_args__ = (NO_ROWID,)
    mn: str = Field(primary_key=True)
    at_s: int = Field(primary_key=True, sa_type=BigInteger)
    command: str = Field(primary_key=True)
    factor: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    fault: str = Field(primary_key=True)
    value: str
    expected: str
    source: str
    received_at_s: int = Field(sa_type=BigInteger)


class DecisionRow(MonitoringTable, table=True):
    """The verdict on one window of one point. `decided`, `measured`, `doubted` in 1e-6 of the limit's unit."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("decision_outlet", "permit", "outlet", "factor", "averaging", "start_s"),
        Index("decision_over", "status", "start_s"),
        NO_ROWID,
    )
    mn: str = Field(primary_key=True)
    averaging: str = Field(primary_key=True)
    start_s: int = Field(primary_key=True, sa_type=BigInteger)
    factor: str = Field(primary_key=True)
    permit: str
    outlet: str
    credit_code: str
    status: str
    reason: str | None = None
    value_kind: str | None = None
    decided: int | None = Field(default=None, sa_type=BigInteger)
    measured: int | None = Field(default=None, sa_type=BigInteger)
    limit: str
    unit: str
    reference_o2_pct: str | None = None
    mark: str
    first_seen_s: int = Field(sa_type=BigInteger)
    decided_at_s: int = Field(sa_type=BigInteger)
    doubt: str | None = None
    doubted: int | None = Field(default=None, sa_type=BigInteger)


class RiskRow(MonitoringTable, table=True):
    """A risk with its revision; `document` is what was published last. `subject` finds it: outlet key, MN or county."""

    __tablename__ = "risk"
    __table_args__ = (
        Index("risk_subject", "subject", "last_s"),
        Index("risk_state", "kind", "state"),
        Index("risk_listing", "kind", "start_s", "id"),
    )
    id: str = Field(primary_key=True)
    subject: str
    kind: str
    condition: str
    state: str
    revision: int
    credit_code: str | None = None
    region: str
    outlet: str | None = None
    factor: str | None = None
    mn: str | None = None
    first_window_s: int = Field(sa_type=BigInteger)
    start_s: int = Field(sa_type=BigInteger)
    last_s: int = Field(sa_type=BigInteger)
    opened_at_s: int = Field(sa_type=BigInteger)
    cleared: str | None = None
    document: dict[str, object] = Field(sa_type=JSON)


class DueRow(MonitoringTable, table=True):
    """Work list: what of a point is due when. `kind`: as in `domain/due_work.py`."""

    __tablename__ = "due_window"
    __table_args__ = (Index("due_window_at", "due_at_s"), NO_ROWID)
    mn: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    start_s: int = Field(primary_key=True, sa_type=BigInteger)
    due_at_s: int = Field(sa_type=BigInteger)


class LastSeenRow(MonitoringTable, table=True):
    """When a point was last seen, by the field clock of whoever received it."""

    __tablename__ = "last_seen"
    __table_args__ = (NO_ROWID,)
    mn: str = Field(primary_key=True)
    at_s: int = Field(sa_type=BigInteger)


class DowntimeRow(MonitoringTable, table=True):
    """Spans in which the service could receive nothing: silence does not count there. `alive` is the open row of now."""

    __tablename__ = "downtime"
    id: int | None = Field(default=None, primary_key=True, sa_type=WideInteger)
    start_s: int = Field(sa_type=BigInteger, index=True)
    end_s: int = Field(sa_type=BigInteger)


class AliveRow(MonitoringTable, table=True):
    """When this service last ran its jobs: a gap is down-time."""

    __tablename__ = "alive"
    name: str = Field(primary_key=True)
    at_s: int = Field(sa_type=BigInteger)


class DischargeRow(MonitoringTable, table=True):
    """Published once a permit and day: it discharges."""

    __tablename__ = "discharge"
    __table_args__ = (NO_ROWID,)
    permit: str = Field(primary_key=True)
    day: str = Field(primary_key=True)


class QuarantineRow(MonitoringTable, table=True):
    """What could not be understood. `form`: frame (HJ 212 bytes) or packet (its JSON). `origin` makes it idempotent."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index("quarantine_mn", "mn", "state"),
        Index("quarantine_back", "state", "comes_back_s"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=WideInteger)
    origin: str = Field(unique=True)
    mn: str | None = None
    reason: str
    detail: str
    state: str
    form: str
    source: str
    address: str | None = None
    received_at: datetime = Field(sa_type=UtcDateTime)
    raw: bytes = Field(sa_type=LargeBinary)
    headers: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    sealed_password: str | None = None
    comes_back_s: int | None = Field(default=None, sa_type=BigInteger)
    moved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    moved_by: str | None = None


class EnterpriseRow(MonitoringTable, table=True):
    __tablename__ = "enterprise"
    credit_code: str = Field(primary_key=True)
    region: str = Field(index=True)
    data: dict[str, object] = Field(sa_type=JSON)
    revision: int


class PermitRow(MonitoringTable, table=True):
    """The whole history of a permit as `registry` has it."""

    __tablename__ = "permit"
    number: str = Field(primary_key=True)
    credit_code: str = Field(index=True)
    data: dict[str, object] = Field(sa_type=JSON)
    revision: int


class PointRow(MonitoringTable, table=True):
    __tablename__ = "point"
    mn: str = Field(primary_key=True)
    credit_code: str = Field(index=True)
    active: bool
    data: dict[str, object] = Field(sa_type=JSON)
    revision: int


class RegisterState(MonitoringTable, table=True):
    """One row: counted up by every change of the register's tables, so that caches know when they are old."""

    __tablename__ = "register_state"
    name: str = Field(primary_key=True)
    revision: int


class RegisterChangeRow(MonitoringTable, table=True):
    """Which enterprise, with its permits and points, changed in a revision of the register; of the last revisions."""

    __tablename__ = "register_change"
    __table_args__ = (NO_ROWID,)
    revision: int = Field(primary_key=True, sa_type=BigInteger)
    credit_code: str = Field(primary_key=True)


class MonitoringOutbox(OutboxColumns, MonitoringTable, table=True):
    __tablename__ = "outbox"


class MonitoringProgress(ProgressColumns, MonitoringTable, table=True):
    __tablename__ = "progress"


class MonitoringLease(LeaseColumns, MonitoringTable, table=True):
    __tablename__ = "lease"


class MonitoringSealingKey(SealingKeyColumns, MonitoringTable, table=True):
    __tablename__ = "sealing_key"


def table(model: type[SQLModel]) -> Table:
    """The Core table of a model."""
    found = model.__table__  # type: ignore[attr-defined]
    assert isinstance(found, Table)
    return found


ITEM_NOTE, PACKET = table(ItemNoteRow), table(StoredPacket)
ARCHIVE_FILE, ARCHIVED_NEWEST = table(ArchiveFileRow), table(ArchivedNewestRow)
FRAME_FILE, FRAME_RUN = table(FrameFileRow), table(FrameRunRow)
VALUE, DECISION, RISK, DUE = table(ValueRow), table(DecisionRow), table(RiskRow), table(DueRow)
LAST_SEEN, DOWNTIME, ALIVE, DISCHARGE = table(LastSeenRow), table(DowntimeRow), table(AliveRow), table(DischargeRow)
KEPT, ENTERPRISE, PERMIT, POINT = table(QuarantineRow), table(EnterpriseRow), table(PermitRow), table(PointRow)
REGISTER_CHANGE = table(RegisterChangeRow)
STATE, OUTBOX, PROGRESS, LEASE = (
    table(RegisterState),
    table(MonitoringOutbox),
    table(MonitoringProgress),
    table(MonitoringLease),
)
