"""Brings quarantined packets back to `packets`: when their point was registered, their time came, or an officer says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session

from services.monitoring.domain.quarantine import QuarantineState
from services.monitoring.packet_record import Packet, packet_record, read_packet
from services.monitoring.store import quarantine
from shared.domain.clock import Clock, rfc3339
from shared.domain.errors import Conflict, Invalid
from shared.domain.events import PACKETS
from shared.domain.pollutant import aliases_2005
from shared.eventlog.outbox import Outbox
from shared.hj212.frame import Framer
from shared.hj212.packet import Malformed, parse
from shared.ports import NewRecord
from shared.register import Point
from shared.runtime.directory import PASSWORD
from shared.runtime.secrets import Sealer

log = structlog.get_logger(__name__)
KEPT_PASSWORD = "quarantine-password"  # purpose under which the gateway seals what a stranger sent


class _NoOffset:
    """What was put back knows no register of its own."""

    offset = 0


class PutBack:
    """Says the packet of a kept row anew, in the transaction that marks the row."""

    def __init__(self, *, clock: Clock, outbox: Outbox, sealer: Sealer) -> None:
        self._clock = clock
        self._outbox = outbox
        self._sealer = sealer

    def if_it_fits(self, session: Session, kept: Any, point: Point) -> bool:
        """A stranger's packet, once its point is known and its password is the point's; else it stays."""
        try:
            if kept.form == "frame" and not self._password_fits(kept, point):
                return False
            self.now(session, kept, by="register")
        except Conflict as wrong:
            log.info("a kept packet does not come back", id=kept.id, why=wrong.detail)
            return False
        return True

    def now(self, session: Session, kept: Any, *, by: str) -> None:
        """Put the row's packet on `packets`; raises Conflict when it was moved before or makes no packet."""
        if kept.state != QuarantineState.KEPT.value:
            raise Conflict(f"the packet was {kept.state} before", code="already-moved")
        record = _record(kept)
        headers = {name: value.decode("latin-1") for name, value in record.headers.items() if name != "registry"}
        wall = self._clock.wall_now()
        event_id = f"put-back:{kept.id}"
        self._outbox.put(session, PACKETS, record.key, event_id, record.value, wall_now=wall, headers=headers)
        quarantine.move(session, kept.id, QuarantineState.PUT_BACK, at=self._clock.field_now(), by=by)

    def dismiss(self, session: Session, kept: Any, *, by: str) -> None:
        """Done with, by a person's word."""
        quarantine.move(session, kept.id, QuarantineState.DISMISSED, at=self._clock.field_now(), by=by)

    def _password_fits(self, kept: Any, point: Point) -> bool:
        if point.sealed_password is None:
            return True
        if kept.sealed_password is None:
            return False
        try:
            said = self._sealer.open(kept.sealed_password, KEPT_PASSWORD)
            return said == self._sealer.open(point.sealed_password, PASSWORD)
        except Invalid:
            return False


def _record(kept: Any) -> NewRecord:
    headers = {name: value.encode("latin-1") for name, value in (kept.headers or {}).items()}
    if kept.form == "packet":
        packet = read_packet(kept.raw)
        if not isinstance(packet, Packet):
            raise Conflict(f"it makes no packet: {packet.detail}", code="no-packet")
        return NewRecord(packet.mn, kept.raw, headers)
    return _from_frame(kept.raw, kept.received_at, headers)


def _from_frame(raw: bytes, received_at: datetime, headers: dict[str, bytes]) -> NewRecord:
    framer = Framer()
    cuts = [*framer.feed(raw), *framer.settle()]
    segment = next((cut.segment for cut in cuts if cut.segment), None)
    if segment is None:
        raise Conflict("it makes no frame", code="no-packet")
    try:
        packet = parse(segment, aliases_2005())
    except Malformed as wrong:
        raise Conflict(f"it makes no packet: {wrong}", code="no-packet") from wrong
    document = {
        "mn": packet.mn,
        "command": packet.cn,
        "data_time": rfc3339(packet.data_time) if packet.data_time else None,
        "qn": packet.qn,
        "rf": packet.rf,
        "st": packet.st,
        "factors": packet.factors,
        "params": packet.params,
    }
    made = packet_record(document, received_at=received_at, source="gateway", directory=_NoOffset())
    return NewRecord(made.key, made.value, {**made.headers, **headers})
