"""A webhook receiver with good and bad manners, on a thread of its own. Each path of it has its own mode and its own ledger.

Modes: ok · stall-accept (takes the connection, never answers) · drip-head · drip-body · huge-body · gzip-bomb · redirect ·
gone · limited:<Retry-After> · unavailable:<Retry-After> · fail-then-ok:<times> · bad-request · reset · garbage ·
typed:<Content-Type> (with the path's body in `bodies`).
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

BOMB = gzip.compress(b"0" * 50_000_000, 1)
HUGE = b"x" * 20_000_000
METADATA = "http://169.254.169.254/latest/meta-data/"


@dataclass(frozen=True)
class Taken:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`url(path)`; `modes[path]` (default ok); `taken` in order of arrival."""

    tls: ssl.SSLContext | None = None
    modes: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="receiver")
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0

    def __enter__(self) -> Receiver:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def ids(self, path: str | None = None) -> list[str]:
        with self._changed:
            return [one.id for one in self.taken if path in (None, one.path)]

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
        """Until the condition holds, looked at whenever something arrived; False after the deadline."""
        deadline = monotonic() + timeout_s
        with self._changed:
            while not condition():
                if (left := deadline - monotonic()) <= 0:
                    return False
                self._changed.wait(min(left, 0.1))
        return True

    def wait_taken(self, count: int, path: str | None = None, timeout_s: float = 10.0) -> list[Taken]:
        """The first `count` messages of a path; fails loudly when they do not come."""

        def here() -> list[Taken]:
            return [one for one in self.taken if path in (None, one.path)]

        assert self.wait_for(lambda: len(here()) >= count, timeout_s), f"{len(here())} of {count} came to {path}"
        return here()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in list(self._open):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._open, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        with self._changed:
            before = sum(one.path == path for one in self.taken)
            self.taken.append(Taken(path, headers, body))
            self._changed.notify_all()
        mode = self.modes.get(path, "ok")
        if mode.startswith("typed:"):
            head = f"Content-Type: {mode.removeprefix('typed:')}\r\n"
            return await _say(writer, 200, self.bodies[path], head)
        return await self._answer(mode, before, writer)

    async def _answer(self, mode: str, before: int, writer: asyncio.StreamWriter) -> bool:
        name, _, argument = mode.partition(":")
        if name == "ok" or (name == "fail-then-ok" and before >= int(argument)):
            return await _say(writer, 200, b"thank you")
        if name == "stall-accept":
            await asyncio.Event().wait()
        if name == "reset":
            writer.transport.abort()
            return False
        if name in ("drip-head", "drip-body"):
            return await _drip(writer, whole_head=name == "drip-body")
        if name == "garbage":
            writer.write(b"\x00\x01 this is not HTTP \r\n\r\n")
            await writer.drain()
            return False
        status, extra, text = {
            "huge-body": (200, "", HUGE),
            "gzip-bomb": (200, "Content-Encoding: gzip\r\n", BOMB),
            "redirect": (301, f"Location: {METADATA}\r\n", b""),
            "gone": (410, "", b"gone"),
            "limited": (429, f"Retry-After: {argument}\r\n", b"slow down"),
            "unavailable": (503, f"Retry-After: {argument}\r\n", b"later"),
            "fail-then-ok": (500, "", b"broken"),
            "bad-request": (400, "", b"no"),
        }[name]
        return await _say(writer, status, text, extra)


async def _say(writer: asyncio.StreamWriter, status: int, body: bytes, extra: str = "") -> bool:
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body)
    await writer.drain()
    return True


async def _drip(writer: asyncio.StreamWriter, *, whole_head: bool) -> bool:
    """A byte at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n" + (b"\r\n" if whole_head else b"X-Slow: "))
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)
