"""Workers: one that fails is reported and runs again, until it is stopped."""

from __future__ import annotations

import asyncio
import threading

from shared.runtime.service import LoopWorker, ThreadWorker, Worker
from shared.runtime.worker_health import MANY, SPAN, WorkerHealth


class Flaky:
    """Fails the first time; the second time it says so and waits to be stopped."""

    def __init__(self) -> None:
        self.runs = 0
        self.again = threading.Event()

    def _begin(self) -> None:
        self.runs += 1
        if self.runs == 1:
            raise ZeroDivisionError("the first time")
        self.again.set()

    def on_a_thread(self, stop: threading.Event) -> None:
        self._begin()
        stop.wait()

    async def on_a_loop(self, stop: asyncio.Event) -> None:
        self._begin()
        await stop.wait()


def runs_again_and_stops(worker: Worker, flaky: Flaky) -> None:
    worker.start()
    assert flaky.again.wait(10)
    worker.stop()
    assert flaky.runs == 2


def test_a_thread_that_fails_runs_again() -> None:
    flaky = Flaky()
    runs_again_and_stops(ThreadWorker("flaky", flaky.on_a_thread), flaky)


def test_a_loop_that_fails_runs_again() -> None:
    flaky = Flaky()
    runs_again_and_stops(LoopWorker("flaky", flaky.on_a_loop), flaky)


def test_a_worker_that_failed_thrice_in_a_minute_is_unwell_until_the_minute_is_over() -> None:
    at = [100.0]
    health = WorkerHealth(lambda: at[0])
    for _ in range(MANY - 1):
        health.failed()
    assert health.unwell() is None
    at[0] += 30
    health.failed()
    assert "3 times" in str(health.unwell())
    at[0] = 100.0 + SPAN.total_seconds()  # the first two are out of sight
    assert health.unwell() is None


def test_failures_far_apart_leave_a_worker_well() -> None:
    at = [0.0]
    health = WorkerHealth(lambda: at[0])
    for _ in range(20):
        at[0] += SPAN.total_seconds() / 2 + 1
        health.failed()
        assert health.unwell() is None
