"""Packets over HTTP: a JSON array or NDJSON, an outcome for each item, 202 only when the log has the accepted ones, 422 when
none is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from services.monitoring.api.responses import ItemNoteOut
from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.domain.reading import PERIODS
from services.monitoring.packet_record import (
    Packet,
    Rejection,
    data_time,
    examine,
    known_fields,
    packet_record,
    read_packet,
)
from shared.access import Caller, Role
from shared.domain.error_words import sentence_zh, title_zh
from shared.domain.errors import Invalid, Unreachable
from shared.domain.events import PACKETS
from shared.domain.item_note import ItemNote
from shared.eventlog.codec import decode
from shared.ports import NewRecord
from shared.runtime.auth import allow
from shared.runtime.body_limit import MB, BodyLimit, body_up_to
from shared.runtime.service import Context
from shared.runtime.web import Problem, problem_answer

LIMIT = BodyLimit(most_bytes=5 * MB, together_bytes=40 * MB)
NDJSON = "application/x-ndjson"
APPEND_TIMEOUT_S = 30.0  # the log's own time-out comes first
LARGEST_ITEM = 256  # factors of one packet; the largest met has some forty
MOST_RECORD_BYTES = 64 * 1024  # of one packet on the log; a frame of a logger is no longer either
MOST_NOTED = 1_000  # packets whose notes are answered; all stand in the point's notes
MOST_ITEMS = 50_000  # of one body; the shortest packets that mean anything fill 5 MB with fewer

_EXAMPLE = [
    {
        "mn": "A110000_0001",
        "command": "2061",
        "data_time": "2026-11-20T08:00:00+08:00",
        "factors": {"a21026": {"Avg": 42.1, "Flag": "N"}, "a19001": {"Avg": 7.9, "Flag": "N"}},
    }
]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": {"type": "object"}, "description": "packets"},
                "example": _EXAMPLE,
            },
            NDJSON: {"schema": {"type": "string", "description": "one packet a line"}},
        },
    }
}


class Rejected(BaseModel):
    """`index`: the item's place in the array, or its line, from 0. Rejected items are not kept."""

    index: int
    code: QuarantineReason
    detail: str


class Noted(BaseModel):
    """A packet of which something was left out or mended; the rest of it was accepted."""

    index: int
    notes: list[ItemNoteOut]


class Taken(BaseModel):
    """`accepted` packets stand durably on the log. `noted`: those accepted without some of their items, the first 1,000 of
    them; `noted_in_all` counts them; neither is there when there is none."""

    accepted: int = Field(ge=0)
    rejected: list[Rejected]
    noted: list[Noted] = []
    noted_in_all: int = Field(0, ge=0)


class PacketsProblem(Problem):
    """A body that cannot be read, or of whose packets none is accepted: then `rejected` has them all."""

    rejected: list[Rejected] | None = None

    @classmethod
    def of(cls, rejected: Sequence[Rejected]) -> PacketsProblem:
        first, code = rejected[0], "all-rejected"
        detail = f"packets sent: {len(rejected)}, accepted: none; the first: {first.code}, {first.detail}"
        return cls(
            title=HTTPStatus.UNPROCESSABLE_ENTITY.phrase,
            title_zh=title_zh(code),
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            detail=detail,
            detail_zh=sentence_zh(code, detail),
            code=code,
            rejected=list(rejected),
        )


def add_packets(router: APIRouter, context: Context) -> None:
    """POST /packets."""
    ingress = _Ingress(context)

    @router.post(
        "/packets",
        status_code=202,
        response_model=Taken,
        response_model_exclude_defaults=True,
        responses={422: {"model": PacketsProblem}},
        tags=["packets"],
        summary="上报监测数据 / Take packets",
        openapi_extra=_BODY,
    )
    def send_packets(
        caller: Annotated[Caller, allow(Role.DEVICE, Role.OPS)],
        body: Annotated[bytes, body_up_to(LIMIT)],
        request: Request,
    ) -> Taken | JSONResponse:
        """JSON array or NDJSON (`application/x-ndjson`), up to 5 MB. Codes of HJ/T 212-2005 are read as those of 2017.

        202 when at least one packet is accepted, or none was sent; 422 when all are rejected."""
        ndjson = request.headers.get("content-type", "").partition(";")[0].strip() == NDJSON
        taken = ingress.take(caller, _lines(body) if ndjson else _items(body))
        if taken.rejected and not taken.accepted:
            return problem_answer(PacketsProblem.of(taken.rejected))
        return taken


