"""Reads an import's file from standard input as the worker does, and prints what came of it and how much memory it took.

    python -m tests.support.import_memory < FILE

The process may have no more than MOST_BYTES, so that a test of this cannot take the machine's memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024
MOST_BYTES = 2048 * MB
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Measured:
    """`rows` and `refused` of a file that was read to its end, or `failure`; `peak_mb`: above the file itself."""

    rows: int
    refused: int
    failure: str
    peak_mb: float


def measure(content: bytes) -> Measured:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.import_memory"], input=content, capture_output=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return Measured(**json.loads(done.stdout))


def peak_mb() -> float:
    """The most memory that this process held. Not `ru_maxrss`: a process inherits that from the one that started it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (found,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(found.split()[1]) / 1024


def main() -> None:
    from services.permits.domain.import_report import failure_of
    from services.permits.importing.readers import Format
    from services.permits.importing.source import SourceFile

    content = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    before = peak_mb()
    rows = refused = 0
    failure = ""
    try:
        source = SourceFile.of(content)
        scan = source.scan()
        rows = scan.total
        if source.format is Format.JSON:
            refused = sum(document.content is None for document in source.documents())
        else:
            refused = sum(row.entry is None for row in source.rows(scan.duplicates))
    except Exception as error:
        failure = failure_of(error).reason
    print(json.dumps({"rows": rows, "refused": refused, "failure": failure, "peak_mb": peak_mb() - before}))


if __name__ == "__main__":
    main()
