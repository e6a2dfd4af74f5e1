"""Records of the log as they came, in files of the archive: what a row and a file hold, and which files are merged when.

A row is named by its place in the log: topic, partition, offset. A file belongs to the Shanghai day on which the log took
its records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from math import ceil

import msgspec

from services.monitoring.domain.archive import SUFFIX, FileState
from services.monitoring.domain.windows import DAY_S, HOUR_S, shanghai_date

FRAME_PREFIX = "frames-"
NARROW_BYTES = 1_000  # of a frame in the mean: DuckDB sorts more of these than its memory holds, of wider ones not
SETTLES_S = 2 * HOUR_S  # after its end a day's files are merged


class Form(StrEnum):
    """What `raw` is: an HJ 212 frame, or what the gateway cut in place of one; the JSON document of a packet that came
    without a frame; neither."""

    FRAME = "frame"
    DOCUMENT = "document"
    OTHER = "other"


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A record as it came. `offset` is its place in the partition, `logged_at_ms` when the log took it; `reason`: why it was
    quarantined; `raw`: its bytes, passwords masked. The order of the fields is that of the columns."""

    mn: str
    topic: str
    partition: int
    offset: int
    command: str | None
    data_time_s: int | None
    received_at_ms: int
    logged_at_ms: int
    source: str
    form: str
    reason: str | None
    raw: bytes


FRAME_COLUMNS = Frame.__struct_fields__


@dataclass(frozen=True, slots=True)
class FramePlace:
    """Where a frame stands among those of its point, in order of receipt."""

    received_at_ms: int
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class FrameContent:
    """What was written to a file, or read from one. `size`: raw bytes; `digest` is equal for the same rows in any order, and
    compared only with another that was made in the same way; times of receipt are in [low_ms, high_ms]."""

    rows: int
    size: int
    digest: int
    first_mn: str
    last_mn: str
    low_ms: int
    high_ms: int


@dataclass(frozen=True, slots=True)
class FrameFile:
    """A file as the manifest has it. `size`: raw bytes in it, `bytes`: its own; `verified_at_s`: when it was last read whole
    and found right."""

    name: str
    day: int
    first_mn: str
    last_mn: str
    low_ms: int
    high_ms: int
    rows: int
    size: int
    bytes: int
    sha256: str
    written_at_s: int
    verified_at_s: int
    state: FileState = FileState.CURRENT


@dataclass(frozen=True, slots=True)
class PointCount:
    """How many frames of a point files hold."""

    mn: str
    rows: int


@dataclass(frozen=True, slots=True)
class PointRange:
    """Points from one to another, both included."""

    first_mn: str
    last_mn: str


def frame_file_name(day: int, sha256: str) -> str:
    """Of a file with this content. No folder: replicas may reach the same files at other places."""
    return f"{FRAME_PREFIX}{shanghai_date(day).isoformat()}-{sha256[:16]}{SUFFIX}"


def merged_before_s(now_s: int) -> int:
    """Files of days that begin before this are merged: such a day ended two hours ago."""
    return now_s - DAY_S - SETTLES_S + 1


@dataclass(frozen=True, slots=True)
class FrameSizes:
    """Raw bytes in a file. `part`: written from the log, some 150,000 frames of 8 factors; it fits into DuckDB's memory
    however wide its frames are. `merged`: of a day that has ended, some 1.2 million frames, 80 MB on the disk."""

    part: int = 64 * 1024**2
    merged: int = 512 * 1024**2

    def of(self, files: Sequence[FrameFile]) -> int:
        """Of what these files are merged into."""
        narrow = sum(file.size for file in files) <= NARROW_BYTES * sum(file.rows for file in files)
        return self.merged if narrow else self.part


def worth_merging(files: Sequence[FrameFile], sizes: FrameSizes) -> list[FrameFile]:
    """Those of a day's files that become fewer by merging: a file of half the intended size or more stays as it is."""
    small = [file for file in files if file.size < sizes.of(files) // 2]
    return small if len(small) > 1 else []


def merged_count(files: Sequence[FrameFile], sizes: FrameSizes) -> int:
    """How many files they make when merged."""
    return ceil(sum(file.size for file in files) / sizes.of(files))


def point_ranges(counts: Iterable[PointCount], rows: int, files: int) -> Iterator[PointRange]:
    """The points, which come in order and have so many rows in all, in so many ranges of about one size, or fewer: all of a
    point go into one."""
    before = 0

    def nth(count: PointCount) -> int:
        nonlocal before
        before += count.rows
        return (2 * before - count.rows) * files // (2 * rows)

    for _, group in groupby(counts, key=nth):
        points = [count.mn for count in group]
        yield PointRange(points[0], points[-1])
