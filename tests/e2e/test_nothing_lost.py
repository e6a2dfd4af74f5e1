"""Killed at any step, the product loses no acknowledged packet, delivers every alert, and does nothing twice.

Random kills fall while frames are unanswered; most wait until an outbox row is written and not yet sent. Then one kill at
each named fail point. The seed is printed; so are kills, frames acknowledged, rows and distinct webhook-ids.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from shared.eventlog.failpoints import NAMES
from tests.support.ledger import Receiver
from tests.support.product import Logger, Process, eventually, last_hour, pages
from tests.support.sample_enterprise import OutletSource, SampleEnterprise

PLANTS, OUTLETS = 18, 25  # 450 points, one excess each
RANDOM_KILLS = 22
BATCH = 10


@dataclass
class Fleet:
    """Loggers that send what is left until it is acknowledged, through whatever host there is."""

    left: list[OutletSource]
    hour: datetime = field(default_factory=lambda: last_hour(2))  # one and the same, also when the clock strikes
    acknowledged: list[str] = field(default_factory=list)

    def send_some(self, port: int, count: int, stop: threading.Event) -> None:
        """Send the next `count` frames without waiting for answers, then read answers until the host dies."""
        batch, self.left = self.left[:count], self.left[count:]
        waiting = {source.mn: source for source in batch}
        try:
            with Logger(port, timeout_s=0.5) as logger:
                logger.send(*(source.excess(self.hour) for source in batch))
                while waiting and not stop.is_set():
                    answer = logger.answer()
                    if not answer:
                        break
                    mn = answer.split(b"MN=")[1].split(b";")[0].decode()
                    if b"CN=9014" in answer and waiting.pop(mn, None):
                        self.acknowledged.append(mn)
        except OSError:
            pass
        self.left += waiting.values()  # unanswered: the logger sends them again


def unsent(data: Path) -> int:
    """Outbox rows written and not yet sent, in all services."""
    found = 0
    for name in ("permits", "monitoring", "alerts"):
        try:
            with sqlite3.connect(f"file:{data / name}.sqlite?mode=ro", uri=True, timeout=0.2) as connection:
                found += connection.execute("SELECT count(*) FROM outbox WHERE sent_at IS NULL").fetchone()[0]
        except sqlite3.Error:
            continue
    return found


def kill_at_a_bad_moment(host: Process, rng: random.Random, *, watch: bool) -> bool:
    """SIGKILL; with `watch`, at the moment an outbox row waits. Whether one was waiting in the end."""
    data = host.folder / "data"
    if watch:
        end = time.monotonic() + 1.0
        while not unsent(data) and time.monotonic() < end:
            continue
    else:
        time.sleep(rng.uniform(0.0, 0.05))
    host.kill()
    return unsent(data) > 0


def register(admin: httpx.Client, host: Process, receiver: Receiver) -> list[OutletSource]:
    sources: list[OutletSource] = []
    for number in range(1, PLANTS + 1):
        sample = SampleEnterprise(number, OUTLETS)
        sample.register(admin)
        token = sample.sources()[0].token(admin)
        with host.client(token) as enterprise:
            receiver.register(enterprise, f"sample-{number}")
        sources += sample.sources()
    last = sources[-1].mn
    eventually(lambda: admin.get(f"/monitoring/v1/points/{last}/latest").status_code == 200, what="points known")
    return sources


@pytest.mark.slow
def test_killed_at_any_step_nothing_is_lost_and_nothing_done_twice(tmp_path: Path, receiver: Receiver) -> None:
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    host = Process(tmp_path)
    try:
        kills, interrupted, points = kill_through(host, receiver, rng)
        report = settle(host, receiver)
    finally:
        host.stop()
    print(f"\nseed {seed}: {kills} kills, {interrupted} with an open transaction or an unsent row; {report}")
    assert kills >= 20 and interrupted >= 10
    assert report["acknowledged"] == report["rows"] == report["alerts"] == report["webhook_ids"] == points
    assert report["second_effects"] == 0


FLEET: Fleet


def kill_through(host: Process, receiver: Receiver, rng: random.Random) -> tuple[int, int, int]:
    """Every kill of the test; (kills, those that interrupted something, points)."""
    global FLEET
    host.start()
    with host.client() as admin:
        FLEET = Fleet(register(admin, host, receiver))
    points = len(FLEET.left)
    kills = interrupted = 0
    for nth in range(RANDOM_KILLS):
        stop = threading.Event()
        sender = threading.Thread(target=FLEET.send_some, args=(host.gateway_port, BATCH, stop))
        sender.start()
        interrupted += kill_at_a_bad_moment(host, rng, watch=nth % 4 != 3)
        kills += 1
        stop.set()
        sender.join()
        host.start()
    host.stop()
    for name in STREAM:
        kills += die_at(host, name)
        interrupted += name in OPEN
    host.start()
    return kills, interrupted, points


STREAM = tuple(name for name in NAMES if not name.startswith("archive-"))  # days that leave have tests of their own
OPEN = ("after-handler", "before-append", "after-append", "before-commit")  # a transaction or an unsent row is open


def die_at(host: Process, name: str) -> int:
    """Start with a fail point armed, which takes up what the last kill interrupted; send until it is reached. 1 when it
    died there."""
    host.start(wait=False, YUJING_CRASH_AT=name)
    end = time.monotonic() + 40
    while host.exit_code() is None and time.monotonic() < end:
        if host.ready():
            assert FLEET.left, f"no frame is left to reach {name}"
            FLEET.send_some(host.gateway_port, 1, threading.Event())
            with contextlib.suppress(AssertionError):  # some points are reached a little later than the answer
                eventually(lambda: host.exit_code() is not None, within_s=2)
    assert host.exit_code() == 9, f"{name} was not reached: {host.tail()}"
    return 1


def states(admin: httpx.Client) -> set[str]:
    """The states in which pushes are."""
    return {push["state"] for push in pages(admin, "/alerts/v1/deliveries", limit=500)}


def settle(host: Process, receiver: Receiver) -> dict[str, int]:
    """Send what is left, wait until all is delivered, count."""
    end = time.monotonic() + 60
    while FLEET.left and time.monotonic() < end:
        FLEET.send_some(host.gateway_port, 50, threading.Event())
    with host.client() as admin:
        every = len(set(FLEET.acknowledged))
        eventually(lambda: len(receiver.ledger.events()) >= every, within_s=60, what="every alert delivered")
        eventually(lambda: unsent(host.folder / "data") == 0, what="outbox empty")
        alerts = pages(admin, "/alerts/v1/alerts", limit=500)
        eventually(lambda: states(admin) == {"delivered"}, what=lambda: f"every push recorded {states(admin)}")
        rows = sum(
            len(pages(admin, f"/monitoring/v1/points/{mn}/series", factor="a21026", period="hour"))
            for mn in set(FLEET.acknowledged)
        )
    assert not receiver.ledger.forged
    twice = Counter(a["basis"].get("episode") or (a["point"], a["window"]["from"]) for a in alerts)
    return {
        "acknowledged": every,
        "rows": rows,
        "alerts": len(alerts),
        "webhook_ids": len(receiver.ledger.verified),
        "second_effects": sum(n - 1 for n in twice.values()),
    }
