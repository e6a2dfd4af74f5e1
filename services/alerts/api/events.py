"""The CloudEvents of alerts by long poll and as server-sent events. The only asynchronous routes: thousands may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from services.alerts.api import PREFIX
from services.alerts.api.documents import EventPage
from services.alerts.api.roles import Reader
from services.alerts.delivery.event_stream import PAGE, EventStream
from services.alerts.store.events import StreamEvent, events_after, last_stream_no
from services.alerts.store.pushes import pushes_of
from shared.access import Caller
from shared.database import Database
from shared.domain.errors import Ahead, Invalid
from shared.eventlog.codec import decode_object
from shared.runtime.request_log import note_waiting
from shared.runtime.routes import api_router
from shared.runtime.web import problems

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
    router = api_router(PREFIX, TAG)

    @router.get(
        "/events",
        response_model=EventPage,
        responses=problems(410),
        summary="预警事件，可长轮询 / Events of alerts, by long poll",
    )
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
            note_waiting(request)
            async with aclosing(event_stream.listen(caller, found.reached, idle_s=wait)) as listening:
                events = await anext(listening, [])
        events = events[:limit]
        # a page without events names no later number: it would show that there are events which the caller may not see
        items = [dict(decode_object(one.value)) for one in events]
        pushes = await asyncio.to_thread(_pushes, database, caller, [str(item["id"]) for item in items])
        return JSONResponse({"items": items, "next": events[-1].stream_no if events else after, "pushes": pushes})

    @router.get(
        "/stream",
        summary="预警事件流 / Events of alerts as server-sent events",
        response_class=StreamingResponse,
        responses=problems(410)
        | {200: {"content": {"text/event-stream": {}}, "description": "one CloudEvent a message"}},
    )
    async def stream_events(
        caller: Reader,
        request: Request,
        after: Annotated[int | None, Query(ge=0, lt=2**62, description="stream number; none: only what is new")] = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> StreamingResponse:
        event_stream.end_with(request.app.state.stopping)
        start = await _start(database, after, last_event_id)
        note_waiting(request)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            _messages(event_stream, caller, start), media_type="text/event-stream", headers=headers
        )

    return router


def _pushes(database: Database, caller: Caller, event_ids: list[str]) -> list[dict[str, str]]:
    with database.read() as session:
        return [asdict(one) for one in pushes_of(session, caller, event_ids)]


def _found(database: Database, caller: Caller, after: int, limit: int) -> Found:
    with database.read() as session:
        last = last_stream_no(session)
        not_ahead(after, last, "after")
        return Found(events_after(session, after, limit=limit, caller=caller, until=last), max(after, last))


async def _start(database: Database, after: int | None, last_event_id: str | None) -> int:
    """Where a listener goes on: its last id, then `after`, else at the end; raises Ahead for what is not there yet."""
    position = read_event_id(last_event_id) if last_event_id else after
    newest = await asyncio.to_thread(_last, database)
    if position is None:
        return newest
    not_ahead(position, newest, "Last-Event-ID" if last_event_id else "after")
    return position


def read_event_id(text: str) -> int:
    """The stream number in a Last-Event-ID; raises Invalid for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise Invalid(
            f"Last-Event-ID {text[:100]!r} is not a stream number",
            field="Last-Event-ID",
            value=text[:100],
            rule="the id of the last message",
        )
    return int(text)


def not_ahead(position: int, newest: int, field: str) -> None:
    """Raises Ahead for a position behind the newest event: the numbers began anew, for one after a restore."""
    if position > newest:
        rule = f"at most {newest}, the newest: go on with after={newest}, or with after=0 to read all that is there"
        raise Ahead(
            f"{field} {position} is ahead of the newest event, {newest}", field=field, value=position, rule=rule
        )


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
