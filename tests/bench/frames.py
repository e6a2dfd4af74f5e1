"""Figures of frames: acknowledged packets a second, and how long from the last byte of a frame to a verified webhook."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx

from tests.bench.rows import Row, cpu_s, quantile
from tests.support.ledger import Receiver
from tests.support.product import Logger, Process, eventually, last_hour
from tests.support.sample_enterprise import OutletSource, SampleEnterprise

CONNECTIONS = 8
SECONDS = 10.0
WINDOW = 64  # frames sent ahead of their answers on a connection
WEBHOOKS = 200


def gateway_packets(folder: Path) -> list[Row]:
    """Pipelined hour packets over several connections; each is counted when its 9014 is read."""
    host = Process(folder)
    host.start()
    try:
        with host.client() as admin:
            sources = registered(admin, 4)
        assert host.child is not None
        before = cpu_s(host.child.pid)
        counts, waits = pump(host.gateway_port, sources)
        cpu = cpu_s(host.child.pid) - before
    finally:
        host.stop()
    rate = sum(counts) / SECONDS
    path = "TCP frame → checksum, MN, password → log (fsync) → 9014; detection runs beside it in the same process"
    detail = {
        "by_cpu": sum(counts) / cpu,
        "ack_p50_ms": quantile(waits, 0.5) * 1e3,
        "ack_p99_ms": quantile(waits, 0.99) * 1e3,
    }
    return [Row("gateway packets acknowledged", rate, "packets/s", path, detail)]


def registered(admin: httpx.Client, plants: int) -> list[OutletSource]:
    sources: list[OutletSource] = []
    for number in range(1, plants + 1):
        sample = SampleEnterprise(number, 25)
        sample.register(admin)
        sources += sample.sources()
    mn = sources[-1].mn
    eventually(lambda: admin.get(f"/monitoring/v1/points/{mn}/latest").status_code == 200, what="points known")
    return sources


def pump(port: int, sources: list[OutletSource]) -> tuple[list[int], list[float]]:
    """Send for SECONDS on CONNECTIONS threads; (acknowledged by each, seconds waited for an answer)."""
    counts, waits = [0] * CONNECTIONS, list[float]()
    frames = [source.hour(last_hour(2), 20.0, o2=None) for source in sources]

    def one(nth: int) -> None:
        mine = frames[nth::CONNECTIONS]
        end = time.monotonic() + SECONDS
        with Logger(port) as logger:
            turn = 0
            while time.monotonic() < end:
                began = time.monotonic()
                logger.send(*(mine[(turn + n) % len(mine)] for n in range(WINDOW)))
                for _ in range(WINDOW):
                    assert b"CN=9014" in logger.answer()
                counts[nth] += WINDOW
                waits.append(time.monotonic() - began)
                turn += WINDOW

    threads = [threading.Thread(target=one, args=(nth,)) for nth in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts, waits


def frame_to_webhook(folder: Path) -> list[Row]:
    """One excess at a time, each on a fresh point: last byte sent to webhook verified."""
    host, receiver = Process(folder), Receiver()
    host.start()
    try:
        with host.client() as admin:
            sources = registered(admin, WEBHOOKS // 25)
            for number in range(1, WEBHOOKS // 25 + 1):
                with host.client(SampleEnterprise(number).sources()[0].token(admin)) as enterprise:
                    receiver.register(enterprise, f"sample-{number}")
        with Logger(host.gateway_port) as logger:
            waits = [one_webhook(logger, receiver, source) for source in sources]
    finally:
        host.stop()
        receiver.close()
    path = (
        "last byte of a frame → log → verdict, risk, outbox → alert, push row → webhook verified (5 commits), embedded"
    )
    return [
        Row("frame to verified webhook p50", quantile(waits, 0.5) * 1e3, "ms", path),
        Row("frame to verified webhook p99", quantile(waits, 0.99) * 1e3, "ms", path, {"max": max(waits) * 1e3}),
    ]


def one_webhook(logger: Logger, receiver: Receiver, source: OutletSource) -> float:
    before = len(receiver.ledger.verified)
    logger.send(source.excess(last_hour(2)))
    began = time.monotonic()
    end = began + 10
    while len(receiver.ledger.verified) == before:
        assert time.monotonic() < end, "no webhook within 10 s"
        time.sleep(0.0005)
    took = time.monotonic() - began
    logger.answer()
    return took
