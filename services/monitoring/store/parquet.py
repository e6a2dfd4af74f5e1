"""Files of readings as Parquet: written in one go, read back, searched. DuckDB does it, and is imported at the first use.

A file is sorted by point, period, time and factor; whoever has DuckDB, or another reader of Parquet, can query it by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from uuid import uuid4

import msgspec

from services.monitoring.domain.archive import COLUMNS, Content, Readings
from services.monitoring.domain.packet_row import PacketKey
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.store import duckdb_files
from services.monitoring.store.duckdb_files import TEMPORARY, cursor, quoted, readable, sha256_of, to_disk
from shared.private_files import FILE, make_private_file, make_private_folder

TYPES = dict.fromkeys(COLUMNS, "VARCHAR") | dict.fromkeys(("start_s", "micro", "zs_micro", "received_at_s"), "BIGINT")
ROW_GROUP = 20_480  # readings: what is read to find one hour of a point
AT_ONCE = 20_000  # readings in memory while a file is read
WRITTEN_AT_ONCE = 2_000  # packets in memory while a file is written
_LIST = ", ".join(COLUMNS)
_LINES = ", ".join(f"{name}: '{kind}'" for name, kind in TYPES.items())
_COPY = f"""COPY (SELECT {_LIST} FROM read_json('{{}}', format='newline_delimited', columns={{{{{_LINES}}}}}))
 TO '{{}}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}, USE_TMP_FILE false)"""
