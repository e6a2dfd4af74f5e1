"""Monitoring: truth rows, verdicts, risks, quarantine, the register as kept here, and what flows in and out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _readings()
    _found()
    _register()
    _flow()


def _readings() -> None:
    op.create_table(
        "value",
        sa.Column("mn", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("factor", sa.String(), nullable=False),
        sa.Column("micro", sa.BigInteger(), nullable=True),
        sa.Column("zs_micro", sa.BigInteger(), nullable=True),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("rank", sa.String(), nullable=False),
        sa.Column("received_at_s", sa.BigInteger(), nullable=False),
        sa.Column("extras", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("mn", "period", "start_s", "factor"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "last_heard",
        sa.Column("mn", sa.String(), nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mn"),
        sqlite_with_rowid=False,
    )
    op.create_index("last_heard_at", "last_heard", ["at_s"], unique=False)
    op.create_table(
        "decision",
        sa.Column("mn", sa.String(), nullable=False),
        sa.Column("averaging", sa.String(), nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("factor", sa.String(), nullable=False),
        sa.Column("permit", sa.String(), nullable=False),
        sa.Column("outlet", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("value_kind", sa.String(), nullable=True),
        sa.Column("decided", sa.BigInteger(), nullable=True),
        sa.Column("measured", sa.BigInteger(), nullable=True),
        sa.Column("limit", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("reference_o2_pct", sa.String(), nullable=True),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("first_seen_s", sa.BigInteger(), nullable=False),
        sa.Column("decided_at_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mn", "averaging", "start_s", "factor"),
        sqlite_with_rowid=False,
    )
    op.create_index("decision_outlet", "decision", ["permit", "outlet", "factor", "averaging", "start_s"], unique=False)
    op.create_index("decision_over", "decision", ["status", "start_s"], unique=False)
    op.create_table(
        "due_window",
        sa.Column("mn", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("due_at_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mn", "kind", "start_s"),
        sqlite_with_rowid=False,
    )
    op.create_index("due_window_at", "due_window", ["due_at_s"], unique=False)
    op.create_table(
        "discharge",
        sa.Column("permit", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("permit", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "downtime",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("end_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_downtime_start_s", "downtime", ["start_s"], unique=False)
    op.create_table(
        "alive",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _found() -> None:
    op.create_table(
        "risk",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=True),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("outlet", sa.String(), nullable=True),
        sa.Column("factor", sa.String(), nullable=True),
        sa.Column("mn", sa.String(), nullable=True),
        sa.Column("first_window_s", sa.BigInteger(), nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("last_s", sa.BigInteger(), nullable=False),
        sa.Column("opened_at_s", sa.BigInteger(), nullable=False),
        sa.Column("cleared", sa.String(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("risk_listing", "risk", ["kind", "start_s", "id"], unique=False)
    op.create_index("risk_state", "risk", ["kind", "state"], unique=False)
    op.create_index("risk_subject", "risk", ["subject", "last_s"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("mn", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("sealed_password", sa.String(), nullable=True),
        sa.Column("comes_back_s", sa.BigInteger(), nullable=True),
        sa.Column("moved_at", TIME, nullable=True),
        sa.Column("moved_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("origin"),
    )
    op.create_index("quarantine_back", "quarantine", ["state", "comes_back_s"], unique=False)
    op.create_index("quarantine_mn", "quarantine", ["mn", "state"], unique=False)


def _register() -> None:
    op.create_table(
        "enterprise",
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("credit_code"),
    )
    op.create_index("ix_enterprise_region", "enterprise", ["region"], unique=False)
    op.create_table(
        "permit",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_permit_credit_code", "permit", ["credit_code"], unique=False)
    op.create_table(
        "point",
        sa.Column("mn", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("mn"),
    )
    op.create_index("ix_point_credit_code", "point", ["credit_code"], unique=False)
    op.create_table(
        "register_state",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _flow() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("stream_no", SERIAL, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outbox_event_id", "outbox", ["event_id"], unique=False)
    op.create_index("ix_outbox_sent_at", "outbox", ["sent_at"], unique=False)
    op.create_index("ix_outbox_stream_no", "outbox", ["stream_no"], unique=True)
    op.create_table(
        "progress",
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", SERIAL, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("group", "topic", "partition"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("value")
    op.drop_table("last_heard")
    op.drop_table("decision")
    op.drop_table("due_window")
    op.drop_table("discharge")
    op.drop_table("downtime")
    op.drop_table("alive")
    op.drop_table("risk")
    op.drop_table("quarantine")
    op.drop_table("enterprise")
    op.drop_table("permit")
    op.drop_table("point")
    op.drop_table("register_state")
    op.drop_table("outbox")
    op.drop_table("progress")
    op.drop_table("lease")
