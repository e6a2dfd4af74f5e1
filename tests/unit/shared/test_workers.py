"""Workers: one that fails is told and runs again, until it is stopped."""

from __future__ import annotations

import asyncio
import threading

from shared.runtime.service import LoopWorker, ThreadWorker, Worker


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
