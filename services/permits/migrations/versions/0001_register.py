"""The register: enterprises, permits with their versions, points, divisions; tokens given and revoked, public keys."""

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
    _register()
    _tokens()
    _flow()


def _register() -> None:
    op.create_table(
        "enterprise",
        sa.Column("credit_code", sa.String(), primary_key=True),
        sa.Column("region", sa.String(), nullable=False, index=True),
        sa.Column("industry", sa.String(), nullable=False, index=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
    op.create_table(
        "permit",
        sa.Column("number", sa.String(), primary_key=True),
        sa.Column("credit_code", sa.String(), sa.ForeignKey("enterprise.credit_code"), nullable=False, index=True),
        sa.Column("valid_to", sa.Date(), nullable=False, index=True),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
    op.create_table(
        "permit_version",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("number", sa.String(), sa.ForeignKey("permit.number"), nullable=False, index=True),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("correction", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
    )
    op.create_table(
        "point",
        sa.Column("mn", sa.String(), primary_key=True),
        sa.Column("credit_code", sa.String(), sa.ForeignKey("enterprise.credit_code"), nullable=False, index=True),
        sa.Column("permit", sa.String(), nullable=True, index=True),
        sa.Column("outlet", sa.String(), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("sealed_password", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
    op.create_table(
        "region",
        sa.Column("code", sa.String(), primary_key=True),
        sa.Column("register_complete", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )


def _tokens() -> None:
    op.create_table(
        "token_issuance",
        sa.Column("jti", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("issued_by", sa.String(), nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
    )
    op.create_table(
        "revocation",
        sa.Column("jti", sa.String(), primary_key=True),
        sa.Column("until", TIME, nullable=False),
        sa.Column("revoked_by", sa.String(), nullable=False),
        sa.Column("revoked_at", TIME, nullable=False),
    )
    op.create_table(
        "public_key",
        sa.Column("kid", sa.String(), primary_key=True),
        sa.Column("public", sa.String(), nullable=False),
        sa.Column("published_at", TIME, nullable=False),
    )


def _flow() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False, index=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("sent_at", TIME, nullable=True, index=True),
        sa.Column("stream_no", SERIAL, nullable=True, index=True, unique=True),
    )
    op.create_table(
        "progress",
        sa.Column("group", sa.String(), primary_key=True),
        sa.Column("topic", sa.String(), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("next_offset", SERIAL, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    for table in (
        "lease",
        "progress",
        "outbox",
        "public_key",
        "revocation",
        "token_issuance",
        "region",
        "point",
        "permit_version",
        "permit",
        "enterprise",
    ):
        op.drop_table(table)
