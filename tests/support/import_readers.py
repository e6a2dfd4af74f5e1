"""Compares readers of XLSX on an ordinary list and on hostile files: processor seconds, rows and peak memory,
each in its own process.

    python -m tests.support.import_readers          # own, calamine, openpyxl: those that are installed
    python -m tests.support.import_readers own      # one of them
    python -m tests.support.import_readers own FILE # one reader on one file

The process may have no more than MOST_BYTES; one that the reader ends abruptly is reported with its signal.
"""

from __future__ import annotations

import importlib.util
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.support.import_memory import MOST_BYTES, ROOT, peak_mb
from tests.support.product import credit_code
from tests.support.workbooks import inline_rows, repeated, workbook

SECONDS = 300
MODULES = {"own": "services.permits.importing.workbook", "calamine": "python_calamine", "openpyxl": "openpyxl"}


def ordinary() -> bytes:
    """100,000 rows of eight cells."""
    rows = (
        (f"{credit_code(n)}001P", f"企业{n}", "火力发电", "2022-01-01至2026-12-31", *"abcd") for n in range(100_000)
    )
    return workbook(inline_rows(*rows))


FILES: dict[str, Callable[[], bytes]] = {
    "100,000 rows": ordinary,
    "two cells in opposite corners": lambda: workbook(
        ['<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>']
    ),
    "15 million cells in a row": lambda: workbook(["<row>", *repeated("<c/>", 60), "</row>"]),
    "10 million rows": lambda: workbook(repeated("<row/>", 60)),
    "12 million shared texts": lambda: workbook(["<row/>"], texts=repeated("<si/>", 60)),
    "a text of 320 MB": lambda: workbook(['<row><c t="str"><v>', *repeated("a", 320), "</v></c></row>"]),
}


def _rows(reader: str, content: bytes) -> Iterable[Any]:
    module = importlib.import_module(MODULES[reader])
    if reader == "calamine":
        return module.CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).iter_rows()
    if reader == "openpyxl":
        return module.load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0].iter_rows()
    book = module.Workbook(content)
    return book.rows(book.sheets[0])


def measure_one(reader: str, content: bytes) -> dict[str, Any]:
    """What one reader makes of a file, in this process."""
    importlib.import_module(MODULES[reader])
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    before, begun, rows, failure = peak_mb(), time.process_time(), 0, ""
    try:
        for _ in _rows(reader, content):
            rows += 1
    except Exception as error:
        failure = f"{type(error).__name__} {str(error)[:60]}".strip()
    return {
        "cpu_s": round(time.process_time() - begun, 1),
        "rows": rows,
        "mb": round(peak_mb() - before),
        "end": failure,
    }


def _in_process(reader: str, file: Path) -> str:
    command = [sys.executable, "-m", "tests.support.import_readers", reader, str(file)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {SECONDS} s"
    return done.stdout.strip() if done.returncode == 0 else f"the process ended with {done.returncode}"


def main() -> None:
    if len(sys.argv) == 3:
        print(json.dumps(measure_one(sys.argv[1], Path(sys.argv[2]).read_bytes())))
        return
    readers = sys.argv[1:] or [
        reader for reader, module in MODULES.items() if importlib.util.find_spec(module.split(".")[0])
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, make in FILES.items():
            file = Path(folder, "file.xlsx")
            file.write_bytes(make())
            for reader in readers:
                print(f"{name} ({file.stat().st_size:,} bytes): {reader}: {_in_process(reader, file)}", flush=True)


if __name__ == "__main__":
    main()
