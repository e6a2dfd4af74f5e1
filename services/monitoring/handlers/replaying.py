"""A span of days again: every packet that stands in rows or files is taken once more and its windows are decided once more, in
transactions that are always taken back. What would come out otherwise than it stands is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby

from sqlmodel import Session

from services.monitoring.domain.archive import Readings, merged_packets, rows_of
from services.monitoring.domain.changes import VerdictChange
from services.monitoring.domain.due_work import DAY, HOUR
from services.monitoring.domain.packet_row import PacketRow
from services.monitoring.domain.windows import DAY_S, WindowKey, hour_start_s
from services.monitoring.handlers.archiving import rows_of_day
from services.monitoring.handlers.verdicts import Decider
from services.monitoring.store.archive import files_of_days, folder_of, packets_of_file
from services.monitoring.store.packets import packets_between, write_packets
from shared.database import Database


@dataclass(slots=True)
class Replayed:
    """What was gone through: `changed_rows` would have become another row, `changes` another verdict."""

    packets: int = 0
    readings: int = 0
    archived_packets: int = 0
    windows: int = 0
    changed_rows: int = 0
    changes: list[VerdictChange] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return not (self.changed_rows or self.changes)


def replay_days(database: Database, decider: Decider, days: Sequence[int], now_s: int) -> Replayed:
    """Go through these days. Nothing is changed. Raises Unreachable: the archive is away."""
    found = Replayed()
    for day in days:
        with database.read() as session:
            files = files_of_days(session, [day])
            paths = [(folder_of(session), file) for file in files]
        found.archived_packets += sum(file.rows for file in files)
        archived = chain.from_iterable(packets_of_file(folder, file) for folder, file in paths)
        for packets in _of_points(merged_packets(archived, rows_of_day(database, day))):
            _again(database, decider, packets, day, now_s, found)
    return found


def _of_points(packets: Iterator[Readings]) -> Iterator[list[Readings]]:
    """The packets of each point of a day."""
    for _, of_point in groupby(packets, key=lambda packet: packet[0].mn):
        yield list(of_point)


def _again(
    database: Database, decider: Decider, packets: Sequence[Readings], day: int, now_s: int, found: Replayed
) -> None:
    """One point's day."""
    rows = [row for packet in packets for row in rows_of(packet)]
    mn = rows[0].mn
    hours = {WindowKey(mn, HOUR, hour_start_s(row.start_s)) for row in rows if row.start_s < now_s}
    found.packets += len(rows)
    found.readings += sum(map(len, packets))
    with database.transaction() as session:
        before = _stored(session, mn, day)
        write_packets(session, rows)
        after = _stored(session, mn, day)
        found.changed_rows += sum(after[key] != row for key, row in before.items())
        for windows in (hours, {WindowKey(mn, DAY, day)}):
            ended = {window for window in windows if window.start_s < now_s}
            found.windows += len(ended)
            found.changes += filter(_differs, decider.decide(session, ended, now_s, settle=True).rows)
        session.rollback()


def _stored(session: Session, mn: str, day: int) -> dict[tuple[str, int], PacketRow]:
    """The point's rows of the day in the database."""
    return {
        (row.period, row.start_s): row
        for period in ("instant", "minute")
        for row in packets_between(session, mn, period, day, day + DAY_S)
    }


def _differs(change: VerdictChange) -> bool:
    """Whether more than the times of deciding changed."""
    before, after = change.before, change.after
    if before is None:
        return True
    return before._replace(first_seen_s=after.first_seen_s, decided_at_s=after.decided_at_s) != after
