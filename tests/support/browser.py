"""A real browser without a window, cut off from every host but this one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.server_process import missing

NAMES = ("chromium", "chromium-browser", "google-chrome")
ONLY_HERE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
RENDER_MS = 20_000  # of the page's own time; a page that rests is done earlier
TIMEOUT_S = 120.0


def find_browser() -> str:
    """The path of a Chromium; a test that needs one is skipped without it, and fails in CI."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    return found or missing("Chromium is not installed (Debian: apt-get install chromium)")


def rendered(url: str, profile: Path) -> str:
    """The document that stands in the browser once the scripts of the page have run."""
    command = [
        find_browser(),
        "--headless=new",
        "--no-sandbox",  # as root there is none; the pages are our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        f"--host-resolver-rules={ONLY_HERE}",
        f"--virtual-time-budget={RENDER_MS}",
        "--dump-dom",
        url,
    ]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True, stdin=subprocess.DEVNULL)
    return done.stdout.decode()
