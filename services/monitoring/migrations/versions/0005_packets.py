"""Real-time and minute readings as one row a packet; what is stored of them moves there. The index on when a point was last
seen goes: nobody asks by it, and it made every update of a row write an index entry as well.

PostgreSQL: a partition a Shanghai day. Days that hold readings now, and those around today, have theirs; other days stand in
`packet_default`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

DAY_S, SHANGHAI_S = 86_400, 8 * 3_600
AT_ONCE = 20_000  # rows
AHEAD = range(-1, 4)  # days around today
COLUMNS = "mn, period, start_s, factor, micro, zs_micro, mark, extras, rank, source, received_at_s"
POSTGRES = """CREATE TABLE packet (
 mn varchar COLLATE "C" NOT NULL, period varchar COLLATE "C" NOT NULL, start_s bigint NOT NULL, rank varchar NOT NULL,
 source varchar NOT NULL, received_at_s bigint NOT NULL, body bytea NOT NULL,
 PRIMARY KEY (mn, period, start_s)) PARTITION BY RANGE (start_s)"""


class Value(NamedTuple):
    mn: str
    period: str
    start_s: int
    factor: str
    micro: int | None
    zs_micro: int | None
    mark: str
    extras: str | None
    rank: str
    source: str
    received_at_s: int


def upgrade() -> None:
    op.drop_index("last_seen_at", "last_seen")
    if op.get_bind().dialect.name == "postgresql":
        _partitioned()
    else:
        op.create_table(
            "packet",
            sa.Column("mn", sa.String(), nullable=False),
            sa.Column("period", sa.String(), nullable=False),
            sa.Column("start_s", sa.BigInteger(), nullable=False),
            sa.Column("rank", sa.String(), nullable=False),
            sa.Column("source", sa.String(), nullable=False),
            sa.Column("received_at_s", sa.BigInteger(), nullable=False),
            sa.Column("body", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint("mn", "period", "start_s"),
            sqlite_with_rowid=False,
        )
    _to_packets()


def _partitioned() -> None:
    op.execute(POSTGRES)
    op.execute("CREATE TABLE packet_default PARTITION OF packet DEFAULT")
    today = (int(time.time()) + SHANGHAI_S) // DAY_S
    found = op.get_bind().execute(
        sa.text(
            f"SELECT DISTINCT (start_s + {SHANGHAI_S}) / {DAY_S} FROM value WHERE period IN ('instant', 'minute')"
            f" AND start_s BETWEEN {(today - 400) * DAY_S} AND {(today + 4) * DAY_S}"
        )
    )
    for day in sorted({*found.scalars(), *(today + n for n in AHEAD)}):
        low = day * DAY_S - SHANGHAI_S
        name = datetime.fromtimestamp(day * DAY_S, UTC).strftime("packet_%Y%m%d")
        op.execute(f"CREATE TABLE {name} PARTITION OF packet FOR VALUES FROM ({low}) TO ({low + DAY_S})")


def _to_packets() -> None:
    insert = sa.text(
        "INSERT INTO packet (mn, period, start_s, rank, source, received_at_s, body)"
        " VALUES (:mn, :period, :start_s, :rank, :source, :received_at_s, :body)"
    )
    rows: list[dict[str, object]] = []
    for _, values in groupby(_stored_values(), key=lambda one: one[:3]):
        rows.append(_packet(list(values)))
        if len(rows) == AT_ONCE:
            op.get_bind().execute(insert, rows)
            rows.clear()
    if rows:
        op.get_bind().execute(insert, rows)
    op.execute("DELETE FROM value WHERE period IN ('instant', 'minute')")


def _stored_values() -> Iterator[Value]:
    """In the order of the key, a part at a time."""
    behind: tuple[object, ...] = ("", "", 0, "")
    query = sa.text(
        f"SELECT {COLUMNS} FROM value WHERE period IN ('instant', 'minute')"
        " AND (mn, period, start_s, factor) > (:mn, :period, :start_s, :factor)"
        f" ORDER BY mn, period, start_s, factor LIMIT {AT_ONCE}"
    )
    while True:
        keys = dict(zip(("mn", "period", "start_s", "factor"), behind, strict=True))
        part = [Value(*row) for row in op.get_bind().execute(query, keys)]
        yield from part
        if len(part) < AT_ONCE:
            return
        behind = part[-1][:4]


def _packet(values: list[Value]) -> dict[str, object]:
    """One row of the values of one moment: as `domain/packet_row.py` packs them."""
    first = max(values, key=lambda one: one[8:])
    body = []
    for one in sorted(values, key=lambda one: one.factor):
        fields = list(one[3:8] if one[8:] == first[8:] else one[3:])
        while fields[-1] is None:
            fields.pop()
        body.append(fields)
    return {
        "mn": first.mn,
        "period": first.period,
        "start_s": first.start_s,
        "rank": first.rank,
        "source": first.source,
        "received_at_s": first.received_at_s,
        "body": msgspec.msgpack.encode(body),
    }


def downgrade() -> None:
    insert = sa.text(
        f"INSERT INTO value ({COLUMNS}) VALUES (:mn, :period, :start_s, :factor, :micro, :zs_micro, :mark, :extras, :rank,"
        " :source, :received_at_s)"
    )
    behind: tuple[object, ...] = ("", "", 0)
    query = sa.text(
        "SELECT mn, period, start_s, rank, source, received_at_s, body FROM packet"
        " WHERE (mn, period, start_s) > (:mn, :period, :start_s)"
        f" ORDER BY mn, period, start_s LIMIT {AT_ONCE // 10}"
    )
    while True:
        keys = dict(zip(("mn", "period", "start_s"), behind, strict=True))
        packets = op.get_bind().execute(query, keys).all()
        values = [value._asdict() for packet in packets for value in _values(packet)]
        if not values:
            break
        op.get_bind().execute(insert, values)
        behind = tuple(packets[-1][:3])
    op.drop_table("packet")
    op.create_index("last_seen_at", "last_seen", ["at_s"], unique=False)


def _values(packet: sa.Row[object]) -> Iterator[Value]:
    for fields in msgspec.msgpack.decode(bytes(packet.body)):
        whole = [*fields, *[None] * (8 - len(fields))]
        own = (packet.rank, packet.source, packet.received_at_s) if whole[5] is None else tuple(whole[5:])
        yield Value(packet.mn, packet.period, packet.start_s, *whole[:5], *own)
