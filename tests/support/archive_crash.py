"""A process that moves a day into the archive and dies on the way: `archive_crash FOLDER POINT DAY NOW [DATABASE_URL]`."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from services.monitoring.handlers import archiving
from services.monitoring.handlers.archiving import Archiving
from services.monitoring.store.archive import use_archive
from shared.database import open_database
from shared.domain.clock import Clock
from shared.eventlog import failpoints

ROOT = Path(__file__).resolve().parents[2]
ROWS_AT_ONCE = 7
PART = 40  # readings in a file


def archiving_in(folder: Path, database_url: str | None, now_s: int, *, days: int = 35) -> Archiving:
    """What moves days of the database in this folder, or at this URL; a few rows at once."""
    archiving.AT_ONCE = ROWS_AT_ONCE
    database = open_database(database_url, folder, "monitoring")
    use_archive(database, folder / "archive")
    now = datetime.fromtimestamp(now_s, UTC)
    return Archiving(database, clock=Clock(lambda: now, lambda: now), folder=folder / "archive", days=days, part=PART)


def crash(folder: Path, point: str, day: int, now_s: int, *, database_url: str | None) -> None:
    """Move the day in a process of its own, which dies at the point (`name:n`: at the n-th time)."""
    arguments = [str(folder), point, str(day), str(now_s), *([database_url] if database_url else [])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.archive_crash", *arguments], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == failpoints.EXIT_CODE, done.stderr.decode()[-2000:]


def main() -> None:
    folder, point, day, now_s, *url = sys.argv[1:]
    failpoints.arm(point)
    archiving_in(Path(folder), url[0] if url else None, int(now_s)).move(int(day), int(now_s))


if __name__ == "__main__":
    main()
