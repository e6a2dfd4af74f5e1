"""The CloudEvents of alerts by long poll and as server-sent events. The only asynchronous routes: thousands may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from services.alerts.api.documents import EventPage
from services.alerts.api.roles import Reader
from services.alerts.delivery.event_stream import PAGE, EventStream
from services.alerts.store.events import StreamEvent, events_after, last_stream_no
from shared.access import Caller
from shared.database import Database
from shared.domain.errors import Invalid
from shared.eventlog.codec import decode_object

TAG = "events"
HEARTBEAT_S = 15.0
LONGEST_WAIT_S = 60
MOST_DIGITS = 100  # of a Last-Event-ID; Python reads no number of more than 4300


@dataclass(frozen=True, slots=True)
class Found:
    """What is there without waiting, and up to which number everything was looked through."""

    events: list[StreamEvent]
    reached: int


def event_routes(database: Database, event_stream: EventStream) -> APIRouter:
    router = APIRouter(tags=[TAG])

    @router.get("/events", response_model=EventPage, summary="预警事件，可长轮询 / Events of alerts, by long poll")
    async def list_events(
        caller: Reader,
        request: Request,
        after: Annotated[int, Query(ge=0, lt=2**62, description="stream number of the last event known")] = 0,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="seconds to wait for an event")] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
    ) -> JSONResponse:
        event_stream.end_with(request.app.state.stopping)
        found = await asyncio.to_thread(_found, database, caller, after, limit)
        events = found.events
        if not events and wait:
            async with aclosing(event_stream.listen(caller, found.reached, idle_s=wait)) as listening:
                events = await anext(listening, [])
        events = events[:limit]
        # a page without events names no later number: it would show that there are events which the caller may not see
        items = [dict(decode_object(one.value)) for one in events]
        return JSONResponse({"items": items, "next": events[-1].stream_no if events else after})

    @router.get(
        "/stream",
        summary="预警事件流 / Events of alerts as server-sent events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "one CloudEvent a message"}},
    )
    async def stream_events(
        caller: Reader,
        request: Request,
        after: Annotated[int | None, Query(ge=0, lt=2**62, description="stream number; none: only what is new")] = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> StreamingResponse:
        event_stream.end_with(request.app.state.stopping)
        start = await _start(database, after, last_event_id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            _messages(event_stream, caller, start), media_type="text/event-stream", headers=headers
        )

    return router


def _found(database: Database, caller: Caller, after: int, limit: int) -> Found:
    with database.read() as session:
        last = last_stream_no(session)
        return Found(events_after(session, after, limit=limit, caller=caller, until=last), max(after, last))


async def _start(database: Database, after: int | None, last_event_id: str | None) -> int:
    """Where a listener goes on: its last id, then `after`, else at the end."""
    if last_event_id:
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= MOST_DIGITS):
            raise Invalid(
                f"Last-Event-ID {last_event_id[:100]!r} is not a stream number",
                field="Last-Event-ID",
                value=last_event_id[:100],
                rule="the id of the last message",
            )
        return min(int(last_event_id), 2**62)
    return after if after is not None else await asyncio.to_thread(_last, database)


def _last(database: Database) -> int:
    with database.read() as session:
        return last_stream_no(session)


async def _messages(event_stream: EventStream, caller: Caller, after: int) -> AsyncGenerator[bytes, None]:
    yield b"retry: 3000\n\n"
    async with aclosing(event_stream.listen(caller, after, idle_s=HEARTBEAT_S)) as listening:
        async for events in listening:
            yield b"".join(_message(one) for one in events) or b": still here\n\n"


def _message(event: StreamEvent) -> bytes:
    kind = decode_object(event.value)["type"]
    return f"id: {event.stream_no}\nevent: {kind}\ndata: ".encode() + event.value + b"\n\n"
