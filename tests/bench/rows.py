"""One figure of a bench."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """`path`: from which ingress to which row or webhook, and what was committed on the way."""

    figure: str
    value: float
    unit: str
    path: str
    detail: dict[str, float] = field(default_factory=dict)


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu_of_children_s(pid: int) -> float:
    """CPU seconds that the processes whose parent it is have used (Linux)."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(cpu_s(int(child)) for child in listed)


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / 100


def rss_bytes(pid: int) -> int:
    """Memory that a process has resident (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
