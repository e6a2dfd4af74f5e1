"""Files of frames as Parquet: written from the log, merged, read back, searched. Sorted by point, time of receipt and place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from services.monitoring.domain.frame import (
    FRAME_COLUMNS,
    Frame,
    FrameContent,
    FramePlace,
    PointCount,
    PointRange,
)
from services.monitoring.store.duckdb_files import TEMPORARY, cursor, quoted, readable, sha256_of, to_disk, workspace
from shared.domain.errors import Unreachable
from shared.private_files import FILE, make_private_file, make_private_folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROW_GROUP = "ROW_GROUP_SIZE 8192, ROW_GROUP_SIZE_BYTES '8MB'"  # what is read to find the frames of an hour of a point
AT_ONCE = 1_000  # frames in memory while a file is read
LARGEST_LINE = 8 * 1024**2  # a record of 4 MiB in base64
WHOLE = {"partition", "offset", "data_time_s", "received_at_ms", "logged_at_ms"}
_LIST = ", ".join(f'"{name}"' for name in FRAME_COLUMNS)
_LINES = ", ".join(f"'{name}': '{'BIGINT' if name in WHOLE else 'VARCHAR'}'" for name in FRAME_COLUMNS)
_OF_LINES = f"""SELECT * REPLACE (from_base64(raw) AS raw) FROM read_json('{{}}', format='newline_delimited',
 columns={{{{{_LINES}}}}}, maximum_object_size={LARGEST_LINE})"""
_PLACE = 'received_at_ms, topic, "partition", "offset"'
_COPY = f"""COPY ({{}} ORDER BY mn, {_PLACE})
 TO '{{}}' (FORMAT parquet, COMPRESSION zstd, {ROW_GROUP}, USE_TMP_FILE false)"""
_CONTENT = f"""SELECT count(*), sum(octet_length(raw))::BIGINT, sum(hash({_LIST})::HUGEINT), min(mn), max(mn),
 min(received_at_ms), max(received_at_ms) FROM """


@dataclass(frozen=True, slots=True)
class WrittenFrames:
    """A whole file on the disk, not yet under its name."""

    path: Path
    content: FrameContent
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class WantedFrames:
    """Which frames: of a point, received in [low_ms, high_ms), of these topics, behind a place; so many at most."""

    mn: str
    low_ms: int
    high_ms: int
    topics: Collection[str]
    behind: FramePlace | None
    limit: int


class FrameCount:
    """Counts frames as they go by; the digest is of this process."""

    def __init__(self) -> None:
        self.rows = self.size = self._digest = 0
        self._first = self._last = ""
        self._low = self._high = 0

    def add(self, frames: Iterable[Frame]) -> None:
        for one in frames:
            if not self.rows:
                self._first = self._last = one.mn
                self._low = self._high = one.received_at_ms
            self._first, self._last = min(self._first, one.mn), max(self._last, one.mn)
            self._low, self._high = min(self._low, one.received_at_ms), max(self._high, one.received_at_ms)
            self.rows += 1
            self.size += len(one.raw)
            self._digest += hash(one)

    def content(self) -> FrameContent:
        return FrameContent(self.rows, self.size, self._digest, self._first, self._last, self._low, self._high)


class FrameSpool:
    """Frames of one day on their way into a file: lines on the disk, so that memory is bounded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{TEMPORARY}{uuid4().hex}.json"
        self._count = FrameCount()
        with readable(self._path):
            make_private_folder(folder)
            make_private_file(self._path)
            self._file = self._path.open("ab")

    def add(self, frames: Sequence[Frame]) -> None:
        """Raises Unreachable."""
        with readable(self._path):
            self._file.write(_encode_lines(frames))
        self._count.add(frames)

    def write(self) -> WrittenFrames:
        """A file of what was added; it is on the disk when this returns. Raises Unreachable."""
        with readable(self._path):
            self._file.flush()
        path = _copied(self._folder, _OF_LINES.format(quoted(self._path)))
        return WrittenFrames(path, self._count.content(), path.stat().st_size, sha256_of(path))

    def remove(self) -> None:
        """It is done with, or given up."""
        self._file.close()
        self._path.unlink(missing_ok=True)


_encode_lines = msgspec.json.Encoder().encode_lines


