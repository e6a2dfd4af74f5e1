"""A process that begins an import and is killed within it: `import_crash FOLDER IMPORT SECONDS [DATABASE_URL]`.

SECONDS: how long after the harness's start its clock stands.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.permits.service import importer_of, registrar_of
from tests.support.register_harness import register_harness

ROOT = Path(__file__).resolve().parents[2]


def crash(folder: Path, name: str, *, after_s: float, database_url: str | None) -> None:
    """Begin the import in a process of its own, which is killed at the first document."""
    arguments = [str(folder), name, str(after_s), *([database_url] if database_url else [])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.import_crash", *arguments], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


def _killed(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    folder, name, after_s, *url = sys.argv[1:]
    with register_harness(Path(folder), url[0] if url else None) as opened:
        opened.clock.at += timedelta(seconds=float(after_s))
        importer = importer_of(registrar_of(opened.context), opened.service.database)
        replace(importer, take_document=_killed).take(name)


if __name__ == "__main__":
    main()
