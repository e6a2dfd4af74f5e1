"""One TCP connection to the gateway, shared by some loggers: sends frames, waits for the answers that belong to them.

Connects again by itself. How often a frame is resent is the fleet's matter.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from shared.hj212.frame import Framer
from shared.hj212.packet import Malformed, parse

RECONNECT_S = 0.5
_ANSWERS = ("9013", "9014")


@dataclass
class Link:
    host: str
    port: int
    _writer: asyncio.StreamWriter | None = None
    _up: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: dict[tuple[str, str], asyncio.Future[None]] = field(default_factory=dict)
    reconnects: int = 0

    async def keep(self) -> None:
        """Runs until cancelled: connect, read, connect again."""
        try:
            while True:
                with contextlib.suppress(OSError):
                    await self._session()
                    self.reconnects += 1
                await asyncio.sleep(RECONNECT_S)
        finally:
            if self._writer is not None:
                self._writer.close()

    async def exchange(self, mn: str, qn: str, raw: bytes, answer_s: float) -> bool:
        """Sends a frame; whether its answer came in time."""
        key = (mn, qn)
        answered = self._waiting.setdefault(key, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(answer_s):
                await self._up.wait()
                await self._send(raw)
                await answered
                return True
        except TimeoutError:
            return False
        finally:
            if self._waiting.get(key) is answered:
                del self._waiting[key]

    async def _send(self, raw: bytes) -> None:
        writer = self._writer
        if writer is None:
            return
        with contextlib.suppress(ConnectionError):
            writer.write(raw)
            await writer.drain()

    async def _session(self) -> None:
        reader, self._writer = await asyncio.open_connection(self.host, self.port)
        self._up.set()
        framer = Framer()
        try:
            while data := await reader.read(65536):
                for cut in framer.feed(data):
                    if cut.fault is None:
                        self._take(cut.segment)
        finally:
            self._up.clear()
            self._writer.close()
            self._writer = None

    def _take(self, segment: bytes) -> None:
        with contextlib.suppress(Malformed):
            packet = parse(segment)
            answered = self._waiting.get((packet.mn, packet.qn or ""))
            if packet.cn in _ANSWERS and answered is not None and not answered.done():
                answered.set_result(None)
