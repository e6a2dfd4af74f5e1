"""`make bench`: figures of this machine, as a table and as JSON. Each row says its path and what is committed on it.

Every load is bounded and on loopback; the host is a process of its own on the embedded default.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from shared.runtime.logs import set_up_logs
from tests.bench.archive import archive_bench
from tests.bench.embedded import idle_cpu, readings, time_to_ready
from tests.bench.engine import ENGINE_BENCHES, PEERS, engine_benches
from tests.bench.frame_archive import frame_archive_bench
from tests.bench.frames import frame_to_webhook, gateway_packets
from tests.bench.many import peer_decision, stream_listeners
from tests.bench.register import list_import, sweep, sweep_all
from tests.bench.rows import Row

BENCHES: dict[str, Callable[[Path], list[Row]]] = {
    "ready": time_to_ready,
    "idle": idle_cpu,
    "gateway": gateway_packets,
    "readings": readings,
    "webhook": frame_to_webhook,
    "peers": peer_decision,
    "listeners": stream_listeners,
    "import": list_import,
    "sweep": sweep,
    "sweep-all": sweep_all,
    "archive": archive_bench,
    "frames": frame_archive_bench,
}
GROUP = "engine"  # all that need Apache Kafka and PostgreSQL, on the same servers


def main() -> None:
    parser = argparse.ArgumentParser(description="measure; prints a table and JSON")
    names = [*BENCHES, GROUP, *ENGINE_BENCHES, PEERS]
    parser.add_argument("only", nargs="*", choices=[[], *names], help="; ".join(names))
    parser.add_argument("--json", type=Path, help="also write the JSON there")
    arguments = parser.parse_args()
    set_up_logs("text", "ERROR")
    rows: list[Row] = []
    for name in arguments.only or [*BENCHES, GROUP]:
        with tempfile.TemporaryDirectory(prefix="yujing-bench-") as folder:
            rows += measured(name, Path(folder))
    show(rows, arguments.json)


def measured(name: str, folder: Path) -> list[Row]:
    """The rows of one bench, or of the whole group."""
    if name in BENCHES:
        return BENCHES[name](folder)
    return engine_benches(list(ENGINE_BENCHES) if name == GROUP else [name], folder)


def show(rows: list[Row], file: Path | None) -> None:
    table = Table(title=f"Yujing on {platform.machine()}, Python {platform.python_version()}")
    for column in ("figure", "value", "unit", "path"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in rows:
        table.add_row(row.figure, f"{row.value:,.3g}" if row.value < 1000 else f"{row.value:,.0f}", row.unit, row.path)
    Console(width=150, file=sys.stderr).print(table)
    document = json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1)
    print(document)
    if file:
        file.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
