"""What a verdict doubts; the table of when a point was last seen under its name.

Windows of the last 35 days are decided anew, a day a turn: numbers that cannot be a measurement decided some of them.
"""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DAY_S, SHANGHAI_S = 86_400, 8 * 3_600
REDECIDE_DAYS = 35


def upgrade() -> None:
    op.add_column("decision", sa.Column("doubt", sa.String(), nullable=True))
    op.add_column("decision", sa.Column("doubted", sa.BigInteger(), nullable=True))
    _decide_anew()
    op.drop_index("last_heard_at", "last_heard")
    op.rename_table("last_heard", "last_seen")
    op.create_index("last_seen_at", "last_seen", ["at_s"], unique=False)


def _decide_anew() -> None:
    """Put the first of these days of each point on the list of due work; each day puts the next one there."""
    today = int(time.time()) - (int(time.time()) + SHANGHAI_S) % DAY_S
    since = sa.bindparam("since", today - REDECIDE_DAYS * DAY_S, type_=sa.BigInteger())
    statement = sa.text(
        "INSERT INTO due_window (mn, kind, start_s, due_at_s)"
        " SELECT DISTINCT mn, 'redo', CAST(:since AS BIGINT), CAST(:since AS BIGINT) FROM decision WHERE start_s >= :since"
        " ON CONFLICT DO NOTHING"
    )
    op.execute(statement.bindparams(since))


def downgrade() -> None:
    op.drop_index("last_seen_at", "last_seen")
    op.rename_table("last_seen", "last_heard")
    op.create_index("last_heard_at", "last_heard", ["at_s"], unique=False)
    op.drop_column("decision", "doubted")
    op.drop_column("decision", "doubt")
