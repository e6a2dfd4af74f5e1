"""What a body may cost: its size, its time, the memory of all of them; and that an answer is not lost on the way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Annotated

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.types import Message

from shared.runtime.body_limit import LINGER_BYTES, MB, BodyLimit, BodyLimits, Pace, body_up_to
from shared.runtime.metrics import Metrics
from shared.runtime.web import install_problems

LIMIT = BodyLimit(most_bytes=4 * MB, together_bytes=6 * MB)
PART = b"x" * (MB // 2)
CHUNKED = {"transfer-encoding": "chunked"}
IMPATIENT = Pace(grace_s=0.05, bytes_per_s=1024 * MB, linger_s=0.05)


async def parts(count: int) -> AsyncIterator[Message]:
    for _ in range(count):
        yield {"type": "http.request", "body": PART, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}


async def endless() -> AsyncIterator[Message]:
    for part in repeat(PART):
        yield {"type": "http.request", "body": part, "more_body": True}


async def stalled() -> AsyncIterator[Message]:
    yield {"type": "http.request", "body": PART, "more_body": True}


async def silent() -> AsyncIterator[Message]:
    for _ in ():
        yield {}


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def broken_off() -> AsyncIterator[Message]:
    yield {"type": "http.request", "body": PART, "more_body": True}
    yield {"type": "http.disconnect"}


@dataclass
class Answer:
    """What the application sent for one request, and how much of the body it took."""

    sent: list[Message] = field(default_factory=list)
    taken_bytes: int = 0

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


@dataclass
class Site:
    """An application with routes of an own limit, and of the default one."""

    pace: Pace = IMPATIENT
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.app = app = FastAPI()
        self.holding, self.release = asyncio.Event(), asyncio.Event()
        install_problems(app)
        app.add_middleware(BodyLimits, metrics=self.metrics, pace=self.pace)

        @app.post("/raw")
        async def raw(body: Annotated[bytes, body_up_to(LIMIT)]) -> int:
            return len(body)

        @app.post("/held")
        async def held(body: Annotated[bytes, body_up_to(LIMIT)]) -> int:
            self.holding.set()
            await self.release.wait()
            return len(body)

        @app.post("/json")
        async def document(body: list[int]) -> int:
            return len(body)

        @app.post("/blind")
        async def blind() -> str:
            return "not read"

        @app.post("/stream")
        async def stream() -> StreamingResponse:
            return StreamingResponse(ticks())

    async def ask(self, path: str, body: AsyncIterator[Message], headers: dict[str, str] = CHUNKED) -> Answer:
        answer = Answer()

        async def receive() -> Message:
            message = await anext(body, None) or await never()
            answer.taken_bytes += len(message.get("body", b""))
            return message

        async def send(message: Message) -> None:
            answer.sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
        raw_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.app({**scope, "headers": raw_headers}, receive, send)
        return answer

    def asked(self, path: str, body: AsyncIterator[Message], headers: dict[str, str] = CHUNKED) -> Answer:
        return asyncio.run(self.ask(path, body, headers))

    def refused(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("yujing_http_refused_total", {"reason": reason})


async def ticks() -> AsyncIterator[bytes]:
    while True:
        yield b"tick"
        await asyncio.sleep(0.005)


def test_a_body_as_large_as_its_route_allows_is_taken_whole() -> None:
    answer = Site().asked("/raw", parts(8))
    assert (answer.status, answer.body) == (200, str(4 * MB).encode())
    assert "connection" not in answer.headers


@pytest.mark.parametrize(("path", "most"), [("/raw", 4 * MB), ("/json", MB)], ids=["the route's own limit", "default"])
def test_a_larger_body_in_chunks_is_refused_at_the_limit(path: str, most: int) -> None:
    site = Site()
    answer = site.asked(path, endless(), {**CHUNKED, "content-type": "application/json"})
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
    assert b"body-too-large" in answer.body and f"{most // MB} MB ({most} bytes)".encode() in answer.body
    assert answer.taken_bytes <= most + LINGER_BYTES + 2 * len(PART)
    assert site.refused("body-too-large") == 1


@pytest.mark.parametrize("length", [4 * MB + 1, 10**19, 10**40], ids=["one byte more", "20 digits", "41 digits"])
def test_a_larger_declared_length_is_refused_before_the_body_is_read(length: int) -> None:
    answer = Site().asked("/raw", silent(), {"content-length": str(length)})
    assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_a_body_that_stalls_is_refused_in_time() -> None:
    site = Site()
    answer = site.asked("/raw", stalled())
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert b"body-too-slow" in answer.body
    assert site.refused("body-too-slow") == 1


def test_each_part_that_arrives_gives_the_rest_more_time() -> None:
    async def steady() -> AsyncIterator[Message]:
        for _ in range(8):
            await asyncio.sleep(0.1)  # all of them together take longer than the grace
            yield {"type": "http.request", "body": PART, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    assert Site(Pace(grace_s=0.5, bytes_per_s=len(PART))).asked("/raw", steady()).status == 200


def test_bodies_together_hold_no_more_than_the_process_allows() -> None:
    async def run() -> None:
        site = Site()
        holder = asyncio.create_task(site.ask("/held", parts(8)))
        await site.holding.wait()
        crowded = await site.ask("/raw", parts(8))
        assert (crowded.status, crowded.headers["retry-after"]) == (503, "5")
        assert b"bodies-too-many" in crowded.body
        assert (await site.ask("/raw", parts(8), {"content-length": str(4 * MB)})).status == 503
        assert (await site.ask("/raw", parts(4))).status == 200, "what was refused still counts"
        assert (await site.ask("/json", parts(1), CHUNKED)).status == 422, "another limit's bodies are counted with it"
        site.release.set()
        assert (await holder).status == 200
        assert (await site.ask("/raw", parts(8))).status == 200, "what was answered still counts"

    asyncio.run(run())


@pytest.mark.parametrize(("path", "status"), [("/blind", 200), ("/nowhere", 404)])
def test_an_answer_before_the_whole_body_is_complete_first_and_closes_after_reading_on(path: str, status: int) -> None:
    answer = Site().asked(path, parts(3))
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    _start, whole, end = answer.sent
    assert len(whole["body"]) == int(answer.headers["content-length"]) and whole["more_body"]
    assert (end["body"], end["more_body"]) == (b"", False)
    assert answer.taken_bytes == 3 * len(PART)


def test_nobody_reads_on_for_ever() -> None:
    endless_answer = Site(Pace(linger_s=30)).asked("/blind", endless())
    assert endless_answer.taken_bytes <= LINGER_BYTES + len(PART)
    assert Site().asked("/blind", stalled()).status == 200


def test_a_connection_that_breaks_within_a_body_is_no_defect() -> None:
    site = Site()
    assert site.asked("/raw", broken_off()).status == 400
    assert site.asked("/json", broken_off()).status == 400
    assert site.refused("body-incomplete") == 2


def test_a_coded_body_is_refused_by_name() -> None:
    answer = Site().asked("/raw", parts(1), {**CHUNKED, "content-encoding": "gzip"})
    assert answer.status == 415
    assert b"gzip" in answer.body and b"content-encoding-unknown" in answer.body
    assert Site().asked("/raw", parts(1), {**CHUNKED, "content-encoding": "Identity"}).status == 200


def test_a_stream_that_goes_out_just_ends_when_its_own_body_stalls() -> None:
    answer = Site().asked("/stream", stalled())
    assert answer.status == 200 and answer.body.startswith(b"tick")