def _items(body: bytes) -> Iterable[object]:
    document = decode(body)
    if not isinstance(document, list):
        raise Invalid("the body is not a JSON array of packets", field="body", rule="JSON array, or NDJSON by its type")
    return document


def _lines(body: bytes) -> Iterable[object]:
    for line in body.splitlines():
        if not line.strip():
            continue
        try:
            yield decode(line)
        except Invalid as wrong:
            yield Rejection(QuarantineReason.BAD_JSON, wrong.detail)


@dataclass(frozen=True, slots=True)
class _Found:
    """A packet that is taken, and what was odd about its items."""

    packet: Packet
    notes: Sequence[ItemNote]


@dataclass(frozen=True, slots=True)
class _Ingress:
    context: Context

    def take(self, caller: Caller, items: Iterable[object]) -> Taken:
        accepted: list[NewRecord] = []
        rejected: list[Rejected] = []
        noted: list[Noted] = []
        now = self.context.clock.field_now()
        for index, item in enumerate(items):
            if index >= MOST_ITEMS:
                rule = f"at most {MOST_ITEMS} packets in one body"
                raise Invalid(f"more than {MOST_ITEMS} packets", field="body", rule=rule)
            found = item if isinstance(item, Rejection) else self._one(caller, item)
            record = found if isinstance(found, Rejection) else self._record(found.packet, now)
            if isinstance(record, Rejection):
                rejected.append(Rejected(index=index, code=record.code, detail=record.detail))
                continue
            accepted.append(record)
            assert isinstance(found, _Found)
            self._lag(found.packet, now.timestamp())
            if found.notes:
                noted.append(Noted(index=index, notes=[ItemNoteOut.of(one) for one in found.notes]))
        self._append(accepted)
        packets = self.context.metrics.ingest_packets
        packets.labels("http", "accepted").inc(len(accepted))
        packets.labels("http", "rejected").inc(len(rejected))
        return Taken(accepted=len(accepted), rejected=rejected, noted=noted[:MOST_NOTED], noted_in_all=len(noted))

    def _record(self, packet: Packet, now: datetime) -> NewRecord | Rejection:
        """The packet's record, of what we know of it only; refused when it is larger than any packet is."""
        offset = self.context.directory.offset
        record = packet_record(known_fields(packet), received_at=now, source="http", register_offset=offset)
        size = len(record.value or b"")
        if size > MOST_RECORD_BYTES:
            return Rejection(QuarantineReason.TOO_LONG, f"a packet of {size} bytes, at most {MOST_RECORD_BYTES}")
        return record

    def _one(self, caller: Caller, item: object) -> _Found | Rejection:
        if not isinstance(item, dict):
            return Rejection(QuarantineReason.BAD_JSON, "the item is not an object")
        packet = read_packet({**item, "item_notes": None})
        if isinstance(packet, Rejection):
            return packet
        if caller.role is Role.DEVICE and packet.mn not in caller.mns:
            return Rejection(QuarantineReason.NOT_YOURS, f"the token does not speak for {packet.mn[:32]!r}")
        if len(packet.factors) > LARGEST_ITEM:
            return Rejection(QuarantineReason.TOO_LONG, f"{len(packet.factors)} factors, at most {LARGEST_ITEM}")
        found = examine(packet, self.context.directory, self.context.clock.field_now())
        if isinstance(found, Rejection):
            return found
        if packet.command not in PERIODS:
            return Rejection(
                QuarantineReason.BAD_COMMAND, f"command {packet.command}, one of {', '.join(PERIODS)} wanted"
            )
        return _Found(packet, found.notes)

    def _append(self, records: list[NewRecord]) -> None:
        """Wait until they are durable; raises Unreachable when the log is away or full."""
        if not records:
            return
        try:
            self.context.log.append(PACKETS, records).result(APPEND_TIMEOUT_S)
        except TooLate as late:
            raise Unreachable("the log did not answer in time", code="log-away") from late

    def _lag(self, packet: Packet, now_s: float) -> None:
        at = data_time(packet.data_time)
        if at is not None:
            self.context.metrics.ingest_lag.observe(max(0.0, now_s - at.timestamp()))