def _copied(folder: Path, query: str) -> Path:
    """A new file of the query's rows, sorted, forced to the disk."""
    path = folder / f"{TEMPORARY}{uuid4().hex}.parquet"
    whole = False
    with readable(path):
        try:
            make_private_file(path)
            with workspace(folder) as duckdb:
                duckdb.execute(_COPY.format(query, quoted(path)))
            path.chmod(FILE)
            to_disk(path)
            whole = True
        finally:
            if not whole:
                path.unlink(missing_ok=True)
    return path


def merge_files(paths: Sequence[Path], points: PointRange) -> WrittenFrames:
    """A file of the frames that these files have of these points, compared with them. Raises Unreachable."""
    listed = ", ".join(f"'{quoted(path)}'" for path in paths)
    query = f"""SELECT * FROM read_parquet([{listed}])
     WHERE mn >= '{quoted(points.first_mn)}' AND mn <= '{quoted(points.last_mn)}'"""
    path = _copied(paths[0].parent, query)
    before, after = content_by_sql(paths, points), content_by_sql([path])
    if before is None or after != before:
        path.unlink(missing_ok=True)
        count = len(paths)
        raise Unreachable(f"a merged file does not hold what {count} files held", code="archive-away")
    return WrittenFrames(path, after, path.stat().st_size, sha256_of(path))


def content_by_sql(paths: Sequence[Path], points: PointRange | None = None) -> FrameContent | None:
    """Read all of the files and count them, as DuckDB does; None when there is no frame. Raises Unreachable."""
    source, values = "read_parquet($files)", _with_files(paths)
    if points is not None:
        source += " WHERE mn >= $first AND mn <= $last"
        values |= {"first": points.first_mn, "last": points.last_mn}
    with readable(*paths), cursor() as duckdb:
        row = duckdb.execute(_CONTENT + source, values).fetchone()
    return FrameContent(*row) if row is not None and row[0] else None


def content_of(path: Path) -> FrameContent:
    """Read all of the file and count it, as what was written was counted. Raises Unreachable."""
    count = FrameCount()
    for frames in read_file(path):
        count.add(frames)
    return count.content()


def read_file(path: Path) -> Iterator[list[Frame]]:
    """All frames in the order of the file, a part at a time. Raises Unreachable."""
    with readable(path), cursor() as duckdb:
        result = duckdb.execute(f"SELECT {_LIST} FROM read_parquet($files)", _with_files([path]))
        while rows := result.fetchmany(AT_ONCE):
            yield [Frame(*row) for row in rows]


def counts_of_points(paths: Sequence[Path]) -> Iterator[PointCount]:
    """How many frames of each point the files hold, in order. Raises Unreachable."""
    query = "SELECT mn, count(*) FROM read_parquet($files) GROUP BY mn ORDER BY mn"
    with readable(*paths), cursor() as duckdb:
        result = duckdb.execute(query, _with_files(paths))
        while rows := result.fetchmany(AT_ONCE):
            for row in rows:
                yield PointCount(*row)


def frames_in(paths: Sequence[Path], wanted: WantedFrames) -> list[Frame]:
    """The first frames that are wanted, in order of receipt. Raises Unreachable."""
    values: dict[str, object] = {"mn": wanted.mn, "low": wanted.low_ms, "high": wanted.high_ms}
    values |= {"topics": sorted(wanted.topics)}
    condition = "mn = $mn AND received_at_ms >= $low AND received_at_ms < $high AND topic = ANY($topics)"
    if wanted.behind is not None:
        place = wanted.behind
        condition += f" AND ({_PLACE}) > ($received, $topic, $partition, $offset)"
        values |= {"received": place.received_at_ms, "topic": place.topic}
        values |= {"partition": place.partition, "offset": place.offset}
    query = f"SELECT {_LIST} FROM read_parquet($files) WHERE {condition} ORDER BY {_PLACE} LIMIT {wanted.limit:d}"
    with readable(*paths), cursor() as duckdb:
        return _frames(duckdb, query, _with_files(paths) | values)


def _frames(duckdb: DuckDBPyConnection, query: str, values: dict[str, object]) -> list[Frame]:
    return [Frame(*row) for row in duckdb.execute(query, values).fetchall()]


def _with_files(paths: Sequence[Path]) -> dict[str, object]:
    return {"files": [str(path) for path in paths]}
