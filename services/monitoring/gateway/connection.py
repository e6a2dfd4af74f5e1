"""One logger's connection: bytes in, cuts to the gateway, answers out in the order in which the packets came.

Knows when a frame is half open, the line idle or the peer no logger; what a cut means is the gateway's matter.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

from shared.hj212.frame import Cut, Fault, Framer

from .brake import network_of
from .limits import Limits

STOPPING = "stopping"
_HTTP = re.compile(rb"\s*(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) \S{1,2000} HTTP/\d")


class Slot:
    """The place of one packet in the order of answers."""

    __slots__ = ("answer", "connection", "done")

    def __init__(self, connection: Connection, answer: bytes | None) -> None:
        self.connection = connection
        self.answer = answer
        self.done = False


class Owner(Protocol):
    """The gateway, as a connection sees it."""

    limits: Limits

    def now(self) -> float: ...
    def welcome(self, connection: Connection) -> bool: ...
    def take(self, connection: Connection, cuts: Sequence[Cut]) -> None: ...
    def watch(self, connection: Connection) -> None: ...
    def gone(self, connection: Connection) -> None: ...
    def full(self, connection: Connection) -> bool: ...
    def dropped(self, connection: Connection, reason: str) -> None: ...


class Connection(asyncio.Protocol):
    """All on the gateway's loop."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._framer = Framer(owner.limits.frame_bytes)
        self._transport: asyncio.Transport | None = None
        self._slots: deque[Slot] = deque()
        self._paused = False
        self._held = False  # the peer does not read its answers
        self._ended = False
        self._framed = False  # at least one frame came, good or bad
        self._junk = 0
        self._begun_at: float | None = None  # when the unfinished frame began
        self._settled = True
        self.received_at = owner.now()
        self.address = self.network = ""
        self.proven: dict[str, str] = {}  # point → seal of the password that was right here
        self.guessing = False
        self.identified_by: str | None = None  # the first of the points

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def unanswered(self) -> int:
        return len(self._slots)

    # from asyncio
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else "unknown"
        self.network = network_of(self.address)
        if not self._owner.welcome(self):
            self._ended = True
            self._transport.abort()
            return
        self.regulate()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self.received_at = self._owner.now()
        self._settled = False
        cuts = self._framer.feed(data)
        self._note_progress(cuts)
        if cuts:
            self._owner.take(self, cuts)
        if not self._framed and self._is_junk(data, cuts):
            self.drop("junk")
            return
        if self._framer.pending or self._framer.noise_bytes:
            self._owner.watch(self)
        self.regulate()

    def eof_received(self) -> bool:
        self._end("closed")
        return bool(self._slots)  # the other half stays open until what came is answered

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("lost")
        self._slots.clear()
        self._owner.gone(self)

    def pause_writing(self) -> None:
        self._held = True
        self.regulate()

    def resume_writing(self) -> None:
        self._held = False
        self.regulate()

    # from the gateway
    def expect(self, answer: bytes | None) -> Slot:
        """A place in the order of answers, to be settled by `flush`."""
        slot = Slot(self, answer)
        self._slots.append(slot)
        return slot

    def flush(self) -> None:
        """Send the answers at the head of the order that may go."""
        slots, ready = self._slots, []
        while slots and slots[0].done:
            answer = slots.popleft().answer
            if answer is not None:
                ready.append(answer)
        if self._transport is None or self._transport.is_closing():
            return
        if ready:
            self._transport.write(b"".join(ready))
        if self._ended and not slots:
            self._transport.close()
        else:
            self.regulate()

    def regulate(self) -> None:
        """Read only while there is room for what comes."""
        full = self._held or len(self._slots) >= self._owner.limits.unanswered or self._owner.full(self)
        if full == self._paused or self._ended or self._transport is None:
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self.received_at = self._owner.now()
            self._transport.resume_reading()

    def look(self, now: float) -> bool:
        """Settle after silence, end what stays half open; False when there is nothing left to look after."""
        limits = self._owner.limits
        if self._ended:
            return False
        if not self._settled and now - self.received_at >= limits.settle_s:
            self._settled = True
            cuts = self._framer.settle()
            self._note_progress(cuts)
            if cuts:
                self._owner.take(self, cuts)
            if not self._framed and self._is_junk(b"", cuts):
                self.drop("junk")
                return False
        if self._begun_at is not None and now - self._begun_at >= limits.half_open_s:
            self.drop("half-open")
            return False
        return bool(self._framer.pending or self._framer.noise_bytes)

    def drop(self, reason: str) -> None:
        """Close from our side; what is under way is still answered."""
        self._owner.dropped(self, reason)
        self.finish(reason)

    def finish(self, reason: str) -> None:
        """Read nothing more; close when all is answered. A peer that does not read its answers is cut off."""
        if self._transport is None:
            return
        if self._held or self._transport.is_closing():
            self.abort()
            return
        self._transport.pause_reading()
        self._paused = True
        self._end(reason)
        self.flush()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        # A frame that our own stopping breaks off is no fault of the logger's: it will come again.
        cuts = self._framer.settle(reason) if reason == STOPPING else self._framer.end(reason)
        if cuts:
            self._owner.take(self, cuts)

    def _note_progress(self, cuts: Sequence[Cut]) -> None:
        if not self._framer.pending:
            self._begun_at = None
        elif cuts or self._begun_at is None:
            self._begun_at = self.received_at
        self._framed = self._framed or any(cut.declared is not None for cut in cuts)

    def _is_junk(self, data: bytes, cuts: Sequence[Cut]) -> bool:
        self._junk += len(data)
        if _HTTP.match(data) or any(cut.fault is Fault.NOISE and _HTTP.match(cut.raw) for cut in cuts):
            return True
        return self._junk > self._owner.limits.junk_bytes and not self._framer.pending
