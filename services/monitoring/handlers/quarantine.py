"""Quarantine: records become rows; packets go back to `packets` when their point is registered, their time has come, or
an officer decides so."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlmodel import Session

from services.monitoring.domain.quarantine import NewItem, QuarantineItem, QuarantineState, known_reason
from services.monitoring.packet_record import (
    Packet,
    aliases_of_segment,
    data_time,
    device_document,
    packet_record,
    read_packet,
)
from services.monitoring.store import quarantine
from services.monitoring.store.sealed_secrets import PASSWORD_OF_ITEM
from shared.domain.clock import Clock
from shared.domain.errors import Conflict, Invalid
from shared.domain.events import PACKETS
from shared.domain.json import read_optional_text
from shared.eventlog.codec import decode_object
from shared.eventlog.outbox import Outbox
from shared.hj212.frame import Framer
from shared.hj212.packet import Malformed, parse
from shared.ports import NewRecord, Record
from shared.register import Point
from shared.runtime.directory import PASSWORD
from shared.runtime.metrics import Metrics
from shared.runtime.secrets import Sealer

log = structlog.get_logger(__name__)


class PutBack:
    """Publishes the packet of an item again, in the transaction that marks the item."""

    def __init__(self, *, clock: Clock, outbox: Outbox, sealer: Sealer) -> None:
        self._clock = clock
        self._outbox = outbox
        self._sealer = sealer

    def if_it_fits(self, session: Session, item: QuarantineItem, point: Point) -> bool:
        """A packet of a point that was unknown, if its password is the point's; else it stays."""
        try:
            if item.form == "frame" and not self._password_fits(item, point):
                return False
            self.now(session, item, by="register")
        except Conflict as wrong:
            log.info("a quarantined packet does not go back", id=item.id, why=wrong.detail)
            return False
        return True

    def now(self, session: Session, item: QuarantineItem, *, by: str) -> None:
        """Put the item's packet on `packets`; raises Conflict when it was moved before or makes no packet."""
        if item.state is not QuarantineState.KEPT:
            raise Conflict(f"the packet was {item.state.value} before", code="already-moved")
        record = _record(item)
        headers = {name: value.decode("latin-1") for name, value in record.headers.items() if name != "registry"}
        wall = self._clock.wall_now()
        event_id = f"put-back:{item.id}"
        self._outbox.put(session, PACKETS, record.key, event_id, record.value, wall_now=wall, headers=headers)
        quarantine.move(session, item.id, QuarantineState.PUT_BACK, at=self._clock.field_now(), by=by)

    def dismiss(self, session: Session, item: QuarantineItem, *, by: str) -> None:
        """Done with, by a person's decision."""
        quarantine.move(session, item.id, QuarantineState.DISMISSED, at=self._clock.field_now(), by=by)

    def _password_fits(self, item: QuarantineItem, point: Point) -> bool:
        if point.sealed_password is None:
            return True
        if item.sealed_password is None:
            return False
        try:
            sent = self._sealer.open(item.sealed_password, PASSWORD_OF_ITEM)
            return sent == self._sealer.open(point.sealed_password, PASSWORD)
        except Invalid:
            return False


def _record(item: QuarantineItem) -> NewRecord:
    headers = {name: value.encode("latin-1") for name, value in item.headers.items()}
    if item.form == "packet":
        packet = read_packet(item.raw)
        if not isinstance(packet, Packet):
            raise Conflict(f"it makes no packet: {packet.detail}", code="no-packet")
        return NewRecord(packet.mn, item.raw, headers)
    return _from_frame(item.raw, item.received_at, headers)


def _from_frame(raw: bytes, received_at: datetime, headers: dict[str, bytes]) -> NewRecord:
    """The record that the gateway makes of this frame."""
    framer = Framer()
    cuts = [*framer.feed(raw), *framer.settle()]
    cut = next((cut for cut in cuts if cut.segment), None)
    if cut is None:
        raise Conflict("it makes no frame", code="no-packet")
    try:
        packet = parse(cut.segment, aliases_of_segment(cut.segment))
    except Malformed as wrong:
        raise Conflict(f"it makes no packet: {wrong}", code="no-packet") from wrong
    upload = raw if packet.upload is not None else None
    made = packet_record(device_document(packet, cut.notes()), received_at=received_at, source="gateway", raw=upload)
    return NewRecord(made.key, made.value, {**made.headers, **headers})


class QuarantineHandler:
    """Records of `quarantine` become items."""

    def __init__(self, *, metrics: Metrics) -> None:
        self._metrics = metrics

    def take(self, session: Session, records: Sequence[Record]) -> None:
        items = [_item(record) for record in records if record.value is not None]
        quarantine.add(session, items)
        for item in items:
            self._metrics.quarantined.labels(item.reason.value).inc()


def _item(record: Record) -> NewItem:
    document = decode_object(record.value or b"{}")
    return NewItem(
        origin=quarantine.origin(record),
        mn=read_optional_text(document, "mn"),
        reason=known_reason(str(document.get("reason"))),
        detail=str(document.get("detail") or ""),
        form="packet" if document.get("form") == "packet" else "frame",
        source=str(document.get("source") or "unknown"),
        received_at=data_time(read_optional_text(document, "received_at")) or record.appended_at,
        raw=b64decode(read_optional_text(document, "raw") or ""),
        address=read_optional_text(document, "address"),
        sealed_password=read_optional_text(document, "sealed_password"),
    )
