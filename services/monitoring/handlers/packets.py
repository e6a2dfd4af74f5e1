"""Records of packets become truth rows, verdicts and risks.

Handlers run inside the caller's transaction and never commit; the same records again change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from services.monitoring.detectors import DETECTORS
from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.changes import Changes
from services.monitoring.domain.due_work import HOUR, RUNNING, DueKey
from services.monitoring.domain.item_note_row import NoteRow
from services.monitoring.domain.packet_row import PACKET_PERIODS, PacketKey, PacketRow, merged, row_of
from services.monitoring.domain.period_stamp import window_start_s
from services.monitoring.domain.quarantine import NewItem, QuarantineReason
from services.monitoring.domain.reading import PeriodValue, PeriodValueKey, rank
from services.monitoring.domain.windows import HOUR_S, WindowKey, hour_start_s, seconds
from services.monitoring.engine.rows import RowHistory
from services.monitoring.handlers.risk_drafts import save_drafts
from services.monitoring.handlers.verdicts import Decider
from services.monitoring.packet_record import Accepted, Packet, Rejection, data_time, examine, read_packet
from services.monitoring.store import quarantine
from services.monitoring.store.discharges import PermitDay, new_discharges
from services.monitoring.store.due import mark_due
from services.monitoring.store.notes import write_notes
from services.monitoring.store.packets import write_packets
from services.monitoring.store.register import Register, lock_points
from services.monitoring.store.risks import SOURCE, RiskRepository
from services.monitoring.store.values import write_last_seen, write_values
from shared.domain.clock import SHANGHAI, Clock, Instant
from shared.domain.events import DISCHARGE_SEEN, REGISTRY, RISKS, Event
from shared.eventlog.codec import encode
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.ports import Record
from shared.register import Point
from shared.runtime.consuming import NotYet
from shared.runtime.metrics import Metrics

REGISTER_GROUP = "monitoring-register"
WAITS_FOR_REGISTER = timedelta(seconds=30)  # by wall clock, since the log took the packet
MOST_DIGITS = 18  # an offset is an int64
RUNNING_EVERY_S = 300  # a running mean is evaluated so often at most
GRACE_END_S = 2 * HOUR_S  # from an hour's start to the end of its grace


@dataclass(frozen=True, slots=True)
class _Lookup:
    sites: Mapping[str, Site]

    def point(self, mn: str) -> Point | None:
        site = self.sites.get(mn)
        return site.point if site else None


@dataclass(slots=True)
class _Batch:
    """What a batch of packets comes to."""

    values: dict[PeriodValueKey, PeriodValue] = field(default_factory=dict)
    packets: dict[PacketKey, PacketRow] = field(default_factory=dict)
    last_seen: dict[str, int] = field(default_factory=dict)
    windows: set[WindowKey] = field(default_factory=set)
    due: dict[DueKey, int] = field(default_factory=dict)
    refused: list[NewItem] = field(default_factory=list)
    notes: list[NoteRow] = field(default_factory=list)


class PacketHandler:
    """Truth rows, first decisions, episodes, all in one transaction."""

    def __init__(
        self, *, clock: Clock, register: Register, outbox: Outbox, progress: Progress, metrics: Metrics
    ) -> None:
        self._clock = clock
        self._register = register
        self._outbox = outbox
        self._progress = progress
        self._metrics = metrics
        self.decider = Decider(register)
        self._risks = RiskRepository(outbox, metrics)

    def take(self, session: Session, records: Sequence[Record]) -> None:
        now = self._clock.now()
        self._wait_for_register(session, records, now.wall)
        packets = [(record, read_packet(record.value or b"")) for record in records]
        sites = self._register.sites(session, {p.mn for _, p in packets if isinstance(p, Packet)})
        lock_points(session, _with_siblings(sites, now.s))
        batch = self._sorted(packets, _Lookup(sites), now)
        write_values(session, batch.values.values())
        write_packets(session, batch.packets.values())
        write_last_seen(session, batch.last_seen)
        mark_due(session, batch.due)
        quarantine.add(session, batch.refused)
        write_notes(session, batch.notes)
        self.settle(session, self.decider.decide(session, batch.windows, now.s, settle=False), now)
        self._metrics.stage_last.labels("decided").set(now.wall.timestamp())

    def settle(self, session: Session, changes: Changes, now: Instant) -> None:
        """What changed verdicts mean: the risks that the detectors find, and that somebody discharges."""
        history = RowHistory(session, self._register)
        drafts = [draft for detector in DETECTORS for draft in detector.detect(history, changes, now)]
        save_drafts(session, self._risks, drafts, now)
        self._publish_discharges(session, changes, now)
        for window in {row.window for row in changes.unfinished}:
            self._metrics.windows_unfinished.labels(window.averaging).inc()

    def _publish_discharges(self, session: Session, changes: Changes, now: Instant) -> None:
        holders = {PermitDay(one.permit, one.day): one.credit_code for one in changes.discharges}
        events = []
        for one in new_discharges(session, holders.keys()):
            data = {"permit": one.permit, "credit_code": holders[one], "day": one.day}
            event = Event(DISCHARGE_SEEN, SOURCE, f"discharge:{one.permit}:{one.day}", 1, now.field, data)
            events.append((holders[one], event))
        self._outbox.publish_all(session, RISKS, events, wall_now=now.wall)

    def _wait_for_register(self, session: Session, records: Sequence[Record], wall_now: datetime) -> None:
        """A packet whose writer knew more of the register waits, but not for ever: what a foreign producer claims may never
        come, and a later change of the register has the windows decided anew or brings the packet back."""
        young = (record for record in records if abs(wall_now - record.appended_at) < WAITS_FOR_REGISTER)
        known = max(map(_register_known, young), default=0)
        if known > self._progress.position(session, REGISTER_GROUP, REGISTRY):
            raise NotYet

    def _sorted(self, packets: Sequence[tuple[Record, Packet | Rejection]], lookup: _Lookup, now: Instant) -> _Batch:
        batch = _Batch()
        for record, packet in packets:
            found = packet if isinstance(packet, Rejection) else examine(packet, lookup, now.field)
            received = _received(packet, record, now.field)
            if isinstance(found, Rejection):
                batch.refused.append(_refused(record, packet, found, received))
                self._metrics.quarantined.labels(found.code.value).inc()
            else:
                assert isinstance(packet, Packet)
                _collect(batch, (record, packet, found), lookup.sites[packet.mn], received, now.s)
                for one in found.notes:
                    self._metrics.item_notes.labels(one.fault.value).inc()
        return batch


def _register_known(record: Record) -> int:
    """The `registry` offset that the writer knew; 0 when the header is missing or no number."""
    offset = record.headers.get("registry", b"")
    return int(offset) if offset.isdigit() and len(offset) <= MOST_DIGITS else 0


def _received(packet: Packet | Rejection, record: Record, now: datetime) -> datetime:
    """When it was received, never later than now; without that, when it came into the log."""
    received = data_time(packet.received_at) if isinstance(packet, Packet) else None
    return min(received or record.appended_at, now)


def _collect(batch: _Batch, taken: tuple[Record, Packet, Accepted], site: Site, received: datetime, now_s: int) -> None:
    record, packet, found = taken
    mn, received_s = packet.mn, seconds(received)
    if batch.last_seen.get(mn, 0) < received_s:
        batch.last_seen[mn] = received_s
    start = received_s
    if found.period is not None:
        start = window_start_s(found.at_s, found.period, site.point.period_stamp)
    batch.notes += [NoteRow(mn, packet.command, start, one, packet.source[:40], received_s) for one in found.notes]
    if found.period is None or not found.readings:
        return
    sent = packet.qn if packet.qn and len(packet.qn) == 17 and packet.qn.isdigit() else _stamp(received)
    ranked = rank(resent=packet.rf, sent=sent, content=record.value or b"")
    period, source = found.period, packet.source[:40]
    values = [
        PeriodValue(
            mn,
            period,
            start,
            factor,
            micro,
            zs,
            mark,
            source,
            ranked,
            received_s,
            encode(extras).decode() if extras else None,
        )
        for factor, (micro, zs, mark, extras) in found.readings.items()
    ]
    if period in PACKET_PERIODS:
        _add_packet(batch.packets, row_of(values))
    else:
        _add_values(batch.values, values)
    limits = site.limits_at(start)
    if limits is None or not limits.bounds:
        return
    if period in ("hour", "day"):
        batch.windows.add(WindowKey(mn, period, start))
        return
    hour = hour_start_s(start)
    batch.due[DueKey(mn, HOUR, hour)] = max(hour + GRACE_END_S, now_s)
    if now_s < hour + HOUR_S:
        batch.due[DueKey(mn, RUNNING, hour)] = now_s - now_s % RUNNING_EVERY_S + RUNNING_EVERY_S


def _add_packet(packets: dict[PacketKey, PacketRow], row: PacketRow) -> None:
    other = packets.get(row.key)
    packets[row.key] = row if other is None else merged(other, row)


def _add_values(values: dict[PeriodValueKey, PeriodValue], added: Sequence[PeriodValue]) -> None:
    for one in added:
        key = PeriodValueKey(one.mn, one.period, one.start_s, one.factor)
        other = values.get(key)
        if other is None or other.rank < one.rank:
            values[key] = one


def _stamp(received: datetime) -> str:
    """In the form of a QN: 17 digits, Shanghai time."""
    return received.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S%f")[:17]


def _with_siblings(sites: Mapping[str, Site], now_s: int) -> set[str]:
    """The points and all others of their outlets: their episodes are decided together."""
    found = set(sites)
    for site in sites.values():
        limits = site.limits_at(now_s)
        if limits is not None:
            found.update(limits.siblings)
    return found


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
