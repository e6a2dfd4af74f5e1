"""Files of packet rows that left the database, and the newest archived reading of each series."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    """Compared byte by byte, as the keys of packets are."""
    kind = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    return sa.Column(name, kind, nullable=False)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "archive_file",
        _text("name"),
        _whole("day"),
        _text("first_mn"),
        _text("first_period"),
        _whole("first_start_s"),
        _text("last_mn"),
        _text("last_period"),
        _whole("last_start_s"),
        _whole("rows"),
        _whole("readings"),
        _whole("bytes"),
        sa.Column("sha256", sa.String(), nullable=False),
        _whole("written_at_s"),
        _whole("verified_at_s"),
        sa.Column("state", sa.String(), nullable=False),
        _whole("replaced_at_s", nullable=True),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_index("archive_file_day", "archive_file", ["day", "state"], unique=False)
    op.create_table(
        "archived_newest",
        _text("mn"),
        _text("period"),
        _text("factor"),
        _whole("start_s"),
        _whole("micro", nullable=True),
        _whole("zs_micro", nullable=True),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("rank", sa.String(), nullable=False),
        _whole("received_at_s"),
        sa.Column("extras", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("mn", "period", "factor"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT 1 FROM archive_file LIMIT 1")).first() is not None:
        raise RuntimeError("readings stand in the archive; an earlier version would not find them")
    op.drop_table("archived_newest")
    op.drop_table("archive_file")
