"""Figures of what goes to many: a peer decision over 10,000 enterprises, one event to 1,000 listeners of the stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from services.alerts.domain.audience import Owner
from services.alerts.domain.contact import ContactPoint
from services.alerts.store.peer_tables import NOTICE
from tests.bench.frames import registered
from tests.bench.rows import Row, quantile
from tests.support.alerts_case import T0
from tests.support.alerts_harness import an_alerts_harness, an_enterprise, an_exceedance, codes
from tests.support.product import Logger, Process, last_hour

ENTERPRISES, AFFECTED = 10_000, 400  # P(X ≥ 400 | 10,000, 2 %) is far below 1 %
LISTENERS = 1_000
EVENTS = 5


def peer_decision(folder: Path) -> list[Row]:
    """One class of 10,000 in one county, everyone with an endpoint: from the slot to the last committed push."""
    harness, some = an_alerts_harness(folder), codes(ENTERPRISES)
    harness.register(*(an_enterprise(code) for code in some))
    with harness.database.transaction() as session:
        for code in some:
            url, owner = f"https://{code}.example/", Owner(credit_code=code)
            harness.parts.endpoint_store.add(session, ContactPoint("webhook", url), owner, by="bench", wall_now=T0)
    harness.take(*(an_exceedance(code, T0 + timedelta(seconds=n)) for n, code in enumerate(some[:AFFECTED])))
    slot = T0 + timedelta(hours=1)
    began = time.monotonic()
    harness.peers.run(slot)
    took = time.monotonic() - began
    (notice,) = harness.rows(NOTICE)
    assert notice.outcome == "notice"
    began = time.monotonic()
    harness.peers.run(slot)
    idle = time.monotonic() - began
    harness.database.close()
    path = "tick at the slot → facts and exposure from rows → decision → notice, recipients and pushes (one commit), SQLite"
    return [Row(f"peer decision, {ENTERPRISES:,} enterprises", took, "s", path, {"idle_tick_ms": idle * 1e3})]


def stream_listeners(folder: Path) -> list[Row]:
    """1,000 connections on `/stream`; from the last byte of a frame until each of them has the alert."""
    host = Process(folder)
    host.start()
    try:
        with host.client() as admin:
            sources = registered(admin, 1)[:EVENTS]
        with Logger(host.gateway_port) as logger:
            waits = asyncio.run(listened(host, lambda n: logger.send(sources[n].excess(last_hour(2)))))
    finally:
        host.stop()
    path = f"frame → log → verdict → alert → {LISTENERS:,} server-sent event streams of one embedded host"
    return [
        Row("event to every listener p50", quantile(waits, 0.5) * 1e3, "ms", path),
        Row("event to every listener p99", quantile(waits, 0.99) * 1e3, "ms", path, {"max": max(waits) * 1e3}),
    ]


async def listened(host: Process, send: Callable[[int], None]) -> list[float]:
    """Seconds from each frame to each listener."""
    streams = [await opened(host) for _ in range(LISTENERS)]
    waits: list[float] = []
    for n in range(EVENTS):
        began = time.monotonic()
        send(n)
        waits += [at - began for at in await asyncio.gather(*(next_event(one) for one, _ in streams))]
    for _, writer in streams:
        writer.close()
    return waits


async def opened(host: Process) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A listener whose stream has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", host.http_port)
    ask = f"GET /alerts/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {host.token()}\r\n\r\n"
    writer.write(ask.encode())
    await asyncio.wait_for(reader.readuntil(b"retry: 3000\n\n"), 30)
    return reader, writer


async def next_event(reader: asyncio.StreamReader) -> float:
    """When its next alert was there."""
    await asyncio.wait_for(reader.readuntil(b"event: yujing.alert.issued.v1\n"), 60)
    return time.monotonic()
