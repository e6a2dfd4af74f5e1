"""Files of records as they came, and how far the log is in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    """Compared byte by byte, as DuckDB sorts."""
    kind = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    return sa.Column(name, kind, nullable=False)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "frame_file",
        _text("name"),
        _whole("day"),
        _text("first_mn"),
        _text("last_mn"),
        _whole("low_ms"),
        _whole("high_ms"),
        _whole("rows"),
        _whole("size"),
        _whole("bytes"),
        sa.Column("sha256", sa.String(), nullable=False),
        _whole("written_at_s"),
        _whole("verified_at_s"),
        sa.Column("state", sa.String(), nullable=False),
        _whole("replaced_at_s", nullable=True),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_index("frame_file_day", "frame_file", ["day", "state"], unique=False)
    op.create_table(
        "frame_run",
        sa.Column("name", sa.String(), nullable=False),
        _whole("ended_s"),
        _whole("complete_to_s", nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT 1 FROM frame_file LIMIT 1")).first() is not None:
        raise RuntimeError("frames stand in the archive; an earlier version would not find them")
    op.drop_table("frame_run")
    op.drop_table("frame_file")
