"""Quarantine: records become rows; packets go back to `packets` when their point is registered, their time has come, or
an officer decides so."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session

from services.monitoring.domain.quarantine import QuarantineReason, QuarantineState
from services.monitoring.packet_record import (
    Packet,
    aliases_of_segment,
    data_time,
    device_document,
    packet_record,
    read_packet,
)
from services.monitoring.store import quarantine
from shared.domain.clock import Clock
from shared.domain.errors import Conflict, Invalid
from shared.domain.events import PACKETS
from shared.eventlog.codec import decode
from shared.eventlog.outbox import Outbox
from shared.hj212.frame import Framer
from shared.hj212.packet import Malformed, parse
from shared.ports import NewRecord, Record
from shared.register import Point
from shared.runtime.directory import PASSWORD
from shared.runtime.metrics import Metrics
from shared.runtime.secrets import Sealer

log = structlog.get_logger(__name__)
KEPT_PASSWORD = "quarantine-password"  # purpose under which the gateway seals what a stranger sent


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
    """The record that the gateway makes of this frame."""
    framer = Framer()
    cuts = [*framer.feed(raw), *framer.settle()]
    segment = next((cut.segment for cut in cuts if cut.segment), None)
    if segment is None:
        raise Conflict("it makes no frame", code="no-packet")
    try:
        packet = parse(segment, aliases_of_segment(segment))
    except Malformed as wrong:
        raise Conflict(f"it makes no packet: {wrong}", code="no-packet") from wrong
    upload = raw if packet.upload is not None else None
    made = packet_record(device_document(packet), received_at=received_at, source="gateway", raw=upload)
    return NewRecord(made.key, made.value, {**made.headers, **headers})


class QuarantineHandler:
    """Records of `quarantine` become rows."""

    def __init__(self, *, metrics: Metrics) -> None:
        self._metrics = metrics

    def take(self, session: Session, records: Sequence[Record]) -> None:
        rows = [_row(record) for record in records if record.value is not None]
        quarantine.keep(session, rows)
        for row in rows:
            self._metrics.quarantined.labels(row["reason"]).inc()


def _row(record: Record) -> dict[str, Any]:
    document = decode(record.value or b"{}")
    received = data_time(document.get("received_at")) or record.appended_at
    reasons = {reason.value for reason in QuarantineReason}
    reason = str(document.get("reason"))
    return {
        "origin": quarantine.origin(record),
        "mn": document.get("mn"),
        "reason": reason if reason in reasons else QuarantineReason.MALFORMED.value,
        "detail": str(document.get("detail") or ""),
        "state": QuarantineState.KEPT.value,
        "form": "packet" if document.get("form") == "packet" else "frame",
        "source": str(document.get("source") or "unknown"),
        "address": document.get("address"),
        "received_at": received,
        "raw": b64decode(document.get("raw") or ""),
        "headers": {},
        "sealed_password": document.get("sealed_password"),
        "comes_back_s": None,
    }
