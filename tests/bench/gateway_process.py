"""The gateway alone, as a process: register, log and gateway worker, no consumer. Settings by environment.

`python -m tests.bench.gateway_process` prints its port once the register is known, and runs until SIGTERM.
"""

from __future__ import annotations

import signal
import threading

from services.composition import make_context
from services.monitoring.gateway import gateway_worker
from shared.gc_pause import gc_paused_at_start
from shared.runtime.logs import set_up_logs
from shared.runtime.service import ThreadWorker
from shared.runtime.settings import load_settings


def main() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    set_up_logs("text", "ERROR")
    with gc_paused_at_start():
        context = make_context(load_settings())
    directory = ThreadWorker("directory", context.directory.run)
    worker = gateway_worker(context)
    directory.start()
    worker.start()
    while not context.directory.caught_up():
        stop.wait(0.05)
    print(worker.port, flush=True)
    stop.wait()
    worker.stop()
    directory.stop()
    context.log.close()


if __name__ == "__main__":
    main()
