"""Records of packets become truth rows, verdicts and risks.

Handlers run inside the caller's transaction and never commit; the same records again change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from services.monitoring.detectors import DETECTORS
from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.changes import Changes
from services.monitoring.engine.rows import RowHistory
from services.monitoring.handlers.due_marks import DueMarks
from services.monitoring.handlers.packet_batch import BatchSorter, PacketBatch
from services.monitoring.handlers.risk_drafts import save_drafts
from services.monitoring.handlers.verdicts import Decider
from services.monitoring.packet_record import Packet
from services.monitoring.store import quarantine
from services.monitoring.store.discharges import PermitDay, new_discharges
from services.monitoring.store.notes import write_notes
from services.monitoring.store.packets import write_packets
from services.monitoring.store.register import Register, lock_points
from services.monitoring.store.risks import SOURCE, RiskRepository
from services.monitoring.store.values import stored_values, write_values
from shared.domain.clock import Clock, Instant
from shared.domain.events import DISCHARGE_SEEN, REGISTRY, RISKS, Event
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.gc_pause import gc_paused
from shared.meanwhile import first_do
from shared.ports import Record
from shared.runtime.consuming import NotYet
from shared.runtime.metrics import Metrics

PACKETS_GROUP, REGISTER_GROUP = "monitoring", "monitoring-register"
WAITS_FOR_REGISTER = timedelta(seconds=30)  # by wall clock, since the log took the packet
MOST_DIGITS = 18  # an offset is an int64


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
        self._marks = DueMarks()
        self._register_read = 0  # its position as last seen; it only grows
        self.decider = Decider(register)
        self._risks = RiskRepository(outbox, metrics)

    @gc_paused()
    def take(self, session: Session, records: Sequence[Record]) -> None:
        now = self._clock.now()
        self._wait_for_register(session, records, now.wall)
        batch = self._sorted(session, records, now)
        marks = self._marks.prepare(session, batch.due, now.s)
        deciding = self._register.sites(session, batch.deciding)
        lock_points(session, {*marks.contended, *batch.deciding, *_siblings(deciding.values(), now.s)})
        reports = batch.reports.beside(stored_values(session, batch.reports.windows()))
        verdicts = self.decider.begin(session, batch.windows, now.s, settle=False, reports=reports)
        first_do(session, verdicts.go_on)  # the rules need no database
        write_values(session, reports)
        write_packets(session, batch.packets.values())
        self._marks.write(session, marks, batch.last_seen)
        quarantine.add(session, batch.refused)
        write_notes(session, batch.notes)
        if batch.windows:
            self.settle(session, verdicts.finish(session), now)
        self._metrics.stage_last.labels("decided").set(now.wall.timestamp())

    def _sorted(self, session: Session, records: Sequence[Record], now: Instant) -> PacketBatch:
        # of our own writers the key is the MN: so that the first packet of a point is an ordinary one too
        known = self._register.summaries(session, {record.key for record in records})
        sorter = BatchSorter(now, self._marks)
        odd = sorter.take_plain(records, known)
        if odd:
            mns = {one.packet.mn for one in odd if isinstance(one.packet, Packet)}
            sorter.take_odd(odd, self._register.sites(session, mns))
            for item in sorter.batch.refused:
                self._metrics.quarantined.labels(item.reason.value).inc()
            for row in sorter.batch.notes:
                self._metrics.item_notes.labels(row.note.fault.value).inc()
        return sorter.batch

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
        if _register_known(records) <= self._register_read:
            return
        known = _register_known(r for r in records if abs(wall_now - r.appended_at) < WAITS_FOR_REGISTER)
        if known > self._register_read:
            self._register_read = self._progress.position(session, REGISTER_GROUP, REGISTRY)
        if known > self._register_read:
            raise NotYet


def _register_known(records: Iterable[Record]) -> int:
    """The greatest `registry` offset that their writers knew; 0 where the headers are missing or no numbers."""
    offsets = {record.headers.get("registry", b"") for record in records}  # few different ones
    return max((int(one) for one in offsets if one.isdigit() and len(one) <= MOST_DIGITS), default=0)


def _siblings(sites: Iterable[Site], now_s: int) -> set[str]:
    """The points of their outlets: their episodes are decided together."""
    found: set[str] = set()
    for site in sites:
        limits = site.limits_at(now_s)
        if limits is not None:
            found.update(limits.siblings)
    return found
