"""Places where a test may make the process die as if the power had gone; nothing happens unless armed.

The caller reads the environment (`YUJING_CRASH_AT=name[:n]`) and calls `arm`; this module never does.
"""

from __future__ import annotations

import os
import threading

from shared.domain.errors import Invalid

NAMES = (
    "after-handler",  # consumer: the handler is done, its transaction not committed
    "after-commit",  # consumer: effect and progress are committed, nothing reported
    "before-report",  # consumer: about to tell the log how far it is
    "before-append",  # relay: rows chosen, nothing appended
    "after-append",  # relay: appended, rows not marked
    "after-mark",  # relay: rows marked
    "before-commit",  # embedded log: records written, not committed
    "after-log-commit",  # embedded log: committed, nobody notified
    "before-answer",  # gateway: the packet is in the log, the logger not answered
    "after-claim",  # delivery: pushes are leased, nothing sent
    "after-send",  # delivery: the receiver has answered, no attempt recorded
    "after-record",  # delivery: attempts are recorded
    "archive-written",  # archive: a day's files are written, the manifest does not name them
    "archive-listed",  # archive: the manifest names them, the rows are still in the database
    "archive-removed",  # archive: a part of the rows is removed
    "archive-frames-written",  # frames: files are written, manifest and positions do not know them
    "archive-frames-entered",  # frames: the manifest names them, nothing is reported to the log
    "archive-frames-merged",  # frames: merged files are written, the manifest names those that they replace
)
EXIT_CODE = 9

_armed: str | None = None
_left = 0
_counting = threading.Lock()


def arm(setting: str | None) -> None:
    """Die at the n-th reaching of a point: `name` or `name:n`; None disarms. Raises Invalid for an unknown name."""
    global _armed, _left
    name, _, count = (setting or "").partition(":")
    if name and name not in NAMES:
        raise Invalid(f"no crash point {name!r}", field="YUJING_CRASH_AT", value=setting, rule=", ".join(NAMES))
    _armed, _left = name or None, int(count or 1)


def reach(name: str) -> None:
    """Called at the point `name`; usually does nothing."""
    global _left
    if _armed is None or _armed != name:
        return
    with _counting:
        _left -= 1
        if _left <= 0:
            os._exit(EXIT_CODE)
