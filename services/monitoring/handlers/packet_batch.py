"""A batch of packet records, sorted: rows to be written, windows to be decided, marks to be made, what is refused.

It reads nothing and writes nothing. An ordinary packet takes a short way (`plain_row`, `plain_report`), all others are
examined; both ways come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.due_work import DueKey
from services.monitoring.domain.item_note_row import NoteRow
from services.monitoring.domain.packet_row import PACKET_PERIODS, PacketKey, PacketRow, merged, packed_readings
from services.monitoring.domain.period_stamp import window_start_s
from services.monitoring.domain.point_summary import PointSummary
from services.monitoring.domain.quarantine import NewItem, QuarantineReason
from services.monitoring.domain.reading import rank
from services.monitoring.domain.window_report import WindowReport, WindowReports
from services.monitoring.domain.windows import HOUR_S, WindowKey, seconds
from services.monitoring.handlers.due_marks import DueMarks, marks_of
from services.monitoring.packet_record import (
    Accepted,
    Packet,
    RealTimePacket,
    Rejection,
    ReportPacket,
    data_time,
    examine,
    plain_report,
    plain_row,
    read_packet,
    read_real_time,
    read_report,
    sent_of,
)
from services.monitoring.store import quarantine
from shared.domain.clock import Instant
from shared.ports import Record
from shared.register import Point


@dataclass(slots=True)
class PacketBatch:
    """What packets come to. `deciding`: points with hours or days, or without limits when a packet came: a change of the
    register, or a job, decides by what is stored of them at this moment."""

    reports: WindowReports = field(default_factory=WindowReports)
    packets: dict[PacketKey, PacketRow] = field(default_factory=dict)
    last_seen: dict[str, int] = field(default_factory=dict)
    windows: set[WindowKey] = field(default_factory=set)
    due: dict[DueKey, int] = field(default_factory=dict)
    deciding: set[str] = field(default_factory=set)
    refused: list[NewItem] = field(default_factory=list)
    notes: list[NoteRow] = field(default_factory=list)

    def add_packet(self, row: PacketRow) -> None:
        key = row.key
        other = self.packets.setdefault(key, row)
        if other is not row:
            self.packets[key] = merged(other, row)


@dataclass(frozen=True, slots=True)
class OddPacket:
    """A record that has to be examined, and what was read of it."""

    record: Record
    packet: Packet | Rejection


@dataclass(frozen=True, slots=True)
class _Lookup:
    sites: Mapping[str, Site]

    def point(self, mn: str) -> Point | None:
        site = self.sites.get(mn)
        return site.point if site else None


class BatchSorter:
    """Sorts the records of one batch, at one moment. `marks`: what need not be marked again."""

    def __init__(self, now: Instant, marks: DueMarks) -> None:
        self.batch = PacketBatch()
        self._now = now.field
        self._now_s = now.s
        self._marks = marks
        self._marked: dict[str, int] = {}  # the hour of a point that was looked after last

    def take_plain(self, records: Iterable[Record], known: Mapping[str, PointSummary]) -> list[OddPacket]:
        """Take the ordinary packets of points that are known already; the others are given back, in their order."""
        odd: list[OddPacket] = []
        for record in records:
            real_time = read_real_time(record.value or b"")
            if real_time is not None and self._is_plain(record, real_time, known):
                continue
            report = read_report(record.value or b"")
            if report is not None and self._is_plain_report(record, report, known):
                continue
            packet = read_packet(record.value or b"")
            if isinstance(packet, Rejection) or not self._is_plain(record, packet, known):
                odd.append(OddPacket(record, packet))
        return odd

    def _is_plain(self, record: Record, packet: Packet | RealTimePacket, known: Mapping[str, PointSummary]) -> bool:
        """Whether it is an ordinary packet, and taken."""
        point = known.get(packet.mn)
        if point is None:
            return False
        received = _received(packet, record, self._now)
        row = plain_row(packet, record.value or b"", point.period_stamp, received, self._now_s)
        if row is None:
            return False
        self._seen(row.mn, row.received_at_s)
        self._packet(row, point)
        return True

    def _is_plain_report(self, record: Record, packet: ReportPacket, known: Mapping[str, PointSummary]) -> bool:
        """Whether it is an ordinary report of an hour or a day, and taken."""
        point = known.get(packet.mn)
        if point is None:
            return False
        received = _received(packet, record, self._now)
        report = plain_report(packet, record.value or b"", point.period_stamp, received, field_now_s=self._now_s)
        if report is None:
            return False
        self._seen(packet.mn, report.received_at_s)
        self._report(report, point)
        return True

    def take_odd(self, odd: Iterable[OddPacket], sites: Mapping[str, Site]) -> None:
        """Examine packets. `sites`: the registered points among theirs."""
        lookup = _Lookup(sites)
        for one in odd:
            found = one.packet if isinstance(one.packet, Rejection) else examine(one.packet, lookup, self._now)
            received = _received(one.packet, one.record, self._now)
            if isinstance(found, Rejection):
                self.batch.refused.append(_refused(one.record, one.packet, found, received))
            else:
                assert isinstance(one.packet, Packet)
                self._examined(one.record, one.packet, found, sites[one.packet.mn], received)

    def _examined(self, record: Record, packet: Packet, found: Accepted, site: Site, received: datetime) -> None:
        mn, received_s, source = packet.mn, seconds(received), packet.source[:40]
        self._seen(mn, received_s)
        start = received_s
        if found.period is not None:
            start = window_start_s(found.at_s, found.period, site.point.period_stamp)
        self.batch.notes += [NoteRow(mn, packet.command, start, one, source, received_s) for one in found.notes]
        if found.period is None or not found.readings:
            return
        ranked = rank(resent=packet.rf, sent=sent_of(packet, received), content=record.value or b"")
        if found.period in PACKET_PERIODS:
            body = packed_readings(found.readings)
            self._packet(PacketRow(mn, found.period, start, ranked, source, received_s, body), site.summary())
            return
        window = WindowKey(mn, found.period, start)
        self._report(WindowReport(window, ranked, source, received_s, found.readings), site.summary())

    def _report(self, report: WindowReport, point: PointSummary) -> None:
        self.batch.reports.add(report)
        self.batch.deciding.add(report.window.mn)
        if point.is_limited(report.window.start_s):
            self.batch.windows.add(report.window)

    def _packet(self, row: PacketRow, point: PointSummary) -> None:
        self.batch.add_packet(row)
        hour = row.start_s - row.start_s % HOUR_S
        if self._marked.get(row.mn) == hour:
            return
        self._marked[row.mn] = hour
        if self._marks.stand(row.mn, hour, self._now_s):
            return
        if point.is_limited(row.start_s):
            self.batch.due.update(marks_of(row.mn, hour, self._now_s))
        else:
            self.batch.deciding.add(row.mn)

    def _seen(self, mn: str, at_s: int) -> None:
        if not self._marks.is_fresh(mn, at_s) and self.batch.last_seen.get(mn, 0) < at_s:
            self.batch.last_seen[mn] = at_s


def _received(packet: Packet | RealTimePacket | ReportPacket | Rejection, record: Record, now: datetime) -> datetime:
    """When it was received, never later than now; without that, when it came into the log."""
    received = data_time(packet.received_at) if not isinstance(packet, Rejection) else None
    return min(received or record.appended_at, now)


def _refused(record: Record, packet: Packet | Rejection, why: Rejection, received: datetime) -> NewItem:
    back = None
    if why.code is QuarantineReason.FUTURE and isinstance(packet, Packet):
        at = data_time(packet.data_time)
        back = seconds(at) if at else None
    return NewItem(
        origin=quarantine.origin(record),
        mn=packet.mn[:32] if isinstance(packet, Packet) else record.key[:32],
        reason=why.code,
        detail=why.detail,
        form="packet",
        source=packet.source[:40] if isinstance(packet, Packet) else "unknown",
        received_at=received,
        raw=record.value or b"",
        headers={name: value.decode("latin-1") for name, value in record.headers.items() if name != "registry"},
        comes_back_s=back,
    )
