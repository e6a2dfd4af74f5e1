"""Renewals and gaps with what was said of them, working days by year, imports with their findings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "renewal",
        sa.Column("number", sa.String(), sa.ForeignKey("permit.number"), primary_key=True),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False, index=True),
        sa.Column("look_again", sa.Date(), nullable=True, index=True),
        sa.Column("discharged_on", sa.Date(), nullable=True),
        sa.Column("line", sa.JSON(), nullable=False),
        sa.Column("book", sa.JSON(), nullable=False),
    )
    op.create_table(
        "gap",
        sa.Column("mn", sa.String(), sa.ForeignKey("point.mn"), primary_key=True),
        sa.Column("credit_code", sa.String(), nullable=False, index=True),
        sa.Column("look_again", sa.Date(), nullable=True, index=True),
        sa.Column("book", sa.JSON(), nullable=False),
    )
    op.create_table(
        "calendar_year",
        sa.Column("year", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("holidays", sa.JSON(), nullable=False),
        sa.Column("workdays", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False, index=True),
    )
    _imports()
    _known_permits()


def _imports() -> None:
    op.create_table(
        "import",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False, index=True),
        sa.Column("caller", sa.JSON(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
    )
    op.create_table(
        "import_finding",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("import_id", sa.String(), nullable=False, index=True),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
    )


def _known_permits() -> None:
    """Permits registered before: an empty line says that their versions are still to be read at the first sweep."""
    op.execute(
        "INSERT INTO renewal (number, credit_code, valid_to, look_again, line, book) "
        "SELECT number, credit_code, valid_to, '1990-01-01', '[]', '{}' FROM permit"
    )


def downgrade() -> None:
    for table in ("import_finding", "import", "calendar_year", "gap", "renewal"):
        op.drop_table(table)