_ORDER = "ORDER BY mn, period, start_s, factor"
_NEWEST = f"""SELECT {_LIST} FROM (SELECT mn, period, factor, max(start_s) AS start_s FROM read_parquet($files)
 GROUP BY mn, period, factor) JOIN read_parquet($files) USING (mn, period, factor, start_s)"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which readings of files; None: any. Starts are in [low_s, high_s)."""

    mns: Collection[str] | None = None
    period: str | None = None
    factor: str | None = None
    low_s: int | None = None
    high_s: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A whole file on the disk, not yet under its name."""

    path: Path
    content: Content
    bytes: int
    sha256: str


def write_file(folder: Path, packets: Iterable[Readings]) -> WrittenFile:
    """Write a file of these packets, which come in the order of their keys; there is one at least. It is on the disk when
    this returns. Memory is bounded. Raises Unreachable."""
    make_private_folder(folder)
    name = f"{TEMPORARY}{uuid4().hex}"
    lines, path = folder / f"{name}.json", folder / f"{name}.parquet"
    whole = False
    with readable(path):
        try:
            make_private_file(lines)
            make_private_file(path)
            content = _write_lines(lines, packets)
            with cursor() as duckdb:
                duckdb.execute(_COPY.format(quoted(lines), quoted(path)))
            path.chmod(FILE)
            to_disk(path)
            whole = True
        finally:
            if not whole:
                path.unlink(missing_ok=True)
            lines.unlink(missing_ok=True)
    return WrittenFile(path, content, path.stat().st_size, sha256_of(path))


def _write_lines(path: Path, packets: Iterable[Readings]) -> Content:
    encode = msgspec.json.Encoder().encode_lines
    count = _Count()
    with path.open("wb") as file:
        for packet in packets:
            count.add(packet)
            file.write(encode(packet))
    return count.content()


def put_in_place(file: WrittenFile, path: Path) -> None:
    """Give the file its name; after this a loss of power cannot take it back."""
    duckdb_files.put_in_place(file.path, path)


def content_of(path: Path) -> Content | None:
    """Read all of the file and count it; None when there is no reading in it. Raises Unreachable."""
    count = _Count()
    for _, packet in groupby(read_file(path), key=lambda one: (one.mn, one.period, one.start_s)):
        count.add(list(packet))
    return count.content() if count.rows else None


def read_file(path: Path) -> Iterator[PeriodValue]:
    """All readings in the order of the file, a part at a time. Raises Unreachable."""
    with readable(path), cursor() as duckdb:
        result = duckdb.execute(f"SELECT {_LIST} FROM read_parquet($files)", {"files": [str(path)]})
        while rows := result.fetchmany(AT_ONCE):
            for row in rows:
                yield PeriodValue(*row)


def readings(paths: Sequence[Path], wanted: Wanted) -> list[PeriodValue]:
    """The readings of the files that are wanted, in order. Raises Unreachable."""
    conditions, values = _conditions(wanted)
    limit = "" if wanted.limit is None else f"LIMIT {wanted.limit:d}"
    query = f"SELECT {_LIST} FROM read_parquet($files) WHERE {conditions} {_ORDER} {limit}"
    return _fetch(paths, query, values)


def starts(paths: Sequence[Path], wanted: Wanted) -> list[int]:
    """The starts of the packets that are wanted, in order. Raises Unreachable."""
    conditions, values = _conditions(wanted)
    limit = "" if wanted.limit is None else f"LIMIT {wanted.limit:d}"
    query = f"SELECT DISTINCT start_s FROM read_parquet($files) WHERE {conditions} ORDER BY start_s {limit}"
    if not paths:
        return []
    with readable(*paths), cursor() as duckdb:
        return [start for (start,) in duckdb.execute(query, _with_files(paths, values)).fetchall()]


def packets_from_to(path: Path, first: PacketKey, last: PacketKey) -> dict[PacketKey, Readings]:
    """The packets of a file from one key to another, both included. Raises Unreachable."""
    query = f"""SELECT {_LIST} FROM read_parquet($files) WHERE mn >= $first AND mn <= $last
     AND (mn, period, start_s) >= ($first, $first_period, $low) AND (mn, period, start_s) <= ($last, $last_period, $high)
     {_ORDER}"""
    values: dict[str, object] = {"first": first.mn, "first_period": first.period, "low": first.start_s}
    values |= {"last": last.mn, "last_period": last.period, "high": last.start_s}
    found: dict[PacketKey, Readings] = {}
    for one in _fetch([path], query, values):
        found.setdefault(PacketKey(one.mn, one.period, one.start_s), []).append(one)
    return found


def newest_of_series(path: Path) -> list[PeriodValue]:
    """The newest reading of each point, period and factor of a file. Raises Unreachable."""
    return _fetch([path], _NEWEST, {})


class _Count:
    """Counts packets as they go by."""

    def __init__(self) -> None:
        self.rows = self._readings = self._digest = 0
        self._first: PacketKey | None = None
        self._last: PacketKey | None = None

    def add(self, packet: Readings) -> None:
        one = packet[0]
        self._last = PacketKey(one.mn, one.period, one.start_s)
        self._first = self._first or self._last
        self.rows += 1
        self._readings += len(packet)
        self._digest += sum(map(hash, packet))

    def content(self) -> Content:
        assert self._first is not None and self._last is not None
        return Content(self.rows, self._readings, self._digest, self._first, self._last)


def _conditions(wanted: Wanted) -> tuple[str, dict[str, object]]:
    """The condition in SQL, and its values."""
    given = {
        "period = $period": ("period", wanted.period),
        "factor = $factor": ("factor", wanted.factor),
        "start_s >= $low": ("low", wanted.low_s),
        "start_s < $high": ("high", wanted.high_s),
        "mn = ANY($mns)": ("mns", wanted.mns and sorted(wanted.mns)),
        "mn >= $least": ("least", wanted.mns and min(wanted.mns)),  # a list alone leaves out no part of a file
        "mn <= $greatest": ("greatest", wanted.mns and max(wanted.mns)),
    }
    used = {condition: one for condition, one in given.items() if one[1] is not None}
    return " AND ".join(used) or "true", dict(used.values())


def _fetch(paths: Sequence[Path], query: str, values: dict[str, object]) -> list[PeriodValue]:
    if not paths:
        return []
    with readable(*paths), cursor() as duckdb:
        return [PeriodValue(*row) for row in duckdb.execute(query, _with_files(paths, values)).fetchall()]


def _with_files(paths: Sequence[Path], values: dict[str, object]) -> dict[str, object]:
    return {"files": [str(path) for path in paths], **values}
